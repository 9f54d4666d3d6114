import type { Random } from "../runtime/machine.ts";
import type { Candidate, Policy } from "./policy.ts";
import { assignSlots, drawSlot, exceptSlot, uncount } from "./ready-set.ts";

/** One endpoint after the other. Starts anywhere, so that gateways that start together do not go round in step. */
export class RoundRobin<E extends Candidate> implements Policy<E> {
  private readonly random: Random;
  private ready: readonly E[] = [];
  private next = 0;

  constructor(random: Random) {
    this.random = random;
  }

  update(ready: readonly E[]): void {
    const last = this.ready;
    this.ready = ready.slice();
    assignSlots(last, this.ready);
    this.next = this.successor(last);
  }

  pick(_method: string, except?: E): E | undefined {
    const { ready } = this;
    if (ready.length === 0) return undefined;
    let slot = this.next;
    if (slot === exceptSlot(ready.length, except)) slot = (slot + 1) % ready.length;
    this.next = (slot + 1) % ready.length;
    const endpoint = ready[slot];
    endpoint.outstanding++;
    return endpoint;
  }

  done(endpoint: E): void {
    uncount(endpoint);
  }

  /** Where to go on: at the endpoint whose turn it was, or the first after it that is still there. */
  private successor(last: readonly E[]): number {
    for (let step = 0; step < last.length; step++) {
      const { slot } = last[(this.next + step) % last.length];
      if (slot >= 0) return slot;
    }
    return drawSlot(this.ready.length, -1, this.random);
  }
}
