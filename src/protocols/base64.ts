/** Base64 (RFC 4648 4 and 5) over bytes, because grpc-web-text cuts and pads its stream anywhere. */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const encodeTable = new Uint8Array(64);
const decodeTable = new Int8Array(256).fill(-1);
for (let i = 0; i < 64; i++) {
  encodeTable[i] = ALPHABET.charCodeAt(i);
  decodeTable[ALPHABET.charCodeAt(i)] = i;
}
// RFC 4648 5: the URL-safe alphabet is taken as well; the two do not collide.
decodeTable[0x2d /* - */] = 62;
decodeTable[0x5f /* _ */] = 63;

const PAD = 0x3d; /* = */

/** Encodes whole pieces, each with its own padding: gRPC-Web allows it, and nothing waits for the next piece. */
export function encodeBase64(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  const length = end - start;
  const out = new Uint8Array(Math.ceil(length / 3) * 4);
  let at = 0;
  let i = start;
  for (; i + 2 < end; i += 3) {
    const bits = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];
    out[at++] = encodeTable[bits >>> 18];
    out[at++] = encodeTable[(bits >>> 12) & 63];
    out[at++] = encodeTable[(bits >>> 6) & 63];
    out[at++] = encodeTable[bits & 63];
  }
  const left = end - i;
  if (left === 0) return out;
  const bits = (bytes[i] << 16) | (left === 2 ? bytes[i + 1] << 8 : 0);
  out[at++] = encodeTable[bits >>> 18];
  out[at++] = encodeTable[(bits >>> 12) & 63];
  out[at++] = left === 2 ? encodeTable[(bits >>> 6) & 63] : PAD;
  out[at] = PAD;
  return out;
}

/** As text, without padding: how Connect writes error details and `-bin` metadata. */
export function encodeBase64Text(bytes: Uint8Array): string {
  let text = "";
  for (const code of encodeBase64(bytes)) if (code !== PAD) text += String.fromCharCode(code);
  return text;
}

/**
 * Decodes a stream that consists of base64 pieces, each with or without padding. Quanta may be cut anywhere.
 */
export class Base64Decoder {
  #bits = 0;
  /** Characters of the quantum under way, padding included. */
  #count = 0;
  #padding = 0;

  /** @returns the bytes that are complete; null when the input is not base64 */
  decode(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
    const out = new Uint8Array(Math.ceil(((end - start + 3) * 3) / 4));
    let length = 0;
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      if (byte === PAD) {
        // Padding stands in the last one or two places of a quantum, and ends it.
        if (this.#count < 2) return null;
        this.#padding++;
      } else {
        const value = decodeTable[byte];
        if (value < 0 || this.#padding > 0) return null;
        this.#bits = (this.#bits << 6) | value;
      }
      if (++this.#count < 4) continue;
      const bits = this.#bits << (6 * this.#padding);
      out[length++] = bits >>> 16;
      if (this.#padding < 2) out[length++] = bits >>> 8;
      if (this.#padding < 1) out[length++] = bits;
      this.#bits = 0;
      this.#count = 0;
      this.#padding = 0;
    }
    return out.subarray(0, length);
  }

  /** The stream has ended. @returns the bytes of an unpadded last quantum; null when it is cut off in the middle */
  finish(): Uint8Array | null {
    const count = this.#count;
    if (count === 0) return new Uint8Array(0);
    if (count === 1 || this.#padding > 0) return null;
    this.#count = 0;
    const bits = this.#bits << (6 * (4 - count));
    this.#bits = 0;
    return count === 2 ? Uint8Array.of(bits >>> 16) : Uint8Array.of(bits >>> 16, (bits >>> 8) & 0xff);
  }
}

/** Decodes a whole text, either alphabet, padded or not. @returns null when it is not base64 */
export function decodeBase64Text(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return null;
    bytes[i] = code;
  }
  const decoder = new Base64Decoder();
  const head = decoder.decode(bytes, 0, bytes.length);
  const tail = head === null ? null : decoder.finish();
  if (head === null || tail === null) return null;
  const all = new Uint8Array(head.length + tail.length);
  all.set(head);
  all.set(tail, head.length);
  return all;
}
