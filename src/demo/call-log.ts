/** What the client saw of the calls that one pod answered. */
export interface PodCalls {
  /** Calls answered since the start. */
  readonly calls: number;
  /** Milliseconds from sending to the answer, of the calls that ended within the asked time; null when there were none. */
  readonly p50: number | null;
  readonly p99: number | null;
}

/** Remembers when each call ended, how long it took and which pod answered it, as the client saw it. */
export interface CallLog {
  ended(pod: string, at: number, elapsed: number): void;
  /** @param since counts latencies only of calls that ended then or later (same clock as `ended`); `calls` always counts all */
  pod(name: string, since: number): PodCalls;
  /** Over all pods. */
  total(since: number): PodCalls;
  /** The pods that answered at least one call. */
  pods(): readonly string[];
  /** Calls of a pod that ended before `until`: for shares within a phase. */
  callsBefore(name: string, until: number): number;
}

interface Sample {
  readonly at: number;
  readonly elapsed: number;
}

/** Keeps every sample: a demo makes a few thousand calls, so this stays below a megabyte even when left running for an hour. */
export function createCallLog(): CallLog {
  // The window of the live table is 5 s and the summary wants the whole run, hence all samples, up to a cap for `--keep`.
  const cap = 20_000;
  const samples = new Map<string, Sample[]>();
  const counts = new Map<string, number>();

  const summarize = (lists: Iterable<readonly Sample[]>, calls: number, since: number): PodCalls => {
    const times: number[] = [];
    for (const list of lists) {
      for (let i = list.length - 1; i >= 0 && list[i].at >= since; i--) times.push(list[i].elapsed);
    }
    times.sort((a, b) => a - b);
    return { calls, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  };

  return {
    ended(pod, at, elapsed) {
      const list = samples.get(pod) ?? [];
      samples.set(pod, list);
      list.push({ at, elapsed });
      if (list.length > cap) list.splice(0, cap / 2);
      counts.set(pod, (counts.get(pod) ?? 0) + 1);
    },
    pod: (name, since) => summarize([samples.get(name) ?? []], counts.get(name) ?? 0, since),
    total(since) {
      let calls = 0;
      for (const count of counts.values()) calls += count;
      return summarize(samples.values(), calls, since);
    },
    pods: () => [...counts.keys()],
    callsBefore: (name, until) => (samples.get(name) ?? []).filter((sample) => sample.at < until).length,
  };
}

/** The smallest value that at least `q` of the sorted values do not exceed (nearest rank); null for none. */
export function quantile(sorted: readonly number[], q: number): number | null {
  if (sorted.length === 0) return null;
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)];
}
