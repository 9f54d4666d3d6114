/** What is said to those who give way. */
export const TOO_MUCH_HELD = "the gateway holds too many incomplete messages, and this one has taken the longest";

/** Who holds a message whole. */
export interface Holder {
  /** Too much is held in all, and this one has taken the longest: it must let go. It is not counted any more. */
  giveWay(): void;
}

/**
 * Counts the messages of the whole process that are held until they are complete, and bounds them (invariant 7). No window
 * does: who sends a message slowly, and many at once, would hold any amount for as long as it likes. When it becomes too much,
 * the one that was begun first gives way: a message of someone in good faith is complete by then, or does not hurry.
 */
export class HeldMessages {
  readonly #max: number;
  /** Bytes by holder, the oldest first: the order of a Map is that of the first `hold`. */
  readonly #holders = new Map<Holder, number>();
  #held = 0;

  constructor(maxBytes: number) {
    this.#max = maxBytes;
  }

  get held(): number {
    return this.#held;
  }

  /** The holder has allocated so many bytes more. May make others give way, or itself. */
  hold(holder: Holder, bytes: number): void {
    this.#holders.set(holder, (this.#holders.get(holder) ?? 0) + bytes);
    this.#held += bytes;
    if (this.#held > this.#max) this.#makeRoom();
  }

  /** The holder has let go of everything. No effect when it held nothing. */
  release(holder: Holder): void {
    const bytes = this.#holders.get(holder);
    if (bytes === undefined) return;
    this.#holders.delete(holder);
    this.#held -= bytes;
  }

  #makeRoom(): void {
    for (const holder of this.#holders.keys()) {
      if (this.#held <= this.#max) return;
      this.release(holder);
      holder.giveWay();
    }
  }
}
