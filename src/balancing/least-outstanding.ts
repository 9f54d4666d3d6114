import { Buckets } from "./buckets.ts";
import type { Candidate, Policy } from "./policy.ts";
import { assignSlots, exceptSlot, uncount } from "./ready-set.ts";
import type { Ties } from "./ties.ts";

/** The endpoint with the fewest outstanding calls of all; the tie rule chooses among several. */
export class LeastOutstanding<E extends Candidate> implements Policy<E> {
  private readonly ties: Ties<E>;
  private ready: readonly E[] = [];
  private buckets = new Buckets([]);

  constructor(ties: Ties<E>) {
    this.ties = ties;
  }

  update(ready: readonly E[]): void {
    const next = ready.slice();
    const origins = assignSlots(this.ready, next);
    this.ties.update(this.ready, next, origins);
    this.ready = next;
    this.buckets = new Buckets(next.map((endpoint) => endpoint.outstanding));
  }

  pick(_method: string, except?: E): E | undefined {
    const { ready, buckets } = this;
    if (ready.length === 0) return undefined;
    let from = 0;
    let to = buckets.end(ready[buckets.order[0]].outstanding);
    const avoid = exceptSlot(ready.length, except);
    if (avoid >= 0) {
      // Others of the lowest bucket, or the next bucket when there are none.
      buckets.toEdge(avoid, ready[avoid].outstanding);
      if (buckets.order[to - 1] === avoid) {
        if (to > 1) to--;
        else {
          from = 1;
          to = buckets.end(ready[buckets.order[1]].outstanding);
        }
      }
    }
    const slot = this.ties.choose(buckets.order, from, to);
    const endpoint = ready[slot];
    buckets.raise(slot, endpoint.outstanding++);
    return endpoint;
  }

  done(endpoint: E, method: string, elapsed: number, fault: boolean): void {
    uncount(endpoint);
    if (endpoint.slot >= 0) this.buckets.lower(endpoint.slot, endpoint.outstanding + 1);
    this.ties.learn(endpoint, method, elapsed, fault);
  }
}
