import type { Clock, Random } from "../runtime/machine.ts";
import type { Candidate } from "./policy.ts";
import type { Ties } from "./ties.ts";
import { UsualTimes, WORST } from "./usual-times.ts";

/** Milliseconds of idleness after which a score has halved: score = pace / (1 + idle / 3 s). */
const AGING = 3_000;

/** Ties looked at. All of them up to this number, so many drawn ones above: bounds the time of a pick. */
const SCAN = 64;

interface Learnt {
  readonly pace: number;
  readonly used: number;
}

/**
 * The endpoint whose last call was quickest relative to its method's usual time, aged by idleness. With many gateways nearly
 * all counts are 0 or 1 and say little; how long the last call took tells of the calls that other gateways have there.
 * See docs/decisions/0002-ties.md.
 */
export class QuickestTies<E extends Candidate> implements Ties<E> {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly usual = new UsualTimes();
  // Two flat arrays by slot, not fields of the endpoints: a scan of 64 ties reads them without a miss at 10,000 endpoints.
  /** Time of the endpoint's last call, as a multiple of its method's usual time. */
  private paces = new Float64Array(0);
  /** When that call ended. */
  private used = new Float64Array(0);
  /** What was known of endpoints that left: a pod that drops its connection at every call comes back as the slow pod it was. */
  private readonly gone = new WeakMap<E, Learnt>();

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
  }

  update(last: readonly E[], next: readonly E[], origins: Int32Array): void {
    const { paces, used } = this;
    for (let slot = 0; slot < last.length; slot++) {
      if (last[slot].slot < 0) this.gone.set(last[slot], { pace: paces[slot], used: used[slot] });
    }
    this.paces = new Float64Array(next.length);
    this.used = new Float64Array(next.length);
    let typical: Learnt | undefined;
    for (let slot = 0; slot < next.length; slot++) {
      const origin = origins[slot];
      if (origin >= 0) {
        this.paces[slot] = paces[origin];
        this.used[slot] = used[origin];
      } else {
        // One never used counts as the median in both: first of all, it would draw the calls of all gateways at once; last of
        // all, it would wait for every other to have a slow call.
        typical ??= { pace: median(paces) ?? 1, used: median(used) ?? this.clock.now() };
        const learnt = this.gone.get(next[slot]) ?? typical;
        this.paces[slot] = learnt.pace;
        this.used[slot] = learnt.used;
      }
    }
  }

  choose(order: Int32Array, from: number, to: number): number {
    const size = to - from;
    if (size === 1) return order[from];
    const { paces, used, random } = this;
    const start = this.clock.now() + AGING;
    let place = from;
    let step = 1;
    let count = size;
    if (size > SCAN) {
      // Drawn without replacement, each tie as likely as the others: a random start and a random step that does not come
      // round to the start again. Two random numbers instead of 64.
      count = SCAN;
      step += Math.floor(random() * Math.floor((size - 1) / (SCAN - 1)));
      place += Math.floor(random() * size);
    }
    let best = order[place];
    let bestScore = Number.POSITIVE_INFINITY;
    let equals = 1;
    for (; count > 0; count--) {
      const slot = order[place];
      const score = paces[slot] / (start - used[slot]);
      if (score < bestScore) {
        best = slot;
        bestScore = score;
        equals = 1;
      } else if (score === bestScore && random() * ++equals < 1) {
        // Never by position: among k equal scores each wins with 1/k.
        best = slot;
      }
      place += step;
      if (place >= to) place -= size;
    }
    return best;
  }

  learn(endpoint: E, method: string, elapsed: number, fault: boolean): void {
    const { slot } = endpoint;
    const now = this.clock.now();
    // A fault counts as ten times the usual time, however soon it came.
    const pace = fault ? WORST : elapsed < 0 ? undefined : this.usual.relative(method, elapsed);
    if (slot >= 0) {
      // A call that says nothing was a use all the same: otherwise cancelled calls would go to the same endpoint for ever.
      this.used[slot] = now;
      if (pace !== undefined) this.paces[slot] = pace;
    } else if (pace !== undefined) {
      this.gone.set(endpoint, { pace, used: now });
    }
  }
}

/** The middle one of an array's values; undefined when there are none. */
function median(values: Float64Array): number | undefined {
  return values.toSorted()[values.length >> 1];
}
