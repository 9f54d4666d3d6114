import { type Caller, framed, type Seen, type Sent } from "./callers.ts";

/** A JSON request that a pod with a schema, which takes protobuf, cannot be given. */
export interface BadJson {
  readonly what: string;
  readonly json: Uint8Array;
  /** The message ends in what the runtime's JSON.parse says, which differs between them. */
  readonly parser?: true;
}

const utf8 = new TextEncoder();

function text(what: string, json: string): BadJson {
  return { what, json: utf8.encode(json) };
}

/** Of shop.v1.Item: name is a string, price an int64, picture bytes. */
export const badJson: readonly BadJson[] = [
  { what: "String that is not UTF-8", json: Buffer.from('{"name":"caf\xe9"}', "latin1") },
  { what: "Character that is cut off at the end", json: Buffer.from('{"name":"\xe2\x82', "latin1") },
  { what: "Surrogate in UTF-8 (ED A0 80)", json: Buffer.from('{"name":"\xed\xa0\x80"}', "latin1") },
  { what: "Overlong form of NUL (C0 80)", json: Buffer.from('{"name":"\xc0\x80"}', "latin1") },
  text("Half of a surrogate pair as an escape", '{"name":"\\ud83d"}'),
  { ...text("No JSON", "{name}"), parser: true },
  text("Nothing", ""),
  { ...text("Two values", "{}{}"), parser: true },
  text("An array where the message stands", "[]"),
  text("Number for a string", '{"name":1}'),
  text("Integer beyond 64 bits", '{"price":"9223372036854775808"}'),
  text("Bytes that are no base64", '{"picture":"!!!"}'),
  text("Unknown field", '{"colour":"red"}'),
  text("Unknown field `__proto__`", '{"__proto__":{"name":"x"}}'),
  text("Any of an unknown type", '{"gift":{"@type":"type.googleapis.com/no.Such"}}'),
  text("100,000 arrays in each other", `{"name":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
];

const GOOD = utf8.encode('{"name":"tea"}');

/** The caller's request with these bytes as its one message. @returns null where they are too many for it */
export function jsonRequest(caller: Caller, json: Uint8Array = GOOD): Sent | null {
  const path = caller.name === "Connect stream" ? "/shop.v1.Cart/Watch" : "/shop.v1.Cart/Price";
  const sent = caller.send({ path, envelopes: framed(json) });
  if (caller.name === "Connect GET") {
    // A query is part of the header list, which has a limit of its own.
    if (json.length > 10_000) return null;
    const message = Buffer.from(json).toString("base64url");
    return { ...sent, path: `${path}?connect=v1&encoding=json&base64=1&message=${message}` };
  }
  const headers = sent.headers.map((field) => field.replace(/\+proto|\/proto/, (part) => `${part[0]}json`));
  const type = caller.name === "gRPC" ? ["content-type", "application/grpc+json"] : headers;
  return { ...sent, headers: type, body: caller.name === "Connect unary" ? json : sent.body };
}

/** As it stands in the page: the same for both methods and on every runtime. */
export function shown(item: BadJson, seen: Seen): Seen {
  const message = seen.message.replace("Cart/Watch", "Cart/Price");
  return { ...seen, message: item.parser === true ? message.replace(/: .*/s, ": (what JSON.parse says)") : message };
}
