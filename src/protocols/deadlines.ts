import type { Clock, Timer } from "../runtime/machine.ts";

/** Something that has until a certain time. Its owner does not touch the other fields. */
export interface Deadline {
  /** On the clock of the {@link Deadlines} it is added to, milliseconds. */
  at: number;
  expired(): void;
  next: Deadline | null;
  previous: Deadline | null;
  slot: number;
}

/** Calls end at most so much late (and a millisecond), which is within what a timer of the platform is late anyway. */
const TICK_MS = 5;
/** One round takes 10 s: most deadlines are met or expire in their first. */
const SLOTS = 2_048;

/**
 * A timing wheel: adding and removing a deadline costs a few assignments and no allocation, where a timer of the platform
 * costs about half a microsecond each. (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", scheme 6.)
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #slots: (Deadline | null)[] = new Array<Deadline | null>(SLOTS).fill(null);
  #size = 0;
  #timer: Timer | null = null;
  /** The tick up to which all slots have been looked at. */
  #tick = 0;
  readonly #run = (): void => {
    this.#timer = null;
    this.#advance();
    if (this.#size > 0) this.#arm();
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  add(deadline: Deadline): void {
    if (this.#size++ === 0) {
      this.#tick = Math.floor(this.#clock.now() / TICK_MS);
      this.#arm();
    }
    // Rounded up: no call ends before its deadline.
    const slot = Math.max(Math.ceil(deadline.at / TICK_MS), this.#tick + 1) % SLOTS;
    const first = this.#slots[slot];
    deadline.slot = slot;
    deadline.previous = null;
    deadline.next = first;
    if (first !== null) first.previous = deadline;
    this.#slots[slot] = deadline;
  }

  /** Only for one that was added and has neither expired nor been removed. */
  remove(deadline: Deadline): void {
    const { next, previous } = deadline;
    if (next !== null) next.previous = previous;
    if (previous !== null) previous.next = next;
    else this.#slots[deadline.slot] = next;
    deadline.slot = -1;
    // Links to neighbours would keep them alive as long as this one.
    deadline.next = null;
    deadline.previous = null;
    if (--this.#size === 0) {
      this.#timer?.cancel();
      this.#timer = null;
    }
  }

  /** The timer runs at the ticks, and not whenever the first deadline was added: else a deadline could be two ticks late. */
  #arm(): void {
    if (this.#timer !== null) return;
    const into = this.#clock.now() % TICK_MS;
    // Whole milliseconds: the platform cuts fractions off, and a timer that comes too early has to come again.
    this.#timer = this.#clock.timer(this.#run, Math.ceil(TICK_MS - into));
  }

  #advance(): void {
    const now = this.#clock.now();
    const tick = Math.floor(now / TICK_MS);
    // After a long pause every slot is looked at once.
    for (let at = Math.max(this.#tick + 1, tick - SLOTS + 1); at <= tick; at++) this.#expire(at % SLOTS, now);
    this.#tick = tick;
  }

  #expire(slot: number, now: number): void {
    let deadline = this.#slots[slot];
    while (deadline !== null) {
      const next: Deadline | null = deadline.next;
      if (deadline.at <= now) {
        this.remove(deadline);
        deadline.expired();
        // What expired may have removed its neighbour: then the slot is begun again.
        deadline = next === null || next.slot === slot ? next : this.#slots[slot];
      } else deadline = next;
    }
  }
}
