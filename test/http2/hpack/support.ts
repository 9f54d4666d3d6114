import { Decoder, type HeaderLimits } from "../../../src/http2/hpack/decoder.ts";
import type { Encoder } from "../../../src/http2/hpack/encoder.ts";
import type { Head } from "../../../src/http2/receiver.ts";

/** Limits that no test here meets by accident. */
export const WIDE: HeaderLimits = { maxListBytes: 1 << 20, maxFields: 10_000 };

export function head(fields: readonly string[], neverIndexed: readonly number[] | null = null): Head {
  return { fields, neverIndexed, memo: undefined };
}

/** Bytes from hexadecimal digits; blanks are allowed. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function hex(block: Uint8Array): string {
  return Array.from(block, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function decodeHex(decoder: Decoder, block: string): readonly string[] {
  const input = bytes(block);
  return decoder.decode(input, 0, input.length).fields;
}

/** Encodes into a buffer of exactly `bound` bytes between two guards, and checks that nothing else was written to. */
export function encode(encoder: Encoder, one: Head): Uint8Array {
  const guard = 3;
  const bound = encoder.bound(one);
  const out = new Uint8Array(guard + bound + guard).fill(0xa5);
  const end = encoder.encode(one, out, guard);
  if (end > guard + bound) throw new Error(`bound ${bound} was exceeded: ${end - guard}`);
  const rim = [...out.subarray(0, guard), ...out.subarray(guard + bound)];
  if (rim.some((byte) => byte !== 0xa5)) throw new Error("bytes outside the bound were written to");
  return out.slice(guard, end);
}

/** The dynamic table, newest first, as a decoder shows it when asked for index 62, 63, ... until it refuses. */
export function dynamicEntries(decoder: Decoder): string[] {
  const entries: string[] = [];
  for (let index = 62; ; index++) {
    const block = index < 127 ? [0x80 | index] : [0xff, index - 127];
    try {
      entries.push(...decoder.decode(Uint8Array.from(block), 0, block.length).fields);
    } catch {
      return entries;
    }
  }
}

/** Size as RFC 7541 4.1 counts it. */
export function tableSize(entries: readonly string[]): number {
  return entries.reduce((sum, text) => sum + text.length, (entries.length / 2) * 32);
}

export function createDecoder(maxTableSize = 4096, limits = WIDE): Decoder {
  return new Decoder(maxTableSize, limits);
}
