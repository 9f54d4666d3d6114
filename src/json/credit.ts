import type { Flow } from "../http2/receiver.ts";

/**
 * Windows across a translation, whose two sides differ in length: who sends gets credit for all that has come as soon as
 * nothing translated waits any more. So at most a window's worth of messages is under way, and one message in parts.
 */
export class Credit implements Flow {
  /** Where credit goes. */
  to: Flow | null = null;
  #owed = 0;
  #waiting = 0;

  /** Bytes have come. */
  received(bytes: number): void {
    this.#owed += bytes;
  }

  /** Bytes were handed on; {@link consumed} tells when they have left. */
  sent(bytes: number): void {
    this.#waiting += bytes;
  }

  consumed(bytes: number): void {
    this.#waiting -= bytes;
    this.settle();
  }

  /** Everything that has come has been looked at. */
  settle(): void {
    if (this.#waiting > 0 || this.#owed === 0) return;
    const owed = this.#owed;
    this.#owed = 0;
    this.to?.consumed(owed);
  }
}
