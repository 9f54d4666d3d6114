/** The little of DER (ITU-T X.690) that a certificate needs: tag, length, contents. */

export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag), length(body.length), body]);
}

// X.690 8.1.3: lengths below 128 in one byte, longer ones after a byte that says how many bytes the length has.
function length(n: number): Uint8Array {
  if (n < 0x80) return Uint8Array.of(n);
  return n < 0x100 ? Uint8Array.of(0x81, n) : Uint8Array.of(0x82, n >> 8, n & 0xff);
}

export const sequence = (...contents: readonly Uint8Array[]) => der(0x30, ...contents);
export const set = (...contents: readonly Uint8Array[]) => der(0x31, ...contents);
export const octets = (contents: Uint8Array) => der(0x04, contents);
/** A whole number of bytes: no unused bits. */
export const bits = (contents: Uint8Array) => der(0x03, Uint8Array.of(0), contents);
export const utf8 = (text: string) => der(0x0c, Buffer.from(text, "utf8"));
/** Positive; a leading zero keeps the sign bit clear. */
export const integer = (bytes: Uint8Array) =>
  der(0x02, bytes[0] < 0x80 ? bytes : Buffer.concat([Uint8Array.of(0), bytes]));
export const yes = der(0x01, Uint8Array.of(0xff));
/** Context-specific tags: constructed, and primitive ones of implicit types. */
export const explicit = (n: number, ...contents: readonly Uint8Array[]) => der(0xa0 | n, ...contents);
export const implicit = (n: number, contents: Uint8Array) => der(0x80 | n, contents);

/** YYMMDDHHMMSSZ. */
export function utcTime(date: Date): Uint8Array {
  const text = `${date.toISOString().slice(2, 19).replace(/[-T:]/g, "")}Z`;
  return der(0x17, Buffer.from(text, "latin1"));
}

export function oid(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let n = arc >>> 7; n > 0; n >>>= 7) groups.unshift(0x80 | (n & 0x7f));
    bytes.push(...groups);
  }
  return der(0x06, Uint8Array.from(bytes));
}
