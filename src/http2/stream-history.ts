/** Streams whose fate is remembered. A peer's frames can be under way for about as many streams as it has open at once. */
const REMEMBERED = 1_024;

/**
 * How recent streams ended: RFC 9113 5.1 wants frames on a stream that we reset to be ignored, and frames on one that ended
 * by itself to be errors. One byte a stream in a ring, so remembering costs no allocation.
 */
export class StreamHistory {
  readonly #fates = new Uint8Array(REMEMBERED);
  #last = 0;

  /** Highest stream ID so far. */
  get last(): number {
    return this.#last;
  }

  /** A stream begins; IDs that were skipped are closed without having been used (RFC 9113 5.1.1). */
  opened(id: number): void {
    if (this.#last === 0 || id - this.#last > 2 * REMEMBERED) this.#fates.fill(0);
    else for (let skipped = this.#last + 2; skipped <= id; skipped += 2) this.#fates[(skipped >>> 1) % REMEMBERED] = 0;
    this.#last = id;
  }

  /** @param fate one of `Closed` of stream.ts, not 0 */
  closed(id: number, fate: number): void {
    if (this.#last - id < 2 * REMEMBERED) this.#fates[(id >>> 1) % REMEMBERED] = fate;
  }

  /** The fate given to `closed`; 0 for a stream that was skipped; 3 (tolerant) for one too long ago to be remembered. */
  fate(id: number): number {
    if (this.#last - id >= 2 * REMEMBERED) return 3;
    return this.#fates[(id >>> 1) % REMEMBERED];
  }
}
