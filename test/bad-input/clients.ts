import { type Caller, framed, PAYLOAD, type Sent } from "./callers.ts";

/** Something that a client does wrong. */
export interface BadRequest {
  readonly what: string;
  /** @returns null where the protocol cannot even say it */
  send(caller: Caller): Sent | null;
  /** The Fetch standard cannot say it. */
  readonly notFetch?: true;
  /** On HTTP/1.1 it is about the connection and not the call: see http1.ts. */
  readonly http2Only?: true;
  /** Every protocol but gRPC is refused before the pod hears anything but, at most, a call that is cancelled. */
  readonly refused: boolean;
}

const hasEnvelopes = ({ name }: Caller) => name.startsWith("gRPC") || name === "Connect stream";
const isText = ({ name }: Caller) => name === "gRPC-Web text";
const isConnect = ({ name }: Caller) => name.startsWith("Connect");
const isGet = ({ name }: Caller) => name === "Connect GET";

/** An item about envelopes: the other protocols have none in their requests. */
function envelopes(what: string, bytes: Uint8Array, refused = true): BadRequest {
  return { what, refused, send: (caller) => (hasEnvelopes(caller) ? caller.send({ envelopes: bytes }) : null) };
}

/** Bytes of a text body that are not base64 of anything. */
function text(what: string, body: string): BadRequest {
  const bytes = new TextEncoder().encode(body);
  return { what, refused: true, send: (caller) => (isText(caller) ? { ...caller.send(), body: bytes } : null) };
}

function withHeaders(
  what: string,
  refused: boolean,
  headers: (caller: Caller) => readonly string[] | null,
): BadRequest {
  return {
    what,
    refused,
    send: (caller) => {
      const more = headers(caller);
      return more === null ? null : caller.send({ headers: more });
    },
  };
}

function path(what: string, value: string, notFetch = false): BadRequest {
  return { what, refused: true, send: (caller) => caller.send({ path: value }), ...(notFetch ? { notFetch } : {}) };
}

function query(what: string, change: (query: string) => string): BadRequest {
  return {
    what,
    refused: true,
    send: (caller) => {
      if (!isGet(caller)) return null;
      const sent = caller.send();
      const question = sent.path.indexOf("?");
      return { ...sent, path: sent.path.slice(0, question + 1) + change(sent.path.slice(question + 1)) };
    },
  };
}

