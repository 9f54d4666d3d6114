import type { Head } from "../receiver.ts";

/** Heads remembered: as many as the decoder's memo hands out again (block-memo.ts). */
const SLOTS = 16;

/** Longer blocks are encoded every time: bounds a connection's memory at 16 KiB. */
const LONGEST = 1024;

/** From here on the native copy is quicker than a loop. */
const NATIVE_COPY = 48;

/** The block of a head that was encoded only once so far. */
const ONCE = new Uint8Array(0);

/**
 * The encoded bytes of the last few heads, by the Head object. A head gets its copy when it comes a second time: one that is made for a
 * single call (its deadline differs) costs no copy. Valid while the dynamic table does not change; the owner says so by {@link clear}.
 */
export class HeadMemo {
  private filled = 0;
  private readonly heads: Head[] = [];
  private readonly blocks: Uint8Array[] = [];
  /** 1 for a slot that was hit since the hand passed: see block-memo.ts. */
  private readonly used = new Uint8Array(SLOTS);
  private hand = 0;
  /** The slot that was found last: `bound`, `encode` and `remember` of one head follow each other. */
  private recent = 0;

  /** The remembered block, or null. */
  find(head: Head): Uint8Array | null {
    let slot = this.recent;
    if (slot >= this.filled || this.heads[slot] !== head) {
      slot = this.heads.indexOf(head);
      if (slot < 0) return null;
      this.recent = slot;
    }
    this.used[slot] = 1;
    const block = this.blocks[slot];
    return block.length === 0 ? null : block;
  }

  /** Copies bytes[start..end), unless they are too long or the head came for the first time. To be called after {@link find} gave null. */
  remember(head: Head, bytes: Uint8Array, start: number, end: number): void {
    if (end - start > LONGEST) return;
    if (this.recent < this.filled && this.heads[this.recent] === head) {
      // Not `bytes.slice`: a Buffer's gives a view, not a copy.
      const block = new Uint8Array(end - start);
      for (let at = 0; at < block.length; at++) block[at] = bytes[start + at];
      this.blocks[this.recent] = block;
      return;
    }
    const slot = this.claim();
    this.heads[slot] = head;
    this.blocks[slot] = ONCE;
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

/** Copies all of `block` to out[at..] and returns the offset after it. */
export function copyBlock(block: Uint8Array, out: Uint8Array, at: number): number {
  const length = block.length;
  if (length >= NATIVE_COPY) {
    out.set(block, at);
    return at + length;
  }
  for (let from = 0; from < length; from++) out[at + from] = block[from];
  return at + length;
}
