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

test("lambda: gRPC-Web in text, base64 within base64 and as the event's text", async () => {
  const type = "application/grpc-web-text+proto";
  const text = enveloped.toString("base64");
  for (const inText of [false, true]) {
    const stream = new ResponseStream();
    const asked = event("/fairlead.test.v1.Echo/Unary", { "content-type": type, accept: type }, Buffer.from(text));
    await handler(inText ? { ...asked, body: text, isBase64Encoded: false } : asked, stream, {});
    expect(stream.head?.headers["content-type"]).toBe(type);
    const pieces = stream.body.toString().match(/[^=]+=*/g) ?? [];
    const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
    expect(bytes.subarray(0, enveloped.length)).toEqual(enveloped);
    expect(bytes.subarray(enveloped.length + 5).toString()).toMatch(/^grpc-status: ?0\r\n/);
  }
});

test("lambda: bytes of every value come as they are", async () => {
  const stream = new ResponseStream();
  const all = encodeMessage(Uint8Array.from({ length: 256 }, (_, i) => i));
  await handler(event("/fairlead.test.v1.Echo/Unary", { "content-type": "application/proto" }, all), stream, {});
  expect(new Uint8Array(stream.body)).toEqual(all);
});

test("lambda: what a client sends does not make the function fail", async () => {
  const cases = [
    event("/fairlead.test.v1.Echo/Unary", {}, new Uint8Array(0), "TRACE"),
    event("/fairlead.test.v1.Echo/Unary", { "x-a": "\u20ac" }, new Uint8Array(0)),
    { ...event("/fairlead.test.v1.Echo/Unary", {}, new Uint8Array(0)), body: "%%%" },
  ];
  for (const asked of cases) {
    const stream = new ResponseStream();
    await handler(asked, stream, {});
    expect(stream.head?.statusCode).toBe(400);
    expect(stream.body.toString()).toMatch(/^fairlead: the request cannot be read: /);
  }
  for (const method of ["HEAD", "GET", "PUT", "DELETE", "OPTIONS"]) {
    const stream = new ResponseStream();
    await handler(event("/fairlead.test.v1.Echo/Unary", {}, new Uint8Array(0), method), stream, {});
    expect(stream.head?.statusCode, method).toBe(405);
    expect(stream.head?.headers.allow, method).toBe("POST");
    expect(stream.writableEnded).toBe(true);
  }
});

test("lambda: path and query are kept with their escapes, several cookies are one header, and each cookie of an answer goes out", async () => {
  const { createLambdaHandler } = await import("../../../src/fetch/lambda.ts");
  let seen: Request | undefined;
  const app = {
    fetch: (request: Request) => {
      seen = request;
      const headers = new Headers({ "x-a": "1" });
      headers.append("x-a", "2");
      headers.append("set-cookie", "c=1; Path=/");
      headers.append("set-cookie", "d=2, 3");
      return new Response(null, { status: 204, headers });
    },
  };
  const stream = new ResponseStream();
  const headers = { "x-many": "a,b" };
  const asked = event("/p.S/M%2F%C3%A9", headers, new Uint8Array(0), "GET", "message=%7B%22a%22%3A%2B%7D&base64=0&a+b");
  await (createLambdaHandler(app) as Handler)(asked, stream, {});
  const host = "https://abc.lambda-url.eu-central-1.on.aws";
  expect(seen?.url).toBe(`${host}/p.S/M%2F%C3%A9?message=%7B%22a%22%3A%2B%7D&base64=0&a+b`);
  expect([seen?.headers.get("cookie"), seen?.headers.get("x-many")]).toEqual(["a=1; b=2", "a,b"]);
  expect(stream.head).toEqual({ statusCode: 204, headers: { "x-a": "1, 2" }, cookies: ["c=1; Path=/", "d=2, 3"] });
});

test("lambda: an answer that breaks is not ended as if it were whole", async () => {
  const { createLambdaHandler } = await import("../../../src/fetch/lambda.ts");
  let sent = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (sent) controller.error(new Error("cut off"));
      else controller.enqueue(new Uint8Array(3));
      sent = true;
    },
  });
  const stream = new ResponseStream();
  const run = createLambdaHandler({ fetch: () => new Response(body) }) as Handler;
  await expect(run(event("/p.S/M", {}, new Uint8Array(0)), stream, {})).rejects.toThrow("cut off");
  expect(stream.body).toHaveLength(3);
  expect(stream.writableEnded).toBe(false);
});

test("lambda: a stream that takes no more is waited for", async () => {
  const { createLambdaHandler } = await import("../../../src/fetch/lambda.ts");
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (++pulled > 100) controller.close();
        else controller.enqueue(new Uint8Array(10_000));
      },
    },
    { highWaterMark: 0 },
  );
  let release: () => void = () => {};
  const held = new Writable({
    highWaterMark: 20_000,
    write: (_chunk, _encoding, done) => {
      release = done;
    },
  });
  const run = createLambdaHandler({ fetch: () => new Response(body) }) as unknown as (
    event: object,
    stream: Writable,
  ) => Promise<void>;
  const running = run(event("/p.S/M", {}, new Uint8Array(0)), held);
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(pulled).toBeLessThanOrEqual(3);
  for (let before = -1; before !== pulled; ) {
    before = pulled;
    for (let i = 0; i < 5; i++) {
      release();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await running;
  expect(pulled).toBe(101);
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
