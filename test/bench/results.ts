/** Everything a run measured, as it stands in results.json: raw figures round by round, so that others can compute anew. */
export interface Results {
  /** ISO 8601, to the day. */
  readonly date: string;
  readonly machine: Machine;
  readonly settings: RunSettings;
  readonly peers: readonly PeerResult[];
  /** Peers that could not be had or that failed, with the reason. */
  readonly missing: readonly { readonly key: string; readonly name: string; readonly reason: string }[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  readonly loadGenerator: string;
  /** Whether proxy and load have a core each. */
  readonly pinned: boolean;
  readonly pods: string;
  /** Load average of the last minute when the run began: what else the machine was doing. */
  readonly busy: number;
}

export interface RunSettings {
  readonly rounds: number;
  /** Per run: one proxy, one shape, one round. */
  readonly calls: number;
  /** Per proxy, before the first round. */
  readonly warmup: number;
  readonly shapes: readonly string[];
  /** Of the order of the proxies. */
  readonly seed: number;
  /** The key of the peer that the ratios are to. */
  readonly yardstick: string;
}

export interface PeerResult {
  readonly key: string;
  readonly name: string;
  readonly version: string;
  /** How it was started, without this machine's paths. */
  readonly command: string;
  /** By shape. */
  readonly cost: Readonly<Record<string, Cost>>;
  /** Null when it was not measured (`--quick`). */
  readonly latency: Latency | null;
  /** Milliseconds from spawn to the end of the first successful call, once per start. */
  readonly readyMs: readonly number[];
  readonly rssIdleBytes: number;
  /** The most that was seen right after a run. */
  readonly rssLoadedBytes: number;
}

export interface Cost {
  /** Per round: CPU microseconds of the proxy's process tree per call. */
  readonly cpuUs: readonly number[];
  /** Per round: `cpuUs` by the yardstick's in the same round. Empty when there is no yardstick. */
  readonly ratios: readonly number[];
  readonly callsPerSecond: readonly number[];
}

export interface Latency {
  /** Calls per second offered: half of the proxy's own closed-loop peak. */
  readonly rate: number;
  /** Milliseconds, one per repetition: through the proxy, and straight to a pod right after it. */
  readonly p99Ms: readonly number[];
  readonly directP99Ms: readonly number[];
}
