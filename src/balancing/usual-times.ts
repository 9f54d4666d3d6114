/**
 * Methods with a mean of their own. Paths come from clients, so whoever makes them up must not fill memory: later methods
 * share one mean. A service has tens of methods, a large one hundreds.
 */
const METHODS = 1_000;

/** UTF-16 units; a longer path shares a mean too, so that the keys are bounded as well as their number. */
const METHOD_LENGTH = 256;

/** The shared mean's key: no path is empty. */
const OTHERS = "";

/**
 * Calls that a mean remembers. Long enough that chance moves the mean by a few per cent only, short enough that a method that
 * has become slower everywhere is usual again within seconds.
 */
const MEMORY = 256;

/**
 * No time counts for more than so many times the usual, neither as the endpoint's pace nor in the mean. As a pace: an endpoint
 * that one call kept for a minute would be left out of ties for hours until its idleness makes up for it; capped, that takes
 * half a minute, and p99 under load stays as it is. In the mean: one such call would make every later call look quick against
 * those before it. Measured in docs/decisions/0002-ties.md.
 */
export const WORST = 10;

/** Milliseconds. A clock may be coarser than a call is short; a time of zero would be quickest for ever, however idle others are. */
const SHORTEST = 0.001;

interface Mean {
  calls: number;
  time: number;
}

/** Each method's usual time: a running mean over all endpoints of the backend. */
export class UsualTimes {
  private readonly means = new Map<string, Mean>();

  /** Takes one call in. @returns its time as a multiple of what is usual for its method, {@link WORST} at most; 1 for the first call */
  relative(method: string, elapsed: number): number {
    const mean = this.mean(method);
    const time = Math.max(elapsed, SHORTEST);
    if (mean.calls === 0) mean.time = time;
    const counted = Math.min(time, WORST * mean.time);
    if (mean.calls < MEMORY) mean.calls++;
    mean.time += (counted - mean.time) / mean.calls;
    return counted / mean.time;
  }

  private mean(method: string): Mean {
    const known = this.means.get(method);
    if (known !== undefined) return known;
    const own = method.length <= METHOD_LENGTH && this.means.size < METHODS;
    return own ? this.add(method) : (this.means.get(OTHERS) ?? this.add(OTHERS));
  }

  private add(method: string): Mean {
    const mean: Mean = { calls: 0, time: 0 };
    this.means.set(method, mean);
    return mean;
  }
}
