import type { Backlog } from "./backlog.ts";

/** How long the peer may take to read our last answer and close, until we do. Counted in sweeps: a second less may be meant. */
const GOODBYE_MS = 2_000;

/** How long a connection stays after its end was sent. */
export class Goodbye {
  /** The client has sent something since the last sweep. */
  heard = false;
  readonly #longestMs: number;
  #age = 0;

  /** @param longestMs for a client that goes on sending */
  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  /** @returns true when it is to be closed */
  sweep(ms: number, backlog: Backlog): boolean {
    const { heard } = this;
    this.heard = false;
    // The last answer may take its time, like any other, as long as it leaves.
    if (backlog.stalled(ms)) return true;
    if (backlog.queued > 0) {
      this.#age = 0;
      return false;
    }
    this.#age += ms;
    // Who is still sending has not looked at the answer yet, and a reset would take it away (RFC 9112 9.6).
    return this.#age >= (heard ? this.#longestMs : GOODBYE_MS);
  }
}
