import type { Random } from "../runtime/machine.ts";
import type { Candidate, Policy } from "./policy.ts";
import { assignSlots, drawSlot, exceptSlot, uncount } from "./ready-set.ts";

/** Any endpoint, each as likely as the others. */
export class RandomChoice<E extends Candidate> implements Policy<E> {
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
    const { ready } = this;
    if (ready.length === 0) return undefined;
    const endpoint = ready[drawSlot(ready.length, exceptSlot(ready.length, except), this.random)];
    endpoint.outstanding++;
    return endpoint;
  }

  done(endpoint: E): void {
    uncount(endpoint);
  }
}
