import type { Clock, Timer } from "../runtime/machine.ts";

/** Something with time-outs to look after, about once a second. */
export interface Sweepable {
  sweep(ms: number): void;
}

const PERIOD_MS = 1_000;

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
      const ms = this.#clock.now() - this.#last;
      this.#timer = null;
      for (const member of [...this.#members]) member.sweep(ms);
      if (this.#timer === null && this.#members.size > 0) this.#arm();
    }, PERIOD_MS);
  }
}
