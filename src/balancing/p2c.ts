import type { Random } from "../runtime/machine.ts";
import type { Candidate, Policy } from "./policy.ts";
import { assignSlots, drawSlot, exceptSlot, uncount } from "./ready-set.ts";

/** Power of two choices: draws two different endpoints and takes the one with fewer outstanding calls, either when equal. */
export class PowerOfTwo<E extends Candidate> implements Policy<E> {
  private readonly random: Random;
  private ready: readonly E[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  update(ready: readonly E[]): void {
    const last = this.ready;
    this.ready = ready.slice();
    assignSlots(last, this.ready);
  }

  pick(_method: string, except?: E): E | undefined {
    const { ready, random } = this;
    if (ready.length === 0) return undefined;
    const avoid = exceptSlot(ready.length, except);
    const first = drawSlot(ready.length, avoid, random);
    const second = this.second(first, avoid);
    // Of equals the one drawn first: that is as good as a coin, and never decided by position.
    const endpoint = ready[ready[second].outstanding < ready[first].outstanding ? second : first];
    endpoint.outstanding++;
    return endpoint;
  }

  done(endpoint: E): void {
    uncount(endpoint);
  }

  /** Another slot than the first, and than the one to avoid; the first again when there is no other. */
  private second(first: number, avoid: number): number {
    const size = this.ready.length;
    if (avoid < 0) return size === 1 ? first : drawSlot(size, first, this.random);
    if (size === 2) return first;
    const low = Math.min(first, avoid);
    const drawn = drawSlot(size - 1, low, this.random);
    return drawn < Math.max(first, avoid) ? drawn : drawn + 1;
  }
}
