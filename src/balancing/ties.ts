import type { Random } from "../runtime/machine.ts";
import type { Candidate } from "./policy.ts";

/** Chooses among endpoints with equally many outstanding calls, and learns from calls that ended. */
export interface Ties<E extends Candidate> {
  /**
   * The ready set was replaced; slots are those of the next set already.
   * @param origins by next slot, the slot in the last set or -1
   */
  update(last: readonly E[], next: readonly E[], origins: Int32Array): void;
  /** Chooses one of the slots that stand in `order` from place `from` to before place `to`: one at least. */
  choose(order: Int32Array, from: number, to: number): number;
  /** A call has ended; parameters as for `done` of the policy. */
  learn(endpoint: E, method: string, elapsed: number, fault: boolean): void;
}

/** Every one as likely as the others. */
export function randomTies<E extends Candidate>(random: Random): Ties<E> {
  return {
    update() {},
    choose: (order, from, to) => order[from + Math.floor(random() * (to - from))],
    learn() {},
  };
}
