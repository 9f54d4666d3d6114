import type { Clock, Timer } from "../runtime/machine.ts";

/** Something with time-outs to look after, about once a second. */
export interface Sweepable {
  sweep(ms: number): void;
  /** `sweep` has thrown: a mistake of ours. Must not throw. */
  broken(error: unknown): void;
}

const PERIOD_MS = 1_000;
/**
 * Time that one sweep counts at most. When the process could not run for longer (a suspended machine, a container out of
 * its CPU share), what the peers sent meanwhile has not been read yet: they are not to blame for that time.
 */
const LONGEST_MS = 2 * PERIOD_MS;

/** One timer for all connections of a process; it runs only while there are any. */
export class Sweeper {
  readonly #clock: Clock;
  readonly #members = new Set<Sweepable>();
  #timer: Timer | null = null;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(member: Sweepable): void {
    this.#members.add(member);
    if (this.#timer === null) this.#arm();
  }

  delete(member: Sweepable): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(): void {
    this.#last = this.#clock.now();
    this.#timer = this.#clock.timer(() => {
      const ms = Math.min(this.#clock.now() - this.#last, LONGEST_MS);
      this.#timer = null;
      for (const member of [...this.#members]) {
        try {
          member.sweep(ms);
        } catch (error) {
          member.broken(error);
        }
      }
      if (this.#timer === null && this.#members.size > 0) this.#arm();
    }, PERIOD_MS);
  }
}
