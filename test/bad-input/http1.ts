import { framed, PATH, PAYLOAD } from "./callers.ts";

/** Something that a client does wrong with HTTP/1.1 itself, and what RFC 9112 wants of a server then. */
export interface BadHttp1 {
  readonly what: string;
  /** What is sent, in latin1. A good call follows when the answer is there. */
  readonly bytes: string;
  /** The client closes its side after the bytes. */
  readonly ends?: true;
  /** Statuses of the answers, those to the good call included. */
  readonly statuses: readonly number[];
  /** The good call is answered on the same connection. Else it never reaches a pod. */
  readonly kept: boolean;
  /** Calls that reach the pod whole; cancelled ones are not counted. */
  readonly whole: number;
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const body = latin1(PAYLOAD);
const envelope = latin1(framed(PAYLOAD));

function post(fields: string, sent: string, type = "application/proto", path = PATH): string {
  return `POST ${path} HTTP/1.1\r\nhost: echo.test\r\ncontent-type: ${type}\r\n${fields}\r\n${sent}`;
}

export const good = post(`content-length: ${body.length}\r\n`, body);

/** The next request cannot be found, or might be seen in another place by another reader: the connection ends. */
function ends(what: string, bytes: string, statuses: readonly number[] = [400], whole = 0): BadHttp1 {
  return { what, bytes, statuses, kept: false, whole };
}

/** Where the request ends is certain (RFC 9112 9.3): the connection goes on. */
function kept(what: string, bytes: string, status: number): BadHttp1 {
  return { what, bytes, statuses: [status, 200], kept: true, whole: 1 };
}

const chunked = "transfer-encoding: chunked\r\n";

export const badHttp1: readonly BadHttp1[] = [
  {
    what: "`content-length` above the body's length, and FIN",
    bytes: post("content-length: 1000\r\n", body),
    ends: true,
    statuses: [],
    kept: false,
    whole: 0,
  },
  // What is left over is read as the next request, and is none.
  ends("`content-length` below the body's length", post("content-length: 2\r\n", body), [200, 400], 1),
  ends("Two `content-length`s", post("content-length: 6\r\ncontent-length: 7\r\n", body)),
  ends("`content-length: -1`", post("content-length: -1\r\n", body)),
  ends("`content-length: 0x6`", post("content-length: 0x6\r\n", body)),
  ends("`content-length` and `transfer-encoding`", post(`content-length: 6\r\n${chunked}`, "0\r\n\r\n")),
  ends("Chunk size that is no hex number", post(chunked, "zz\r\n")),
  ends("Chunk that is longer than its size", post(chunked, `3\r\n${body}\r\n0\r\n\r\n`)),
  ends("Chunk size with a sign", post(chunked, `+6\r\n${body}\r\n0\r\n\r\n`)),
  ends("Chunk size beyond 2^53", post(chunked, "fffffffffffffffff\r\n")),
  ends("Chunk line that ends with LF alone", post(chunked, `6\n${body}\r\n0\r\n\r\n`)),
  ends("`transfer-encoding: gzip, chunked`", post("transfer-encoding: gzip, chunked\r\n", ""), [501]),
  ends("Blank before the colon", post("content-length : 6\r\n", body)),
  ends("Folded line", post("x-a: 1\r\n 2\r\ncontent-length: 6\r\n", body)),
  ends("NUL in a value", post("x-a: a\0b\r\ncontent-length: 6\r\n", body)),
  ends("No `host`", `POST ${PATH} HTTP/1.1\r\ncontent-length: 0\r\n\r\n`),
  ends("Two `host`s", post("host: admin.test\r\ncontent-length: 6\r\n", body)),
  // As the first line of a connection: whoever sends it cannot read an answer of HTTP/1.1.
  ends("HTTP/3.0", `POST ${PATH} HTTP/3.0\r\nhost: a\r\n\r\n`, []),
  ends("Unknown expectation", post("expect: magic\r\ncontent-length: 6\r\n", body), [417]),
  kept("Wrong method, DELETE", `DELETE ${PATH} HTTP/1.1\r\nhost: a\r\n\r\n`, 405),
  kept("Path without a method", post("content-length: 6\r\n", body, "application/proto", "/test.Echo"), 501),
  kept("Content-type that nobody speaks", post("content-length: 6\r\n", body, "text/xml"), 415),
  kept("Timeout that is no number", post("connect-timeout-ms: soon\r\ncontent-length: 6\r\n", body), 400),
  {
    what: "Wrong method, and a good call behind it, pipelined",
    bytes: `DELETE ${PATH} HTTP/1.1\r\nhost: a\r\n\r\n${good}`,
    statuses: [405, 200, 200],
    kept: true,
    whole: 2,
  },
  ends("Malformed chunk, and a good call behind it, pipelined", post(chunked, `zz\r\n\r\n${good}`)),
  kept(
    "gRPC-Web, envelope cut off",
    post("content-length: 8\r\n", envelope.slice(0, 8), "application/grpc-web+proto"),
    200,
  ),
  kept(
    "gRPC-Web, envelope cut off, in chunks",
    post(chunked, `8\r\n${envelope.slice(0, 8)}\r\n0\r\n\r\n`, "application/grpc-web+proto"),
    200,
  ),
];
