import type { Inflate } from "./machine.ts";

/** The base lengths and extra bits of length codes 257 to 285, and of distance codes 0 to 29 (RFC 1951 3.2.5). */
const LENGTHS = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];

const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
/** The order in which code lengths are sent (RFC 1951 3.2.7). */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MAX_BITS = 15;
/** RFC 1952 2.3.1: the flags of a header, and the length of what follows the data. */
const FLAG = { crc: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const;
const TRAILER_BYTES = 8;

/** A Huffman code: how many codes there are of each length, and the symbols in their order. */
interface Code {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

class Malformed extends Error {}
class TooLarge extends Error {}

/**
 * gzip (RFC 1952) without zlib, for platforms whose own decompression is only a stream: the order of messages needs it at once.
 * Bit by bit and simple, some ten times slower than zlib: it is met by JSON calls whose pods compress.
 */
export const portableInflate: Inflate = (bytes, maxBytes) => {
  try {
    return new Inflater(bytes, maxBytes).members();
  } catch (error) {
    if (error instanceof TooLarge) return "larger";
    if (error instanceof Malformed) return "malformed";
    throw error;
  }
};

class Inflater {
  readonly #in: Uint8Array;
  readonly #max: number;
  #at = 0;
  #bits = 0;
  #bitCount = 0;
  #out = new Uint8Array(4_096);
  #length = 0;
  /** Where this member's output begins: nothing is copied from before it. */
  #begin = 0;

  constructor(bytes: Uint8Array, maxBytes: number) {
    this.#in = bytes;
    this.#max = maxBytes;
  }

  /** RFC 1952 2.2: a file has one member after another. */
  members(): Uint8Array {
    do this.#member();
    while (this.#at < this.#in.length);
    return this.#out.subarray(0, this.#length);
  }

  #member(): void {
    this.#header();
    this.#begin = this.#length;
    let last = false;
    while (!last) {
      last = this.#take(1) === 1;
      const type = this.#take(2);
      if (type === 0) this.#stored();
      else if (type === 1) this.#compressed(fixedLengths(), fixedDistances());
      else if (type === 2) this.#dynamic();
      else throw new Malformed();
    }
    this.#bits = 0;
    this.#bitCount = 0;
    const view = new DataView(this.#in.buffer, this.#in.byteOffset + this.#at);
    if (view.byteLength < TRAILER_BYTES || this.#at + TRAILER_BYTES > this.#in.length) throw new Malformed();
    const written = this.#out.subarray(this.#begin, this.#length);
    if (view.getUint32(0, true) !== crc32(written) || view.getUint32(4, true) !== written.length) throw new Malformed();
    this.#at += TRAILER_BYTES;
  }

  #header(): void {
    const [id1, id2, method, flags] = [this.#byte(), this.#byte(), this.#byte(), this.#byte()];
    if (id1 !== 0x1f || id2 !== 0x8b || method !== 8 || (flags & FLAG.reserved) !== 0) throw new Malformed();
    // Time, extra flags and system mean nothing here.
    for (let i = 0; i < 6; i++) this.#byte();
    if ((flags & FLAG.extra) !== 0) {
      const length = this.#byte() | (this.#byte() << 8);
      for (let i = 0; i < length; i++) this.#byte();
    }
    if ((flags & FLAG.name) !== 0) while (this.#byte() !== 0);
    if ((flags & FLAG.comment) !== 0) while (this.#byte() !== 0);
    if ((flags & FLAG.crc) !== 0) {
      this.#byte();
      this.#byte();
    }
  }

  #byte(): number {
    if (this.#at >= this.#in.length) throw new Malformed();
    return this.#in[this.#at++];
  }

  /** @param count at most 16 */
  #take(count: number): number {
    while (this.#bitCount < count) {
      this.#bits |= this.#byte() << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  #put(byte: number): void {
    if (this.#length === this.#out.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#out);
      this.#out = larger;
    }
    if (this.#length >= this.#max) throw new TooLarge();
    this.#out[this.#length++] = byte;
  }

  #stored(): void {
    this.#bits = 0;
    this.#bitCount = 0;
    const length = this.#byte() | (this.#byte() << 8);
    const complement = this.#byte() | (this.#byte() << 8);
    if (length !== (~complement & 0xffff)) throw new Malformed();
    for (let i = 0; i < length; i++) this.#put(this.#byte());
  }

  #dynamic(): void {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const count = this.#take(4) + 4;
    if (literals > 286 || distances > 30) throw new Malformed();
    const own = new Uint8Array(ORDER.length);
    for (let i = 0; i < count; i++) own[ORDER[i]] = this.#take(3);
    const code = codeOf(own);
    const lengths = new Uint8Array(literals + distances);
    for (let i = 0; i < lengths.length; ) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw new Malformed();
      const repeated = symbol === 16 ? lengths[i - 1] : 0;
      const times = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (i + times > lengths.length) throw new Malformed();
      lengths.fill(repeated, i, i + times);
      i += times;
    }
    this.#compressed(codeOf(lengths.subarray(0, literals)), codeOf(lengths.subarray(literals)));
  }

  #compressed(literals: Code, distances: Code): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === 256) return;
      if (symbol < 256) {
        this.#put(symbol);
        continue;
      }
      const index = symbol - 257;
      if (index >= LENGTHS.length) throw new Malformed();
      const length = LENGTHS[index] + this.#take(LENGTH_BITS[index]);
      const distance = this.#distance(this.#symbol(distances));
      if (distance > this.#length - this.#begin) throw new Malformed();
      // Byte by byte, because what is copied may be what was written just now.
      for (let i = 0; i < length; i++) this.#put(this.#out[this.#length - distance]);
    }
  }

  /** RFC 1951 3.2.5: distances double every two codes. */
  #distance(code: number): number {
    if (code > 29) throw new Malformed();
    if (code < 4) return code + 1;
    const bits = (code >> 1) - 1;
    return ((2 + (code & 1)) << bits) + 1 + this.#take(bits);
  }

  /** RFC 1951 3.2.2: codes of one length are consecutive, and begin after those of the shorter lengths. */
  #symbol({ counts, symbols }: Code): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let bits = 1; bits <= MAX_BITS; bits++) {
      code |= this.#take(1);
      const count = counts[bits];
      if (code - count < first) return symbols[index + code - first];
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new Malformed();
  }
}

function codeOf(lengths: Uint8Array): Code {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const length of lengths) counts[length]++;
  counts[0] = 0;
  // More codes than there is room for.
  let left = 1;
  for (let bits = 1; bits <= MAX_BITS; bits++) {
    left = (left << 1) - counts[bits];
    if (left < 0) throw new Malformed();
  }
  const offsets = new Uint16Array(MAX_BITS + 2);
  for (let bits = 1; bits <= MAX_BITS; bits++) offsets[bits + 1] = offsets[bits] + counts[bits];
  const symbols = new Uint16Array(lengths.length);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    if (lengths[symbol] !== 0) symbols[offsets[lengths[symbol]]++] = symbol;
  }
  return { counts, symbols };
}

/** RFC 1951 3.2.6. */
function fixedLengths(): Code {
  return codeOf(new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280));
}

function fixedDistances(): Code {
  return codeOf(new Uint8Array(30).fill(5));
}

/** RFC 1952 8: bit by bit, without a table. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
