/** The parameters of a Connect GET (Connect protocol, Unary-Get-Request). */
const known: ReadonlySet<string> = new Set(["connect", "encoding", "message", "base64", "compression"]);
/** No name of theirs is shorter, and none longer with each of its letters percent-encoded. */
const SHORTEST_NAME = "base64".length;
const LONGEST_NAME = 3 * "compression".length;

/**
 * The known parameters of a query by name, and no others: a client may send thousands. The first of a name counts, as everywhere where
 * one value is asked for (URL standard, `get`).
 */
export function readParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  // Not split, and each `=` is looked for once: all of it is linear, and allocates for what is known only.
  let equals = query.indexOf("=");
  for (let at = 0; at < query.length; ) {
    const ampersand = query.indexOf("&", at);
    const end = ampersand < 0 ? query.length : ampersand;
    if (equals >= 0 && equals < at) equals = query.indexOf("=", at);
    const nameEnd = equals < 0 ? end : Math.min(equals, end);
    const length = nameEnd - at;
    if (length >= SHORTEST_NAME && length <= LONGEST_NAME) {
      const name = decodeText(query.slice(at, nameEnd));
      if (known.has(name) && !parameters.has(name)) parameters.set(name, query.slice(Math.min(nameEnd + 1, end), end));
    }
    at = end + 1;
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

/** A name or a short value. With bad percent-escapes it stands for itself, and is none that anybody knows. */
export function decodeText(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  let decoded = "";
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x25 /* % */) {
      const byte = escapeAt(text, i);
      if (!(byte >= 0)) return text;
      decoded += String.fromCharCode(byte);
      i += 2;
    } else decoded += code === 0x2b /* + */ ? " " : text[i];
  }
  return decoded;
}

/** Bytes as characters of the same numbers. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Percent-decoding to bytes; `+` is a space, as in every query. @returns null on bad digits */
export function decodePercent(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x25 /* % */) {
      const byte = escapeAt(text, i);
      if (!(byte >= 0)) return null;
      bytes[length++] = byte;
      i += 2;
    } else bytes[length++] = code === 0x2b /* + */ ? 0x20 : code;
  }
  return bytes.subarray(0, length);
}

/** The byte of the escape at `at`; NaN when it is none. */
function escapeAt(text: string, at: number): number {
  return digitOf(text.charCodeAt(at + 1)) * 16 + digitOf(text.charCodeAt(at + 2));
}

/** @returns NaN for what is no hexadecimal digit */
function digitOf(code: number): number {
  const lower = code | 0x20;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN;
}
