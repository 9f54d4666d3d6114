import { huffmanDecode, huffmanDecodedBound } from "./huffman.ts";
import { latin1 } from "./latin1.ts";

/** Strings remembered, as sets of {@link WAYS}; a power of two. */
const SETS = 32;
const WAYS = 2;
/** Longer strings are decoded every time. Covers method paths and common values; 64 x 48 bytes is 3 KiB per connection. */
const LONGEST = 48;

/** Strings up to here are decoded in shared scratch; longer ones get their own, so that no large buffer is kept. */
const SCRATCH = new Uint8Array(2048);

/** Decodes one string literal's octets (RFC 7541 5.2). @throws HpackError on a bad Huffman code */
export function decodeString(bytes: Uint8Array, start: number, end: number, huffman: boolean): string {
  if (!huffman) return latin1(bytes, start, end);
  const bound = huffmanDecodedBound(end - start) + 1;
  const out = bound <= SCRATCH.length ? SCRATCH : new Uint8Array(bound);
  return latin1(out, 0, huffmanDecode(bytes, start, end, out));
}

/**
 * Literals that came lately, by their coded bytes, so that repeated ones are neither decoded nor hashed again: equal bytes
 * give the same string object. Fixed size; a peer can only displace its own strings. Memory comes with the first string.
 */
export class StringCache {
  private bytes: Uint8Array | null = null;
  /** Coded length, plus 0x100 when Huffman-coded; 0 for an empty slot. */
  private readonly lengths = new Uint16Array(SETS * WAYS);
  private readonly texts: string[] = [];
  /** The way to write over next, by set. */
  private readonly next = new Uint8Array(SETS);

  /** @throws HpackError on a bad Huffman code */
  get(bytes: Uint8Array, start: number, end: number, huffman: boolean): string {
    const length = end - start;
    if (length > LONGEST) return decodeString(bytes, start, end, huffman);
    if (length === 0) return "";
    const stored = this.bytes ?? this.allocate();
    const tag = huffman ? length | 0x100 : length;
    const set = hash(bytes, start, end) & (SETS - 1);
    const first = set * WAYS;
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.lengths[slot] === tag && same(stored, slot * LONGEST, bytes, start, length)) return this.texts[slot];
    }
    const text = decodeString(bytes, start, end, huffman);
    const slot = first + this.next[set];
    this.next[set] ^= 1;
    this.lengths[slot] = tag;
    this.texts[slot] = text;
    for (let at = 0; at < length; at++) stored[slot * LONGEST + at] = bytes[start + at];
    return text;
  }

  private allocate(): Uint8Array {
    for (let slot = 0; slot < SETS * WAYS; slot++) this.texts.push("");
    this.bytes = new Uint8Array(SETS * WAYS * LONGEST);
    return this.bytes;
  }
}

/** Looks at the length, the ends and the middle only: what varies between literals mostly varies there, and the comparison has the last word. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  const middle = (start + end) >> 1;
  let h = (end - start) * 31 + bytes[start];
  h = Math.imul(h, 31) + bytes[middle];
  h = Math.imul(h, 31) + bytes[end - 1];
  if (end - start > 2) h = Math.imul(h, 31) + bytes[end - 2];
  h = Math.imul(h, 0x9e3779b1);
  return h >>> 16;
}

function same(stored: Uint8Array, offset: number, bytes: Uint8Array, start: number, length: number): boolean {
  for (let at = 0; at < length; at++) {
    if (stored[offset + at] !== bytes[start + at]) return false;
  }
  return true;
}
