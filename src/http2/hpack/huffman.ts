import { HpackError } from "./error.ts";
import { CODE_BITS, CODES, EOS } from "./huffman-code.ts";

/**
 * Decoding walks the code tree four bits at a time: `STEPS[state * 16 + nibble]` holds the next state and, when the nibble
 * completes a symbol, that symbol. The shortest code has 5 bits, so a nibble completes at most one. 16 KiB, which stays in
 * the first-level cache; a byte at a time would need 256 KiB.
 */
const EMITS = 0x100;
const STATE_SHIFT = 9;
/** No way on: EOS was seen. Stays in itself, so that only the end of the string needs to look. */
const DEAD = 256;
const STEPS = new Uint32Array((DEAD + 1) * 16);
/** 1 for the states in which a string may end: at most 7 bits, all ones, after the last symbol (RFC 7541 5.2). */
const MAY_END = new Uint8Array(DEAD + 1);
buildSteps();

/** The most bytes that `length` Huffman-coded bytes decode to: no code is shorter than 5 bits. */
export function huffmanDecodedBound(length: number): number {
  return Math.ceil((length * 8) / 5);
}

/**
 * Decodes bytes[start..end) to the start of `out`, which must have room for {@link huffmanDecodedBound}, plus one.
 * @returns the number of bytes written
 * @throws HpackError on EOS, and on padding that is longer than 7 bits or not all ones
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    // Writes always and advances only if a symbol was completed: faster than a branch that is taken four times in five.
    let step = STEPS[(state << 4) | (byte >> 4)];
    out[length] = step;
    length += (step >> 8) & 1;
    step = STEPS[((step >> STATE_SHIFT) << 4) | (byte & 15)];
    out[length] = step;
    length += (step >> 8) & 1;
    state = step >> STATE_SHIFT;
  }
  if (MAY_END[state] === 0) throw new HpackError("huffman: string ends in EOS or in wrong padding");
  return length;
}

/** The length of `text` in Huffman-coded bytes. */
export function huffmanLength(text: string): number {
  let bits = 7;
  for (let at = 0; at < text.length; at++) bits += CODE_BITS[text.charCodeAt(at) & 0xff];
  return bits >>> 3;
}

/** Writes `text` at out[at..] and returns the offset after it. Room must have been made. */
export function huffmanEncode(text: string, out: Uint8Array, at: number): number {
  // The low `held` bits of `bits` wait for their byte to fill; what is above them has been written and is shifted out.
  let bits = 0;
  let held = 0;
  for (let position = 0; position < text.length; position++) {
    const symbol = text.charCodeAt(position) & 0xff;
    let code = CODES[symbol];
    let length = CODE_BITS[symbol];
    if (length > 24) {
      // 7 held bits and more than 24 new ones would not fit 32: the upper part goes first.
      length -= 16;
      bits = (bits << length) | (code >>> 16);
      held += length;
      code &= 0xffff;
      length = 16;
      while (held >= 8) {
        held -= 8;
        out[at++] = bits >>> held;
      }
    }
    bits = (bits << length) | code;
    held += length;
    while (held >= 8) {
      held -= 8;
      out[at++] = bits >>> held;
    }
  }
  // "the most significant bits of the code for the EOS symbol" fill the last byte (RFC 7541 5.2): ones.
  if (held > 0) out[at++] = (bits << (8 - held)) | (0xff >> held);
  return at;
}

function buildSteps(): void {
  // The tree: two children per inner node; an inner node is its number, a leaf is -1 - symbol. A full binary tree with 257
  // leaves has 256 inner nodes, the root being 0.
  const children = new Int16Array(DEAD * 2);
  let nodes = 1;
  for (let symbol = 0; symbol <= EOS; symbol++) {
    let node = 0;
    for (let bit = CODE_BITS[symbol] - 1; bit > 0; bit--) {
      const place = node * 2 + ((CODES[symbol] >>> bit) & 1);
      if (children[place] === 0) children[place] = nodes++;
      node = children[place];
    }
    children[node * 2 + (CODES[symbol] & 1)] = -1 - symbol;
  }
  for (let state = 0; state <= DEAD; state++) {
    for (let nibble = 0; nibble < 16; nibble++) STEPS[state * 16 + nibble] = walk(children, state, nibble);
  }
  let node = 0;
  for (let ones = 0; ones < 8; ones++) {
    MAY_END[node] = 1;
    node = children[node * 2 + 1];
  }
}

function walk(children: Int16Array, state: number, nibble: number): number {
  let emitted = 0;
  for (let bit = 3; bit >= 0 && state !== DEAD; bit--) {
    const child = children[state * 2 + ((nibble >> bit) & 1)];
    if (child >= 0) {
      state = child;
    } else if (child === -1 - EOS) {
      state = DEAD;
    } else {
      emitted = EMITS | (-1 - child);
      state = 0;
    }
  }
  return (state << STATE_SHIFT) | emitted;
}
