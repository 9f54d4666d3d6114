import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type GatewayProcess, startGatewayProcess } from "./support/gateway.ts";
import { expectQuiet } from "./support/quiet.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/**
 * Invariant 10 where gRPC libraries do not look: the order of fields across names, duplicates, odd values, resets. Both ends are
 * node:http2, which hands out the fields as they came.
 */

type Raw = readonly string[];
type Serve = (stream: http2.ServerHttp2Stream, raw: Raw) => void;

/** What the client got. Fields are name, value, name, value. */
interface Got {
  readonly head: Raw;
  readonly body: Buffer;
  readonly trailers: Raw | null;
  /** The code of the RST_STREAM that ended it; 0 for an orderly end. */
  readonly reset: number;
}

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INTERNAL_ERROR } = http2.constants;

/** node:http2 says by a symbol of the headers object which fields came never-indexed. */
type Fields = Readonly<Record<string | symbol, unknown>>;

let serve: Serve = () => {};
let sensitive: unknown;
let pod: http2.Http2Server;
let gateway: GatewayProcess;
let session: http2.ClientHttp2Session;

beforeAll(async () => {
  pod = http2.createServer();
  pod.on("stream", ((stream: http2.ServerHttp2Stream, headers: Fields, _flags: number, raw: Raw) => {
    stream.on("error", () => {});
    sensitive = headers[http2.sensitiveHeaders];
    serve(stream, raw);
  }) as () => void);
  await new Promise<void>((resolve) => pod.listen(0, "127.0.0.1", resolve));
  gateway = await startGatewayProcess({ target: `ipv4:127.0.0.1:${(pod.address() as AddressInfo).port}` });
  session = http2.connect(`http://${gateway.address}`);
});

afterAll(async () => {
  session?.destroy();
  if (gateway !== undefined) {
    await expectQuiet(gateway);
    expect(await gateway.stop()).toBe(0);
  }
  await new Promise((resolve) => pod.close(resolve));
});

const REQUEST = {
  ":method": "POST",
  ":path": "/exact.v1.Exact/Call",
  te: "trailers",
  "content-type": "application/grpc",
} as const;

async function call(headers: http2.OutgoingHttpHeaders, body: Uint8Array | null = new Uint8Array(5)): Promise<Got> {
  const stream = session.request({ ...REQUEST, ...headers }, { endStream: body === null });
  let head: Raw = [];
  let trailers: Raw | null = null;
  const chunks: Buffer[] = [];
  // The raw fields are the third argument, which the types do not know.
  stream.on("response", ((_h: unknown, _f: unknown, raw: Raw) => {
    head = raw;
  }) as () => void);
  stream.on("trailers", ((_h: unknown, _f: unknown, raw: Raw) => {
    trailers = raw;
  }) as () => void);
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", () => {});
  if (body !== null) stream.end(body);
  await new Promise((resolve) => stream.once("close", resolve));
  return { head, body: Buffer.concat(chunks), trailers, reset: stream.rstCode ?? 0 };
}

/** Sends the head without the `date` that node:http2 adds by itself; the types do not know how. */
function respond(stream: http2.ServerHttp2Stream, head: http2.OutgoingHttpHeaders, options: object = {}): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...head }, {
    ...options,
    sendDate: false,
  } as object);
}

function answer(head: http2.OutgoingHttpHeaders, body: Uint8Array | null, trailers: http2.OutgoingHttpHeaders): Serve {
  return (stream) => {
    stream.resume();
    respond(stream, head, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body ?? undefined);
  };
}

/** The request's fields as the pod gets them, in order. */
async function seenByPod(headers: http2.OutgoingHttpHeaders): Promise<Raw> {
  let seen: Raw = [];
  serve = (stream, raw) => {
    seen = raw;
    answer({}, null, { "grpc-status": "0" })(stream, raw);
  };
  await call(headers);
  return seen;
}

