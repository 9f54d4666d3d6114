import { decodeBase64Text } from "./base64.ts";
import type { Request } from "./classify.ts";
import { Status } from "./status.ts";

/** What a Connect GET says in its query (Connect protocol, Unary-Get-Request). */
export interface GetQuery {
  readonly message: Uint8Array;
  /** The message's coding; empty for none. */
  readonly coding: string;
  /** `1`, or empty when the query does not name a version. */
  readonly version: string;
}

/** The parameters of a query by name. The first of a name counts, as everywhere where one value is asked for (URL standard, `get`). */
function readParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split("&")) {
    const equals = part.indexOf("=");
    const name = decodeText(equals < 0 ? part : part.slice(0, equals));
    if (name !== "" && !parameters.has(name)) parameters.set(name, equals < 0 ? "" : part.slice(equals + 1));
  }
  return parameters;
}

/**
 * The codec that the query of a GET names, in lower case; null when it is not that of a call. "`message` and `encoding` are required"
 * (Connect protocol, Unary-Get-Request).
 */
export function readGetCodec(query: string): string | null {
  const parameters = readParameters(query);
  const encoding = parameters.get("encoding");
  return encoding === undefined || !parameters.has("message") ? null : decodeText(encoding).toLowerCase();
}

/** Reads the query; parameters in any order, unknown ones allowed. */
export function readGetQuery(
  query: string,
): { readonly value: GetQuery } | { readonly code: number; readonly error: string } {
  const parameters = readParameters(query);
  const text = (name: string): string => decodeText(parameters.get(name) ?? "");
  const version = text("connect");
  if (version !== "" && version !== "v1")
    return invalid(`query parameter connect is "${version.slice(0, 20)}", not "v1"`);
  const base64 = text("base64");
  if (base64 !== "" && base64 !== "0" && base64 !== "1") return invalid("query parameter base64 is neither 0 nor 1");
  const raw = decodePercent(parameters.get("message") ?? "");
  if (raw === null) return invalid("query parameter message has bad percent-escapes");
  const message = base64 === "1" ? decodeBase64Text(latin1(raw)) : raw;
  if (message === null) return invalid("query parameter message is not base64");
  return { value: { message, coding: text("compression").toLowerCase(), version: version.slice(1) } };
}

/** A name or a short value. With bad percent-escapes it stands for itself, and is none that anybody knows. */
function decodeText(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const bytes = decodePercent(text);
  return bytes === null ? text : latin1(bytes);
}

function invalid(error: string): { readonly code: number; readonly error: string } {
  return { code: Status.INVALID_ARGUMENT, error };
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Percent-decoding to bytes; `+` is a space, as in every query. @returns null on bad digits */
function decodePercent(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x25 /* % */) {
      const digits = text.slice(i + 1, i + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(digits)) return null;
      bytes[length++] = Number.parseInt(digits, 16);
      i += 2;
    } else bytes[length++] = code === 0x2b /* + */ ? 0x20 : code;
  }
  return bytes.subarray(0, length);
}

/** True when a list of methods, `package.Service/Method`, `package.Service/*` or `*`, names this one. */
export function listsMethod(list: readonly string[], request: Pick<Request, "service" | "method">): boolean {
  const { service, method } = request;
  return list.some((entry) => entry === "*" || entry === `${service}/*` || entry === `${service}/${method}`);
}
