import { Writable } from "node:stream";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { encodeMessage, pattern } from "../../e2e/support/echo.ts";
import { type Pod, startPod } from "../../e2e/support/pods.ts";
import { bundle, createFolder, removeFolders } from "../support/bundle.ts";

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

/** What the runtime of AWS does with what is written: the head as JSON, eight zero bytes, the body. */
class ResponseStream extends Writable {
  readonly chunks: Buffer[] = [];
  head: { readonly statusCode: number; readonly headers: Record<string, string>; readonly cookies: string[] } | null =
    null;
  /** Called for each chunk. */
  onChunk: () => void = () => {};

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    this.onChunk();
    done();
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

type Handler = (event: object, stream: ResponseStream, context: object) => Promise<void>;

let pod: Pod;
let handler: Handler;

beforeAll(async () => {
  pod = await startPod("grpc-js");
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: (run: Handler) => run,
      HttpResponseStream: {
        from: (stream: ResponseStream, head: ResponseStream["head"]) => {
          stream.head = head;
          return stream;
        },
      },
    },
  });
  process.env.TARGET = `ipv4:${pod.address}`;
  const { path } = await bundle("deploy/lambda/main.ts", "node", createFolder());
  handler = ((await import(path)) as { handler: Handler }).handler;
});
afterAll(removeFolders);
afterAll(async () => {
  await pod.stop("SIGKILL");
});

/** A function URL's event, payload format 2.0, as AWS documents it. */
function event(path: string, headers: Record<string, string>, body: Uint8Array, method = "POST", query = ""): object {
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: query,
    cookies: ["a=1", "b=2"],
    headers: { host: "abc.lambda-url.eu-central-1.on.aws", "x-forwarded-for": "203.0.113.9", ...headers },
    requestContext: {
      accountId: "anonymous",
      apiId: "abc",
      domainName: "abc.lambda-url.eu-central-1.on.aws",
      domainPrefix: "abc",
      http: { method, path, protocol: "HTTP/1.1", sourceIp: "203.0.113.9", userAgent: "agent" },
      requestId: "id",
      routeKey: "$default",
      stage: "$default",
      time: "25/Nov/2026:12:00:00 +0000",
      timeEpoch: 1_795_600_000_000,
    },
    body: Buffer.from(body).toString("base64"),
    isBase64Encoded: true,
  };
}

const message = encodeMessage(pattern(5));
const enveloped = Buffer.concat([Uint8Array.of(0, 0, 0, 0, message.length), message]);

test("lambda: a unary Connect call, with metadata both ways", async () => {
  const stream = new ResponseStream();
  const headers = { "content-type": "application/proto", "x-echo-a": "one", "x-trail-b": "two" };
  await handler(event("/fairlead.test.v1.Echo/Unary", headers, message), stream, {});
  expect(stream.head).toMatchObject({
    statusCode: 200,
    headers: { "content-type": "application/proto", "x-echo-a": "one", "trailer-x-trail-b": "two" },
  });
  expect(new Uint8Array(stream.body)).toEqual(message);
  expect(stream.writableEnded).toBe(true);
});

test("lambda: a server stream of gRPC-Web comes message by message", async () => {
  const stream = new ResponseStream();
  const headers = { "content-type": "application/grpc-web+proto", "x-answers": "3", "x-answer-bytes": "5" };
  await handler(event("/fairlead.test.v1.Echo/ServerStream", headers, enveloped), stream, {});
  expect(stream.head).toMatchObject({ statusCode: 200, headers: { "content-type": "application/grpc-web+proto" } });
  const { body } = stream;
  expect(body.subarray(0, 3 * enveloped.length)).toEqual(Buffer.concat([enveloped, enveloped, enveloped]));
  expect(body.subarray(3 * enveloped.length + 5).toString()).toMatch(/^grpc-status: ?0\r\n/);
});

test("lambda: a stream that is closed before its end cancels the call at the pod", async () => {
  const stream = new ResponseStream();
  stream.onChunk = () => {
    if (stream.body.length > 0) stream.destroy();
  };
  const from = pod.child.reports.length;
  const headers = { "content-type": "application/grpc-web+proto", "x-hang": "1" };
  await handler(event("/fairlead.test.v1.Echo/ServerStream", headers, enveloped), stream, {});
  // The end of the call before this one may be told late.
  await pod.child.report((report) => report.event === "end" && report.how === "cancelled", from);
});

test("lambda: a preflight has no body, and its head is sent all the same", async () => {
  const stream = new ResponseStream();
  const headers = { origin: "https://page.example", "access-control-request-method": "POST" };
  await handler(event("/fairlead.test.v1.Echo/Unary", headers, new Uint8Array(0), "OPTIONS"), stream, {});
  expect(stream.head?.statusCode).toBe(204);
  expect(stream.body).toHaveLength(0);
});
