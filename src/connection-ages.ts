import type { Sweepable } from "./http2/sweeper.ts";
import type { Log, Random } from "./runtime/machine.ts";

/** Part of an age, up or down: connections that a restart or a scale-up made together do not all leave together (gRFC A9). */
const JITTER = 0.1;

/** A connection that can send its client elsewhere without losing a call. */
export interface Retirable {
  retire(): void;
}

/**
 * Retires connections that have reached their age (gRFC A9, MAX_CONNECTION_AGE): clients then look their gateways up again and find
 * those that are new. The calls that are open have all the time they want.
 */
export class ConnectionAges implements Sweepable {
  readonly #maxAge: number;
  readonly #random: Random;
  readonly #log: Log;
  /** When each one is due, in the time of `#now`; in the order in which they came. */
  readonly #due = new Map<Retirable, number>();
  /** Milliseconds of sweeps. */
  #now = 0;

  /** @param maxAge milliseconds */
  constructor(maxAge: number, random: Random, log: Log) {
    this.#maxAge = maxAge;
    this.#random = random;
    this.#log = log;
  }

  /** @returns how many there are now */
  add(connection: Retirable): number {
    this.#due.set(connection, this.#now + this.#maxAge * (1 - JITTER + 2 * JITTER * this.#random()));
    return this.#due.size;
  }

  /** @returns how many are left */
  delete(connection: Retirable): number {
    this.#due.delete(connection);
    return this.#due.size;
  }

  sweep(ms: number): void {
    this.#now += ms;
    for (const [connection, due] of this.#due) {
      if (due <= this.#now) {
        this.#due.delete(connection);
        connection.retire();
      } else if (due > this.#now + 2 * JITTER * this.#maxAge) {
        // All that came later are due later.
        return;
      }
    }
  }

  broken(error: unknown): void {
    this.#log.error("internal error", { message: error instanceof Error ? String(error.stack) : String(error) });
  }
}
