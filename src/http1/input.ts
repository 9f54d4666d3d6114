const EMPTY = new Uint8Array(0);

/**
 * What was received and not yet read, in one piece. Bytes that were handed on are never written to again: more is put behind
 * them, or everything that is left is copied to a larger buffer.
 */
export class Input {
  bytes: Uint8Array = EMPTY;
  /** Where the unread bytes begin and end. */
  at = 0;
  end = 0;
  /** `bytes` was made here, and may be written to from `end` on. */
  #own = false;

  get length(): number {
    return this.end - this.at;
  }

  add(more: Uint8Array): void {
    if (this.at === this.end) {
      this.bytes = more;
      this.at = 0;
      this.end = more.length;
      this.#own = false;
      return;
    }
    const length = this.length;
    if (!this.#own || this.end + more.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(2 * length, length + more.length));
      larger.set(this.bytes.subarray(this.at, this.end));
      this.bytes = larger;
      this.at = 0;
      this.end = length;
      this.#own = true;
    }
    this.bytes.set(more, this.end);
    this.end += more.length;
  }

  /** Keeps nothing alive once all is read. */
  tidy(): void {
    if (this.at < this.end) return;
    this.bytes = EMPTY;
    this.at = 0;
    this.end = 0;
    this.#own = false;
  }
}
