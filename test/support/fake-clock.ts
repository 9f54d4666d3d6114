import type { Clock, Timer } from "../../src/runtime/machine.ts";

/** 2026-01-01T00:00:00Z: an arbitrary, readable origin for wall-clock time. */
const WALL_ORIGIN = Date.UTC(2026, 0, 1);

interface Pending {
  readonly due: number;
  readonly run: () => void;
}

interface Waiter {
  readonly timers: number;
  readonly resolve: () => void;
}

/** A clock that stands still until the test moves it, and that can wait until the code under test sleeps. */
export class FakeClock implements Clock {
  private time = 0;
  // In the order in which the timers were made: that order breaks ties between equal due times, as on a real clock.
  private readonly timers = new Set<Pending>();
  private waiters: Waiter[] = [];

  now(): number {
    return this.time;
  }

  wall(): number {
    return WALL_ORIGIN + this.time;
  }

  timer(run: () => void, ms: number): Timer {
    const pending: Pending = { due: this.time + Math.max(0, ms), run };
    this.timers.add(pending);
    this.wakeWaiters();
    return { cancel: () => void this.timers.delete(pending) };
  }

  /** Timers that have neither run nor been cancelled. */
  get pending(): number {
    return this.timers.size;
  }

  /** Milliseconds until the next timer; null when there is none. */
  get next(): number | null {
    const first = this.earliest();
    return first === undefined ? null : first.due - this.time;
  }

  /**
   * Moves time forward and runs, in order of their due times, the timers that fall due on the way, those that are made
   * meanwhile included. During each run `now()` is its due time. Nothing asynchronous happens in between: code that sleeps
   * again only after a promise has settled needs `waitForTimers` between two calls.
   */
  advance(ms: number): void {
    const end = this.time + ms;
    for (let timer = this.earliest(); timer !== undefined && timer.due <= end; timer = this.earliest()) {
      this.timers.delete(timer);
      this.time = timer.due;
      timer.run();
    }
    this.time = end;
  }

  /** Resolves when at least `n` timers are pending; at once when they are already. */
  waitForTimers(n: number): Promise<void> {
    if (this.timers.size >= n) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push({ timers: n, resolve }));
  }

  private earliest(): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.timers) if (first === undefined || timer.due < first.due) first = timer;
    return first;
  }

  private wakeWaiters(): void {
    if (this.waiters.length === 0) return;
    const size = this.timers.size;
    const ready = this.waiters.filter((waiter) => waiter.timers <= size);
    this.waiters = this.waiters.filter((waiter) => waiter.timers > size);
    for (const waiter of ready) waiter.resolve();
  }
}