describe("exactness: the request", () => {
  test("fields reach the pod in their order, with duplicates, and values untouched", async () => {
    const seen = await seenByPod({
      "x-z": "last in the alphabet, first here",
      "x-a": ["1", "2", "1"],
      "x-data-bin": ["AAEC", "AwQ=", "AAEC,AwQ="],
      "x-m": "latin1 \u00e9\u00ff",
      cookie: ["a=1", "b=2"],
      "user-agent": "exact/1",
    });
    const from = seen.indexOf("x-z");
    expect(seen.slice(from)).toEqual([
      ...["x-z", "last in the alphabet, first here", "x-a", "1", "x-a", "2", "x-a", "1"],
      ...["x-data-bin", "AAEC", "x-data-bin", "AwQ=", "x-data-bin", "AAEC,AwQ="],
      ...["x-m", "latin1 \u00e9\u00ff", "cookie", "a=1", "cookie", "b=2", "user-agent", "exact/1"],
    ]);
  });

  test("`te: trailers` reaches the pod once, whether the client sent it or not", async () => {
    const times = (raw: Raw): number => raw.filter((text, index) => index % 2 === 0 && text === "te").length;
    expect(times(await seenByPod({}))).toBe(1);
    expect(times(await seenByPod({ te: undefined }))).toBe(1);
  });

  test("the deadline that the pod is told is not longer than the client's", async () => {
    const seen = await seenByPod({ "grpc-timeout": "30S" });
    const timeout = seen[seen.indexOf("grpc-timeout") + 1] ?? "";
    const unit = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 }[timeout.slice(-1)] ?? Number.NaN;
    const ms = Number(timeout.slice(0, -1)) * unit;
    expect(timeout).toMatch(/^\d{1,8}[HMSmun]$/);
    expect(ms).toBeLessThanOrEqual(30_000);
    expect(ms).toBeGreaterThan(0);
  });

  test("a sensitive field stays never-indexed", async () => {
    // RFC 7541 7.1.3.
    await seenByPod({ authorization: "Bearer secret", "x-key": "secret too", [http2.sensitiveHeaders]: ["x-key"] });
    expect(sensitive).toEqual(expect.arrayContaining(["authorization", "x-key"]));
  });
});

describe("exactness: the answer", () => {
  test("head and trailers reach the client in their order, with duplicates, and values untouched", async () => {
    const head = {
      "x-z": "1",
      "x-a": ["b", "a", "b"],
      "x-data-bin": ["AA", "AA==", "AA,AQ"],
      "grpc-encoding": "snappy",
    };
    const trailers = {
      "x-t": ["2", "1"],
      "grpc-status": "5",
      "grpc-message": "%41 %zz %E2",
      "x-s": "",
      "x-t-bin": "AQ",
    };
    serve = answer(head, Buffer.from("body"), trailers);
    const got = await call({});
    expect(got.head).toEqual([
      ...[":status", "200", "content-type", "application/grpc", "x-z", "1", "x-a", "b", "x-a", "a", "x-a", "b"],
      ...["x-data-bin", "AA", "x-data-bin", "AA==", "x-data-bin", "AA,AQ", "grpc-encoding", "snappy"],
    ]);
    expect(got.trailers).toEqual([
      ...["x-t", "2", "x-t", "1", "grpc-status", "5", "grpc-message", "%41 %zz %E2", "x-s", "", "x-t-bin", "AQ"],
    ]);
    expect(got.body.toString()).toBe("body");
    expect(got.reset).toBe(0);
  });

  test("trailers-only stays one header section", async () => {
    serve = (stream) => {
      stream.resume();
      const head = {
        ":status": 200,
        "content-type": "application/grpc+proto",
        "x-b": "1",
        "grpc-status": "7",
        "x-a": "2",
      };
      respond(stream, head, { endStream: true });
    };
    const got = await call({});
    expect(got.head).toEqual([
      ...[":status", "200", "content-type", "application/grpc+proto", "x-b", "1", "grpc-status", "7", "x-a", "2"],
    ]);
    expect(got.trailers).toBeNull();
  });

  test("interim answers are skipped, the real one follows", async () => {
    serve = (stream, raw) => {
      stream.additionalHeaders({ ":status": 103, "x-early": "hint" });
      answer({ "x-real": "1" }, null, { "grpc-status": "0" })(stream, raw);
    };
    const got = await call({});
    expect(got.head).toEqual([":status", "200", "content-type", "application/grpc", "x-real", "1"]);
    expect(got.trailers).toEqual(["grpc-status", "0"]);
  });

  test("a body that is no gRPC at all is passed on byte by byte", async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) & 0xff));
    serve = answer({}, bytes, { "grpc-status": "0" });
    expect((await call({})).body.equals(bytes)).toBe(true);
  });

  test("an answer of HTTP, not of gRPC, is passed on as it is", async () => {
    serve = (stream) => {
      stream.resume();
      respond(stream, { ":status": 503, "content-type": "text/plain", "retry-after": "7" });
      stream.end("overloaded");
    };
    const got = await call({});
    expect(got.head).toEqual([":status", "503", "content-type", "text/plain", "retry-after", "7"]);
    expect(got.body.toString()).toBe("overloaded");
  });

  test("a grpc-message that ends with a space does not cost the call its status", async () => {
    // gRPC's C core sends it so, though RFC 9113 8.2.1 forbids it; what is lost at most is the space.
    serve = answer({}, null, { "grpc-status": "9", "grpc-message": "ends with a space " });
    const { trailers } = await call({});
    expect(trailers).toContain("grpc-status");
    expect(trailers?.[trailers.indexOf("grpc-status") + 1]).toBe("9");
  });
});

