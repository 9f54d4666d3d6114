import type { Head } from "../http2/receiver.ts";

/** A request's head, and where the request ends (RFC 9112). */
export interface RequestHead {
  /** With pseudo-fields, like one of HTTP/2, and without the fields that belong to the connection. */
  readonly head: Head;
  /** Bytes of the body; {@link CHUNKED} when it says so itself. */
  readonly length: number;
  /** The client wants no further request on this connection, or cannot have one. */
  readonly close: boolean;
  /** HTTP/1.0: no chunked coding in the answer, and no interim answers. */
  readonly old: boolean;
  /** The client waits for 100 (Continue) before it sends the body. */
  readonly expectsContinue: boolean;
  /** HEAD: the answer has no body. */
  readonly bodyless: boolean;
}

/** Why a head is not taken. The connection ends with the answer: where the next request begins is not known. */
export interface BadHead {
  readonly status: number;
  /** Lower case, no full stop. */
  readonly problem: string;
}

export const CHUNKED = -1;

/** So many times the fields that are kept are read at most: each costs work, and 128 KiB have room for 30,000. */
const READ_PER_KEPT = 8;

/** RFC 9112 3: method, target, version, with one space between. Bytes above ASCII are no path of a call, and that is said in its protocol. */
const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP\/(\d)\.(\d)$/;
/** RFC 9110 5.1. */
const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 5.5: none of the controls but the tab. A CR or LF here stands alone (RFC 9112 2.2 lets us take neither for a line's end). */
const badValue = /[^\t\x20-\x7e\x80-\xff]/;
/** RFC 3986 3.2, without userinfo. */
const authorityPattern = /^[\w.\-~%!$&'()*+,;=:[\]]*$/;
/** RFC 9110 4.2.1: one without a host MUST be rejected. */
const absoluteTarget = /^https?:\/\/([^/?#]+)([^#]*)$/i;

/** RFC 9110 7.6.1: fields that mean this connection and go no further, besides those that `connection` names. */
const ofTheConnection: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "te",
  "host",
]);

function bad(status: number, problem: string): BadHead {
  return { status, problem };
}

/** What the fields say of the request's frame. */
interface Framing {
  host: string | undefined;
  lengths: string | undefined;
  codings: string | undefined;
  connection: string;
  expect: string;
}

/**
 * Parses a head. Strict where two readers could differ (RFC 9112 11.2, request smuggling): what a proxy in front of us may have read
 * in another way than we do is refused.
 * @param text the head as latin1, without the empty line that ends it
 * @param maxFields more are not kept, which is more than callers may have: who has so many is told in a protocol of its own, and the
 *   connection goes on, as the end of the request is known; who has many times as many is not read to the end
 */
export function parseRequestHead(text: string, scheme: "http" | "https", maxFields: number): RequestHead | BadHead {
  const firstEnd = text.indexOf("\r\n");
  const line = requestLine.exec(firstEnd < 0 ? text : text.slice(0, firstEnd));
  if (line === null) return bad(400, "the request line is malformed");
  const [, method, target, major, minor] = line;
  if (major !== "1") return bad(505, `HTTP/${major}.${minor} is not spoken in this form`);
  const old = minor === "0";
  const framing: Framing = { host: undefined, lengths: undefined, codings: undefined, connection: "", expect: "" };
  const regular: string[] = [];
  const problem = readFields(text, firstEnd, regular, framing, maxFields);
  if (problem !== null) return problem;
  const cut = regular.length >= 2 * maxFields;

  // RFC 9112 3.2: a server MUST respond with 400 to an HTTP/1.1 request without Host.
  if (framing.host === undefined && !old) return bad(400, "there is no host field");
  const place = placeOf(method, target, framing.host ?? "");
  if (place === null) return bad(400, "the request target is malformed");
  if (!authorityPattern.test(place.authority)) return bad(400, "the host field is malformed");
  const length = lengthOf(framing, old);
  if (typeof length !== "number") return length;
  const expect = framing.expect.toLowerCase();
  if (expect !== "" && expect !== "100-continue") return bad(417, "expect can only be 100-continue");

  // A set, because a client could name thousands.
  const named = new Set(listOf(framing.connection));
  const fields = [":method", method, ":scheme", scheme, ":path", place.path];
  if (place.authority !== "") fields.push(":authority", place.authority);
  for (let i = 0; i < regular.length; i += 2) {
    // Of a list that was cut nothing is left out: it must not become one that looks whole.
    if (!cut && named.has(regular[i])) continue;
    fields.push(regular[i], regular[i + 1]);
  }
  return {
    head: { fields, neverIndexed: null, memo: undefined },
    length,
    // HTTP/1.0 keeps connections only by an extension that proxies got wrong (RFC 9112 C.2.2).
    close: old || method === "CONNECT" || named.has("close"),
    old,
    expectsContinue: expect !== "" && !old && length !== 0,
    bodyless: method === "HEAD",
  };
}

/** Keeps what does not belong to the connection. @returns null, or what is wrong */
function readFields(
  text: string,
  from: number,
  regular: string[],
  framing: Framing,
  maxFields: number,
): BadHead | null {
  let left = READ_PER_KEPT * maxFields;
  for (let at = from; at >= 0; ) {
    if (left-- === 0) return bad(431, "there are too many header fields");
    const start = at + 2;
    at = text.indexOf("\r\n", start);
    const line = text.slice(start, at < 0 ? text.length : at);
    const colon = line.indexOf(":");
    // A folded line begins with a space (RFC 9112 5.2), and a space before the colon is an attack (5.1): neither is a name.
    const name = colon < 0 ? "" : line.slice(0, colon);
    if (!namePattern.test(name)) return bad(400, "a header field's name is malformed");
    if (badValue.test(line)) return bad(400, "a header field's value has forbidden characters");
    const lower = name.toLowerCase();
    const value = trim(line, colon + 1);
    const problem = note(framing, lower, value);
    if (problem !== null) return problem;
    if (regular.length < 2 * maxFields && !ofTheConnection.has(lower)) regular.push(lower, value);
  }
  return null;
}

function note(framing: Framing, name: string, value: string): BadHead | null {
  switch (name) {
    case "host":
      if (framing.host !== undefined) return bad(400, "the host field stands twice");
      framing.host = value;
      break;
    case "content-length":
      // RFC 9112 6.3: also a repeated equal length may be refused.
      if (framing.lengths !== undefined) return bad(400, "content-length stands twice");
      framing.lengths = value;
      break;
    case "transfer-encoding":
      framing.codings = framing.codings === undefined ? value : `${framing.codings},${value}`;
      break;
    case "connection":
      framing.connection += `,${value}`;
      break;
    case "expect":
      framing.expect += framing.expect === "" ? value : `,${value}`;
      break;
  }
  return null;
}

/** RFC 9112 6.3. */
function lengthOf({ lengths, codings }: Framing, old: boolean): number | BadHead {
  // Present counts, also when it is empty: others may take it for a coding.
  if (codings !== undefined) {
    if (lengths !== undefined) return bad(400, "content-length and transfer-encoding exclude each other");
    if (old) return bad(400, "HTTP/1.0 has no transfer-encoding");
    const list = listOf(codings);
    // Not even elements of a list that are empty, which others may stop at.
    if (list.length < codings.split(",").length) return bad(400, "transfer-encoding is malformed");
    if (list.at(-1) !== "chunked" || list.indexOf("chunked") < list.length - 1) {
      return bad(400, "the last transfer-encoding is not chunked");
    }
    return list.length === 1 ? CHUNKED : bad(501, "a transfer-encoding other than chunked");
  }
  if (lengths === undefined) return 0;
  return /^\d{1,15}$/.test(lengths) ? Number(lengths) : bad(400, "content-length is not one number");
}

/** RFC 9112 3.2. */
function placeOf(
  method: string,
  target: string,
  host: string,
): { readonly path: string; readonly authority: string } | null {
  if (target.startsWith("/")) return { path: target, authority: host };
  if (method === "CONNECT") return { path: "", authority: target };
  if (target === "*") return method === "OPTIONS" ? { path: target, authority: host } : null;
  const absolute = absoluteTarget.exec(target);
  if (absolute === null) return null;
  const [, authority, rest] = absolute;
  // "the recipient MUST ignore the received Host header field" (3.2.2).
  return { path: rest.startsWith("/") ? rest : `/${rest}`, authority };
}

/** The members of a comma-separated list, in lower case. */
function listOf(value: string): string[] {
  if (value === "") return [];
  return value
    .toLowerCase()
    .split(",")
    .map((member) => trim(member, 0))
    .filter((member) => member !== "");
}

/** Without the spaces and tabs at both ends (RFC 9110 5.6.3), and no others. */
function trim(text: string, from: number): string {
  let start = from;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
