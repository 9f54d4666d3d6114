import type { Head, Receiver } from "../http2/receiver.ts";
import type { Timer } from "../runtime/machine.ts";
import { classify, type Request } from "./classify.ts";
import { ConnectStreamResponse } from "./connect-stream.ts";
import type { Downstream } from "./downstream.ts";
import { GrpcWebResponse } from "./grpc-web.ts";
import { errorJson, type RpcStatus } from "./rpc-error.ts";
import { field, ownHead, Status, trailersOnly } from "./status.ts";

const PLAIN = "text/plain; charset=utf-8";

/** What this port takes, for `Accept-Post` (W3C LDP 7.1) on a 415. */
export const ACCEPT_POST = [
  "application/grpc",
  "application/grpc+proto",
  "application/grpc+json",
  "application/grpc-web",
  "application/grpc-web+proto",
  "application/grpc-web+json",
  "application/grpc-web-text",
  "application/grpc-web-text+proto",
  "application/connect+proto",
  "application/connect+json",
  "application/proto",
  "application/json",
].join(", ");

/** A plain HTTP answer to what is not a call. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** For people; ends with a line feed. */
  readonly body: string;
  /** The same for a client whose protocol is known. Absent: everyone gets the plain answer. */
  readonly rpc?: RpcStatus;
}

/**
 * Why a request that is not gRPC is not served.
 * @param byGet the method may be called by GET, too: Allow lists what the resource supports (RFC 9110 10.2.1)
 */
export function refusalOf(
  request: Pick<Request, "httpMethod" | "contentType" | "path" | "method">,
  byGet = false,
): PlainAnswer {
  if (request.method === "") return { status: 404, headers: [], body: `fairlead: ${notOfACall(request)}.\n` };
  if (request.httpMethod !== "POST") {
    return {
      status: 405,
      headers: [["allow", byGet ? "GET, POST" : "POST"]],
      body:
        byGet && request.httpMethod === "GET"
          ? "fairlead: a GET is a call when its query has encoding and message.\n"
          : `fairlead: ${request.httpMethod.slice(0, 20)} is not a call; calls are POST requests of gRPC, gRPC-Web or Connect.\n`,
    };
  }
  const got = request.contentType === "" ? "no content-type" : `content-type ${request.contentType.slice(0, 100)}`;
  return {
    status: 415,
    headers: [["accept-post", ACCEPT_POST]],
    body: `fairlead: ${got} is not one that this port speaks; it takes gRPC, gRPC-Web and Connect.\n`,
  };
}

/** For a request whose `method` is empty. */
export function notOfACall({ path }: Pick<Request, "path">): string {
  return `path ${path.slice(0, 200)} is not that of a call; calls go to /package.Service/Method`;
}

/**
 * A Connect GET in a codec other than those that a POST may have. Its answer would bear that name, and a link to it is enough for a
 * browser to open it: `encoding=xhtml%2Bxml` must not make a page of a pod's message.
 */
export function refusalOfCodec({ codec }: Pick<Request, "codec">): PlainAnswer {
  return {
    status: 415,
    headers: [["accept-post", ACCEPT_POST]],
    body: `fairlead: encoding ${JSON.stringify(codec.slice(0, 100))} is not one that this port speaks; it takes proto and json.\n`,
  };
}

/** A Connect GET to a method that no route lists, and that no schema says has no side effects. */
export function refusalOfGet(request: Pick<Request, "service" | "method">): PlainAnswer {
  return {
    status: 405,
    // A 405 may be kept without a word (RFC 9111 4.2.2), and the method be listed in a minute.
    headers: [
      ["allow", "POST"],
      ["cache-control", "no-store"],
    ],
    body: `fairlead: ${request.service}/${request.method} may not be called by GET: no route lists it in connectGet, and no schema says idempotency_level = NO_SIDE_EFFECTS.\n`,
  };
}

/**
 * gRPC over HTTP/1.1 or fetch, which carry no trailers: the status would be lost, with the call made. RFC 9110 15.5.22: the
 * client has to use another protocol, named by Upgrade.
 */
export const refusalOfHttp1Grpc: PlainAnswer = {
  status: 426,
  headers: [
    ["upgrade", "h2c"],
    // What stands here replaces the server's own word, and a client that asked for `close` must get it (RFC 9112 9.6).
    ["connection", "upgrade, close"],
  ],
  body:
    "fairlead: gRPC needs HTTP/2 from end to end, and this request came over HTTP/1.1. Use a gRPC client with HTTP/2: " +
    "by prior knowledge in plaintext, by ALPN with TLS.\n",
};

