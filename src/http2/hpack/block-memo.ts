import type { DecodedHead } from "./decoder.ts";

/** Blocks remembered. A connection alternates between a few methods' heads, or between response heads and trailers. */
const SLOTS = 16;

/** Longer blocks are not remembered: with the slots this bounds a connection's memory at 16 KiB, and comparing stays cheaper than decoding. */
export const LONGEST_REMEMBERED = 1024;

/**
 * The last few header blocks by their bytes, and what they decoded to. Valid while the dynamic table does not change; the
 * owner says so by {@link clear}.
 */
export class BlockMemo {
  /** How many slots are filled, from the start. */
  private filled = 0;
  /** Length, last and middle byte: refuses nearly all wrong candidates in one comparison. */
  private readonly keys = new Int32Array(SLOTS);
  private readonly blocks: Uint8Array[] = [];
  private readonly heads: DecodedHead[] = [];
  /** 1 for a slot that was hit since the hand passed: it gets a second chance, so that blocks that come once do not displace those that repeat. */
  private readonly used = new Uint8Array(SLOTS);
  private hand = 0;

  find(bytes: Uint8Array, start: number, end: number): DecodedHead | null {
    const key = keyOf(bytes, start, end);
    for (let slot = 0; slot < this.filled; slot++) {
      if (this.keys[slot] === key && same(this.blocks[slot], bytes, start, end - start)) {
        this.used[slot] = 1;
        return this.heads[slot];
      }
    }
    return null;
  }

  /** Copies the bytes: `bytes` is usually a view of a read buffer that must not be kept alive. Ignores blocks that are too long. */
  remember(bytes: Uint8Array, start: number, end: number, head: DecodedHead): void {
    const length = end - start;
    if (length === 0 || length > LONGEST_REMEMBERED) return;
    const slot = this.claim();
    let block = this.blocks[slot];
    // Blocks that differ in one literal mostly have one length: the copy before is written over.
    if (block === undefined || block.length !== length) {
      block = new Uint8Array(length);
      this.blocks[slot] = block;
    }
    for (let at = 0; at < length; at++) block[at] = bytes[start + at];
    this.keys[slot] = keyOf(bytes, start, end);
    this.heads[slot] = head;
    this.used[slot] = 0;
  }

  clear(): void {
    if (this.filled === 0) return;
    this.filled = 0;
    this.hand = 0;
    this.heads.length = 0;
    this.blocks.length = 0;
  }

  private claim(): number {
    if (this.filled < SLOTS) return this.filled++;
    let slot = this.hand;
    while (this.used[slot] === 1) {
      this.used[slot] = 0;
      slot = (slot + 1) % SLOTS;
    }
    this.hand = (slot + 1) % SLOTS;
    return slot;
  }
}

/** The block must not be empty. */
function keyOf(bytes: Uint8Array, start: number, end: number): number {
  return ((end - start) << 16) | (bytes[end - 1] << 8) | bytes[(start + end) >> 1];
}

function same(block: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  for (let at = 0; at < length; at++) {
    if (block[at] !== bytes[start + at]) return false;
  }
  return true;
}