export const badRequests: readonly BadRequest[] = [
  envelopes("Envelope that is cut off in its message", framed(PAYLOAD).subarray(0, 8)),
  envelopes("Envelope that is cut off in its prefix", framed(PAYLOAD).subarray(0, 3)),
  envelopes("Length prefix of 4 GiB", framed(PAYLOAD, 0, 0xffff_ffff)),
  envelopes("Reserved flag bits, 0x04", framed(PAYLOAD, 0x04)),
  envelopes("Flag of a protocol's own last envelope, 0x80", framed(PAYLOAD, 0x80)),
  envelopes("Flag of a protocol's own last envelope, 0x02", framed(PAYLOAD, 0x02)),
  envelopes("Two messages in a unary call", Uint8Array.of(...framed(PAYLOAD), ...framed(PAYLOAD)), false),
  envelopes("No message in a unary call", new Uint8Array(0), false),
  envelopes("Compressed flag without a coding", framed(PAYLOAD, 1)),
  {
    what: "gzip that is none",
    refused: false,
    send: (caller) => {
      if (isGet(caller)) return { ...caller.send(), path: `${caller.send().path}&compression=gzip` };
      return caller.send({ envelopes: framed(PAYLOAD, 1), headers: [caller.coding, "gzip"] });
    },
  },
  {
    what: "Unknown compression",
    refused: true,
    send: (caller) => {
      if (isGet(caller)) return { ...caller.send(), path: `${caller.send().path}&compression=lzma` };
      return caller.send({ envelopes: framed(PAYLOAD, 1), headers: [caller.coding, "lzma"] });
    },
  },
  text("Base64 garbage", "AAAA!!!!"),
  text("Base64 that ends inside a quantum", "AAAAAAYBAgMEB"),
  text("Base64 with padding in the first place of a quantum", "=AAA"),
  query("GET with bad base64", (good) => good.replace("AQIDBAUG", "A!ID")),
  query("GET with one base64 character too many", (good) => good.replace("AQIDBAUG", "AQIDB")),
  query("GET with bad percent-escapes", (good) => good.replace("base64=1", "base64=0").replace("AQIDBAUG", "%4")),
  query("GET with another version of Connect", (good) => good.replace("connect=v1", "connect=v2")),
  query("GET with a query of 70,000 characters", (good) => good.replace("AQIDBAUG", "AAAA".repeat(17_500))),
  query("GET without `message`", (good) => good.replace("message=AQIDBAUG", "")),
  query("GET in a codec that no call is in", (good) => good.replace("encoding=proto", "encoding=xhtml%2Bxml")),
  { what: "Wrong method, PUT", refused: true, send: (caller) => ({ ...caller.send(), method: "PUT" }) },
  { what: "Wrong method, DELETE", refused: true, send: (caller) => ({ ...caller.send(), method: "DELETE" }) },
  path("Path without a method", "/test.Echo"),
  path("Path with `%2F`", "/test.Echo%2FUnary"),
  path("Path with `..`", "/test.Echo/../test.Admin/Delete", true),
  path("Path with NUL", "/test.Echo/Un\0ary", true),
  path("Path with `%00`", "/test.Echo/Unary%00"),
  withHeaders("Timeout that is no number", true, (caller) => [caller.timeout, "soon"]),
  withHeaders("Timeout that is negative", true, (caller) => [caller.timeout, isConnect(caller) ? "-1" : "-1S"]),
  withHeaders("Timeout with too many digits", true, (caller) => [
    caller.timeout,
    isConnect(caller) ? "12345678901" : "123456789m",
  ]),
  withHeaders("Timeout of 0", true, (caller) => [caller.timeout, isConnect(caller) ? "0" : "0m"]),
  withHeaders("Unknown `connect-protocol-version`", true, (caller) =>
    caller.name === "Connect unary" || caller.name === "Connect stream" ? ["connect-protocol-version", "2"] : null,
  ),
  {
    what: "Content-type that nobody speaks",
    refused: true,
    send: (caller) => (isGet(caller) ? null : { ...caller.send(), headers: ["content-type", "text/xml"] }),
  },
  {
    ...withHeaders("`content-length` above the body's length", true, (caller) =>
      isGet(caller) ? null : ["content-length", "1000"],
    ),
    http2Only: true,
  },
  {
    ...withHeaders("`content-length` below the body's length", true, (caller) =>
      isGet(caller) ? null : ["content-length", "2"],
    ),
    http2Only: true,
  },
  {
    what: "JSON that is not UTF-8, to pods that take JSON",
    refused: false,
    send: (caller) => {
      const json = Uint8Array.of(0x22, 0xff, 0xfe, 0x22);
      const sent = caller.send({ envelopes: framed(json) });
      if (isGet(caller)) return { ...sent, path: sent.path.replace("encoding=proto", "encoding=json") };
      const headers = sent.headers.map((field) => field.replace(/\+proto|\/proto/, (part) => `${part[0]}json`));
      const type = caller.name === "gRPC" ? ["content-type", "application/grpc+json"] : headers;
      return { ...sent, headers: type, body: caller.name === "Connect unary" ? json : sent.body };
    },
  },
  withHeaders("Header value that is not UTF-8", false, () => ["x-name", "caf\u00e9 \u00ff"]),
  withHeaders("1,000 metadata fields", true, () => Array.from({ length: 1_000 }, (_, i) => [`x-${i}`, "v"]).flat()),
];
