import { Base64Decoder, encodeBase64 } from "../../src/protocols/base64.ts";
import { codeNames } from "../../src/protocols/code-names.ts";
import { decodeMessage } from "../../src/protocols/rpc-error.ts";
import { concat } from "../support/memory-stream.ts";

export const callerNames = [
  "gRPC",
  "gRPC-Web",
  "gRPC-Web text",
  "Connect unary",
  "Connect stream",
  "Connect GET",
] as const;
export type CallerName = (typeof callerNames)[number];

/** A request as it stands in a table: what a client sends, right or wrong. */
export interface Sent {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

/** What comes back, by either way in. */
export interface Got {
  readonly status: number;
  header(name: string): string | null;
  trailer(name: string): string | null;
  readonly body: Uint8Array;
}

/** What the app sees: a code and its message, or HTTP's status where no code came. */
export interface Seen {
  readonly text: string;
  readonly message: string;
}

export interface Caller {
  readonly name: CallerName;
  /** A call with one message. `envelopes` replaces the body's envelopes where the protocol has them. */
  send(more?: { readonly envelopes?: Uint8Array; readonly path?: string; readonly headers?: readonly string[] }): Sent;
  read(got: Got): Seen;
  readonly timeout: string;
  /** The field that names the coding of messages. */
  readonly coding: string;
}

export const PATH = "/test.Echo/Unary";
export const PAYLOAD = Uint8Array.of(1, 2, 3, 4, 5, 6);

export function framed(payload: Uint8Array, flags = 0, length = payload.length): Uint8Array {
  return concat([Uint8Array.of(flags, length >>> 24, length >>> 16, length >>> 8, length), payload]);
}

const one = framed(PAYLOAD);
const utf8 = new TextDecoder();

function enveloped(name: CallerName, type: string, more: Pick<Caller, "read" | "timeout" | "coding">): Caller {
  return {
    name,
    ...more,
    send: ({ envelopes = one, path = PATH, headers = [] } = {}) => ({
      method: "POST",
      path,
      headers: ["content-type", type, ...headers],
      body: name === "gRPC-Web text" ? encodeBase64(envelopes) : envelopes,
    }),
  };
}

const grpcFields = { timeout: "grpc-timeout", coding: "grpc-encoding" };
const ok: Seen = { text: "ok", message: "" };

export const callers: readonly Caller[] = [
  enveloped("gRPC", "application/grpc", {
    ...grpcFields,
    read: (got) => {
      if (got.status !== 200) return http(got);
      const from = got.header("grpc-status") === null ? got.trailer : got.header;
      return numbered(from("grpc-status"), from("grpc-message"));
    },
  }),
  enveloped("gRPC-Web", "application/grpc-web+proto", { ...grpcFields, read: (got) => readWeb(got, got.body) }),
  enveloped("gRPC-Web text", "application/grpc-web-text+proto", {
    ...grpcFields,
    read: (got) => {
      if (got.status !== 200) return http(got);
      const decoder = new Base64Decoder();
      return readWeb(got, decoder.decode(got.body, 0, got.body.length) ?? new Uint8Array(0));
    },
  }),
  {
    name: "Connect unary",
    timeout: "connect-timeout-ms",
    coding: "content-encoding",
    send: ({ path = PATH, headers = [] } = {}) => ({
      method: "POST",
      path,
      headers: ["content-type", "application/proto", ...headers],
      body: PAYLOAD,
    }),
    read: readConnect,
  },
  enveloped("Connect stream", "application/connect+proto", {
    timeout: "connect-timeout-ms",
    coding: "connect-content-encoding",
    read: (got) => {
      if (got.status !== 200) return http(got);
      const last = envelopesOf(got.body).findLast(({ flags }) => (flags & 2) !== 0);
      if (last === undefined) return { text: "**no end of stream**", message: "" };
      const { error } = JSON.parse(utf8.decode(last.payload)) as { error?: { code: string; message?: string } };
      return error === undefined ? ok : { text: error.code, message: error.message ?? "" };
    },
  }),
  {
    name: "Connect GET",
    timeout: "connect-timeout-ms",
    coding: "compression",
    send: ({ path = PATH, headers = [] } = {}) => ({
      method: "GET",
      path: `${path}?connect=v1&encoding=proto&base64=1&message=AQIDBAUG`,
      headers,
      body: new Uint8Array(0),
    }),
    read: readConnect,
  },
];

function readWeb(got: Got, body: Uint8Array): Seen {
  if (got.status !== 200) return http(got);
  const inHead = got.header("grpc-status");
  if (inHead !== null) return numbered(inHead, got.header("grpc-message"));
  const last = envelopesOf(body).find(({ flags }) => (flags & 0x80) !== 0);
  if (last === undefined) return { text: "**no trailers**", message: "" };
  // Reversed: of several lines of a name the first counts.
  const lines = new Map(
    utf8
      .decode(last.payload)
      .split("\r\n")
      .reverse()
      .map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
  );
  return numbered(lines.get("grpc-status") ?? null, lines.get("grpc-message") ?? null);
}

function readConnect(got: Got): Seen {
  if (got.status === 200) return ok;
  if (got.header("content-type") !== "application/json") return http(got);
  const { code, message } = JSON.parse(utf8.decode(got.body)) as { code: string; message?: string };
  return { text: `${got.status} ${code}`, message: message ?? "" };
}

function http(got: Got): Seen {
  const type = got.header("content-type") ?? "";
  // What a pod said is not quoted: it is passed on as it is.
  const own = type.startsWith("text/plain");
  return { text: `HTTP ${got.status}`, message: own ? utf8.decode(got.body).trim() : "" };
}

function numbered(status: string | null, message: string | null): Seen {
  if (status === null) return { text: "**no status**", message: "" };
  if (status === "0") return ok;
  // An empty one is no 0.
  return { text: codeNames[Number(status) || -1] ?? `grpc-status "${status}"`, message: decodeMessage(message ?? "") };
}

function envelopesOf(body: Uint8Array): { readonly flags: number; readonly payload: Uint8Array }[] {
  const all = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const length = new DataView(body.buffer, body.byteOffset + at).getUint32(1);
    all.push({ flags: body[at], payload: body.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return all;
}
