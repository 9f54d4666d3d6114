import { BODY, HEADERS, type Shape } from "../load.ts";

/** A message of 64 bytes in its envelope. */
export const MESSAGE = BODY;
const BARE = BODY.subarray(5);

/** What a server stream answers: few enough that the call is most of the cost, enough that each message counts. */
export const STREAM_MESSAGES = 10;

export const STREAM_PATH = "/echo.v1.Echo/Stream";
const UNARY_PATH = "/echo.v1.Echo/Unary";

/** What an app of the row must see in an answer. */
export interface Seen {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
  /** `grpc-status` among HTTP's trailers; null when there is none. */
  readonly trailer: string | null;
}

/** One kind of call, as a client sends it. */
export interface Row {
  readonly key: RowKey;
  readonly name: string;
  readonly http: "2" | "1.1";
  readonly shape: Shape;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** Our own row, of the same kind of call in gRPC, that this one is a ratio to. */
  readonly base: RowKey | null;
  /** @returns what is wrong with an answer, or null */
  wrong(seen: Seen): string | null;
}

export type RowKey = "grpc-unary" | "grpc-web" | "connect-unary" | "grpc-stream" | "connect-stream" | "connect-http1";

const h2: Shape = { connections: 8, streams: 16 };
/** HTTP/1.1 without pipelining: one call at a time on each connection. */
const h1: Shape = { connections: 64, streams: 1 };

const agent = ["user-agent", "connect-es/2.1.2"] as const;
const version = ["connect-protocol-version", "1"] as const;
const timeout = ["connect-timeout-ms", "10000"] as const;

/** Of one table, in its order. */
export const rows: readonly Row[] = [
  {
    key: "grpc-unary",
    name: "gRPC unary",
    http: "2",
    shape: h2,
    path: UNARY_PATH,
    headers: HEADERS,
    body: MESSAGE,
    base: null,
    wrong: ({ body, trailer }) => (trailer === "0" ? same(body, MESSAGE) : `grpc-status is ${trailer}`),
  },
  {
    key: "grpc-web",
    name: "gRPC-Web unary",
    http: "2",
    shape: h2,
    path: UNARY_PATH,
    headers: [
      ["content-type", "application/grpc-web+proto"],
      ["x-grpc-web", "1"],
      ["grpc-timeout", "10S"],
      ["x-user-agent", "grpc-web-javascript/0.1"],
    ],
    body: MESSAGE,
    base: "grpc-unary",
    wrong: ({ body }) => same(body.subarray(0, MESSAGE.length), MESSAGE) ?? webTrailers(body.subarray(MESSAGE.length)),
  },
  {
    key: "connect-unary",
    name: "Connect unary",
    http: "2",
    shape: h2,
    path: UNARY_PATH,
    headers: [["content-type", "application/proto"], version, timeout, agent],
    body: BARE,
    base: "grpc-unary",
    wrong: ({ body }) => same(body, BARE),
  },
  {
    key: "grpc-stream",
    name: `gRPC server stream, ${STREAM_MESSAGES} messages`,
    http: "2",
    shape: h2,
    path: STREAM_PATH,
    headers: HEADERS,
    body: MESSAGE,
    base: null,
    wrong: ({ body, trailer }) => (trailer === "0" ? same(body, streamed()) : `grpc-status is ${trailer}`),
  },
  {
    key: "connect-stream",
    name: `Connect server stream, ${STREAM_MESSAGES} messages`,
    http: "2",
    shape: h2,
    path: STREAM_PATH,
    headers: [["content-type", "application/connect+proto"], version, timeout, agent],
    body: MESSAGE,
    base: "grpc-stream",
    wrong: ({ body }) => {
      const messages = STREAM_MESSAGES * MESSAGE.length;
      return same(body.subarray(0, messages), streamed()) ?? endStream(body.subarray(messages));
    },
  },
  {
    key: "connect-http1",
    name: "Connect unary over HTTP/1.1",
    http: "1.1",
    shape: h1,
    path: UNARY_PATH,
    headers: [["content-type", "application/proto"], version, timeout, agent],
    body: BARE,
    base: null,
    wrong: ({ body }) => same(body, BARE),
  },
];

/** What a plain HTTP/1.1 pod answers to the last row. */
export const PLAIN_ANSWER = BARE;

function streamed(): Uint8Array {
  const all = new Uint8Array(STREAM_MESSAGES * MESSAGE.length);
  for (let i = 0; i < STREAM_MESSAGES; i++) all.set(MESSAGE, i * MESSAGE.length);
  return all;
}

function same(got: Uint8Array, wanted: Uint8Array): string | null {
  if (got.length === wanted.length && got.every((byte, i) => byte === wanted[i])) return null;
  return `a body of ${got.length} bytes, not the ${wanted.length} expected`;
}

function webTrailers(frame: Uint8Array): string | null {
  const text = new TextDecoder().decode(frame.subarray(5));
  return frame[0] === 0x80 && /^grpc-status: ?0\r?$/m.test(text) ? null : `trailers in the body: "${text}"`;
}

function endStream(envelope: Uint8Array): string | null {
  const text = new TextDecoder().decode(envelope.subarray(5));
  return envelope[0] === 2 && text.startsWith("{") && !text.includes('"error"') ? null : `end of stream: "${text}"`;
}
