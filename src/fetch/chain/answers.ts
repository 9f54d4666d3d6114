import type { CorsSettings } from "../../config/settings.ts";
import type { Head, Receiver } from "../../http2/receiver.ts";
import type { Request as Call } from "../../protocols/classify.ts";
import { ConnectStreamResponse } from "../../protocols/connect-stream.ts";
import { ConnectUnaryResponse } from "../../protocols/connect-unary.ts";
import { CorsResponse, isPreflight, preflightAnswer } from "../../protocols/cors.ts";
import type { Downstream } from "../../protocols/downstream.ts";
import { enterFetch, LINGER_MS } from "../../protocols/fetch.ts";
import { GrpcWebResponse } from "../../protocols/grpc-web.ts";
import { Refusal, refusalOf } from "../../protocols/refusal.ts";
import { ownHead } from "../../protocols/status.ts";
import type { Clock } from "../../runtime/machine.ts";

const nobody: Receiver = { head() {}, data() {}, end() {}, abort() {} };

/** An error of the edge's own, in the form that the client's protocol has for it. @param call that of the request */
export function errorAnswer(request: Request, call: Call, code: number, message: string): Promise<Response> {
  return enterFetch(bodyless(request), (to) => {
    fail(to, call, code, message);
    return nobody;
  });
}

function fail(to: Downstream, call: Call, code: number, message: string): void {
  const status = { code, message, details: [] };
  switch (call.protocol) {
    case "grpc-web":
    case "grpc-web-text":
      new GrpcWebResponse(call, to).fail(code, message);
      return;
    case "connect-stream":
      new ConnectStreamResponse(call, to).fail(status);
      return;
    default:
      new ConnectUnaryResponse(call, to, 0).fail(status);
  }
}

/** What is no call gets the same plain answers as at a gateway; null for a call. */
export function refuse(request: Request, call: Call, clock: Clock): Promise<Response> | null {
  if (call.protocol !== "other" && call.method !== "") return null;
  const enter = (to: Downstream): Receiver => {
    const refusal = new Refusal(refusalOf(call), call.httpMethod, to);
    refusal.timer = clock.timer(() => refusal.expire(), LINGER_MS);
    return refusal;
  };
  return enterFetch(request, enter, "", clock);
}

/** The answer to a browser's question before its call; null for other requests. */
export function preflight(request: Request, call: Call, head: Head, cors: CorsSettings): Promise<Response> | null {
  if (!isPreflight(call, head)) return null;
  return enterFetch(bodyless(request), (to) => {
    to.head(preflightAnswer(cors, call.origin));
    to.end(null);
    return nobody;
  });
}

/** The headers with what CORS adds. */
export function withCors(headers: Headers, cors: CorsSettings, origin: string): Headers {
  const fields = [":status", "200"];
  for (const [name, value] of headers) fields.push(name, value);
  const result = new Headers();
  const to: Downstream = {
    ...nobody,
    source: null,
    peer: "",
    consumed() {},
    head(head) {
      for (let i = 2; i < head.fields.length; i += 2) result.append(head.fields[i], head.fields[i + 1]);
    },
  };
  new CorsResponse(to, cors, origin).head(ownHead(fields));
  return result;
}

/** The body is somebody else's. */
function bodyless(request: Request): Request {
  return new Request(request.url, { method: request.method, headers: request.headers });
}