/**
 * The header list was over a limit. RFC 6585 5; no protocol maps a 431 to a code, and clients would make `unknown` of it, so those
 * whose protocol is known hear RESOURCE_EXHAUSTED. A client whose content-type stood behind the limit is not known.
 */
export function refusalOfOverflow(overflow: "bytes" | "fields"): PlainAnswer {
  const what = overflow === "bytes" ? "larger than maxHeaderListBytes allows" : "longer than maxHeaderFields allows";
  const message = `the request's header list is ${what}`;
  return {
    status: 431,
    headers: [],
    body: `fairlead: ${message}.\n`,
    rpc: { code: Status.RESOURCE_EXHAUSTED, message, details: [] },
  };
}

/** An answer in the client's own protocol, if it is one that says codes and the answer has one. Else plain. */
function send(answer: PlainAnswer, request: Request | null, httpMethod: string, to: Downstream): void {
  const { rpc } = answer;
  const protocol = request?.protocol;
  if (rpc === undefined || request === null) sendBody(answer, PLAIN, httpMethod, to);
  else if (protocol === "grpc") {
    to.head(trailersOnly(rpc.code, rpc.message, request.contentType));
    to.end(null);
  } else if (protocol === "grpc-web" || protocol === "grpc-web-text")
    new GrpcWebResponse(request, to).fail(rpc.code, rpc.message);
  else if (protocol === "connect-stream") new ConnectStreamResponse(request, to).fail(rpc);
  else if (protocol === "connect-unary" || protocol === "connect-get") {
    // HTTP's own status stays: a Connect client takes the code from the JSON, whatever the status is.
    sendBody({ ...answer, body: JSON.stringify(errorJson(rpc)) }, "application/json", httpMethod, to);
  } else sendBody(answer, PLAIN, httpMethod, to);
}

/** An answer's bytes as a response. HEAD gets no body. */
function sendBody(answer: PlainAnswer, contentType: string, httpMethod: string, to: Receiver): void {
  const body = new TextEncoder().encode(answer.body);
  const fields = [":status", String(answer.status), "content-type", contentType];
  for (const [name, value] of answer.headers) fields.push(name, value);
  fields.push("content-length", String(body.length));
  to.head(ownHead(fields));
  if (httpMethod !== "HEAD") to.data(body, 0, body.length);
  to.end(null);
}

/** A body longer than this is not read to its end before the answer: the client is told to stop sending. */
const PATIENT_BYTES = 65_536;

/**
 * Takes a request that is refused before it is a call, mostly with a plain HTTP answer: reads the body, so that clients which send before they read see
 * the answer and the connection goes on, and answers when it ends.
 */
export class Refusal implements Receiver {
  readonly #answer: PlainAnswer;
  readonly #httpMethod: string;
  readonly #to: Downstream;
  #request: Request | null = null;
  /** Calls {@link expire}; cancelled when the answer is out, or it would keep all of this for nothing. */
  timer: Timer | null = null;
  #left = PATIENT_BYTES;
  #answered = false;

  constructor(answer: PlainAnswer, httpMethod: string, to: Downstream) {
    this.#answer = answer;
    this.#httpMethod = httpMethod;
    this.#to = to;
  }

  head(head: Head): void {
    this.#request = classify(head);
    // RFC 9110 10.1.1: to who waits for 100 (Continue), "an immediate response with a final status code, if that status can be
    // determined by examining just the method, target URI, and header fields".
    if (field(head.fields, "expect") !== undefined) this.#send();
  }

  data(_bytes: Uint8Array, start: number, end: number): void {
    this.#to.consumed(end - start);
    this.#left -= end - start;
    if (this.#left < 0) this.#send();
  }

  end(): void {
    this.#send();
  }

  /** Also called when the client has been silent for too long. */
  expire(): void {
    this.#send();
  }

  abort(): void {
    this.#answered = true;
    this.timer?.cancel();
  }

  #send(): void {
    if (this.#answered) return;
    this.#answered = true;
    this.timer?.cancel();
    send(this.#answer, this.#request, this.#httpMethod, this.#to);
  }
}
