import { createPolicy } from "../../src/balancing/create-policy.ts";
import { subsetOf } from "../../src/balancing/subset.ts";
import type { PolicyName } from "../../src/config/settings.ts";
import { type Pod, pod, Simulation } from "../balance/simulation.ts";
import { percentile, variation } from "../balance/statistics.ts";
import { mulberry32 } from "../support/mulberry32.ts";
import { Population } from "./population.ts";

/** How large, and for how long. */
export interface Scale {
  readonly pods: number;
  readonly gateways: number;
  readonly clients: number;
  /** Simulated milliseconds before anything is counted, and while it is. */
  readonly warmUp: number;
  readonly counted: number;
  readonly seed: number;
}

/** 1 pod in so many works at half speed. */
export const ONE_SLOW_IN = 100;
/** Mean work of a call in milliseconds at full speed, exponential; a pod does one call at a time. */
export const WORK = 10;
/** A client is busy for 2 s at a time, a tenth of the time: people and devices, not batch jobs. */
const BUSY = { busyMs: 2_000, busyFraction: 0.1 };

export interface Contender {
  readonly name: string;
  readonly policy: PolicyName;
  readonly ties: "quickest" | "random";
  /** Pods that each gateway knows; 0: all. */
  readonly subset: number;
  /**
   * `salted`: src/balancing/subset.ts, each gateway with a salt of its own. `ordinal`: gateway i takes the pods from i x subset on, round
   * and round, so that all are known by equally many; not built, since gateways would have to agree on their numbers.
   */
  readonly choice?: "salted" | "ordinal";
  /** A tenth of a per cent of the clients make three tenths of the calls: services among people. */
  readonly heavy?: true;
  /** One gateway that sees every call: what no set of independent gateways can do better. */
  readonly oracle?: true;
}

export interface Outcome {
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly calls: number;
  /** Coefficient of variation of the calls of the pods at full speed. */
  readonly spread: number;
  /** Calls of the busiest pod, as a multiple of the mean. */
  readonly busiest: number;
  /** Calls of the slow pods, as a multiple of their even share. */
  readonly slowShare: number;
  /** Pods that no gateway knows. */
  readonly unknown: number;
  /** Pods whose queue holds more than a second of work at the end: under too many calls for what they can do. */
  readonly drowning: number;
}

/** One contender at one load. @param load calls arrive at this fraction of what all pods can do together */
export function simulate(scale: Scale, contender: Contender, load: number): Outcome {
  const { seed, clients } = scale;
  const gateways = contender.oracle ? 1 : scale.gateways;
  const random = mulberry32(seed);
  const pods = Array.from({ length: scale.pods }, (_, i) =>
    pod(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:50051`, i % ONE_SLOW_IN === 0 ? 0.5 : 1),
  );
  const capacity = pods.reduce((sum, { speed }) => sum + speed, 0) / (WORK / 1000);
  const heavy = contender.heavy ? { heavy: { clients: clients / 1_000, share: 0.3 } } : {};
  const rate = (load * capacity) / clients;
  const population = new Population({ clients, gateways, rate, ...BUSY, ...heavy }, random);
  const known = new Set<Pod>();
  const simulation = new Simulation({
    policy: (clock) => createPolicy(contender.policy, { ties: contender.ties, clock, random }),
    gateways,
    pods,
    methods: [{ path: "/sim.v1.Sim/Call", mean: WORK, weight: 1 }],
    service: "exponential",
    rate: 0,
    clients: population,
    random,
    known: (all, gateway) => {
      const part = contender.oracle ? all : subset(contender, all, gateway, random);
      for (const one of part) known.add(one);
      return part;
    },
  });
  simulation.run(scale.warmUp);
  simulation.latencies = [];
  for (const one of pods) one.calls = 0;
  simulation.run(scale.counted);
  const { latencies } = simulation;
  const counts = pods.map(({ calls }) => calls);
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const slow = pods.filter(({ speed }) => speed < 1);
  return {
    ...percentiles(latencies),
    calls: latencies.length,
    spread: variation(pods.filter(({ speed }) => speed === 1).map(({ calls }) => calls)),
    busiest: Math.max(...counts) / mean,
    slowShare: slow.reduce((sum, { calls }) => sum + calls, 0) / slow.length / mean,
    unknown: pods.length - known.size,
    drowning: pods.filter(({ freeAt }) => freeAt - simulation.clock.time > 1_000).length,
  };
}

function percentiles(latencies: readonly number[]) {
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((fraction) => percentile(latencies, fraction));
  return { p50, p99, p999 };
}

/** The pods that a gateway knows. */
export function subset<P extends { readonly name: string }>(
  { subset: size, choice }: Pick<Contender, "subset" | "choice">,
  pods: readonly P[],
  gateway: number,
  random: () => number,
): readonly P[] {
  if (size === 0 || size >= pods.length) return pods;
  if (choice === "ordinal") return Array.from({ length: size }, (_, i) => pods[(gateway * size + i) % pods.length]);
  const labels = subsetOf(
    pods.map(({ name }) => name),
    size,
    Math.floor(random() * 2 ** 32),
  );
  return pods.filter(({ name }) => labels.has(name));
}