describe("exactness: resets", () => {
  /** The client sees the reset itself, or the status that gRPC gives to its code. */
  function expectEnd(got: Got, reset: number, status: number): void {
    const fields = [...got.head, ...(got.trailers ?? [])];
    if (got.reset === 0) expect(fields[fields.indexOf("grpc-status") + 1], fields.join("\n")).toBe(String(status));
    else expect(got.reset).toBe(reset);
  }

  test("the pod's reset before its answer reaches the client", async () => {
    serve = (stream) => stream.close(NGHTTP2_ENHANCE_YOUR_CALM);
    expectEnd(await call({}), NGHTTP2_ENHANCE_YOUR_CALM, 8);
  });

  test("the pod's reset in the middle of its answer reaches the client", async () => {
    serve = (stream) => {
      respond(stream, {});
      stream.write(Buffer.alloc(10), () => stream.destroy(new Error("a reset with INTERNAL_ERROR")));
    };
    const got = await call({});
    expect(got.body).toHaveLength(10);
    expectEnd(got, NGHTTP2_INTERNAL_ERROR, 13);
  });

  test.each([
    ["CANCEL", NGHTTP2_CANCEL],
    ["INTERNAL_ERROR", NGHTTP2_INTERNAL_ERROR],
  ])("the client's reset with %s reaches the pod", async (_name, code) => {
    const reset = new Promise<number>((resolve) => {
      serve = (stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.once("close", () => resolve(stream.rstCode ?? 0));
      };
    });
    const stream = session.request(REQUEST);
    stream.on("error", () => {});
    await new Promise((resolve) => stream.once("response", resolve));
    stream.close(code);
    expect(await reset).toBe(NGHTTP2_CANCEL);
  });

  test("a pod that answers before the request has ended ends the call for both", async () => {
    serve = (stream) => {
      respond(stream, { "grpc-status": "9" }, { endStream: true });
    };
    const stream = session.request(REQUEST);
    stream.on("error", () => {});
    stream.write(Buffer.alloc(10));
    const closed = new Promise((resolve) => stream.once("close", resolve));
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("response", resolve));
    expect(headers["grpc-status"]).toBe("9");
    stream.resume();
    // RFC 9113 8.1: the server may ask the client to stop with RST_STREAM(NO_ERROR) after a complete answer.
    await closed;
    expect(stream.rstCode).toBe(0);
  });
});
