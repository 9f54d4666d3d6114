/** The parameters of a query by name. The first of a name counts, as everywhere where one value is asked for (URL standard, `get`). */
export function readParameters(query: string): Map<string, string> {
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

/** A name or a short value. With bad percent-escapes it stands for itself, and is none that anybody knows. */
export function decodeText(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const bytes = decodePercent(text);
  return bytes === null ? text : latin1(bytes);
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
      const digits = text.slice(i + 1, i + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(digits)) return null;
      bytes[length++] = Number.parseInt(digits, 16);
      i += 2;
    } else bytes[length++] = code === 0x2b /* + */ ? 0x20 : code;
  }
  return bytes.subarray(0, length);
}
