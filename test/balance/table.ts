import { createPolicy } from "../../src/balancing/create-policy.ts";
import type { PolicyName } from "../../src/config/settings.ts";
import { mulberry32 } from "../support/mulberry32.ts";
import { type Method, type Pod, pod, Simulation } from "./simulation.ts";
import { percentile, variation } from "./statistics.ts";

/** Fraction of the pods that work at half speed. */
const SLOW = 0.2;
/** Calls arrive at this fraction of what all pods can do together, slow ones counted as half. */
const LOAD = 0.75;
/** Simulated milliseconds before anything is counted: queues fill and usual times settle. */
const WARM_UP = 5_000;

export interface Setting {
  readonly name: string;
  readonly pods: number;
  readonly gateways: number;
  readonly methods: readonly Method[];
  /** p99 in ms with random ties and with quickest ones, as first measured: for comparison. */
  readonly first: string;
}

const oneMethod: readonly Method[] = [{ path: "/sim.v1.Sim/Call", mean: 10, weight: 1 }];

// Each method brings a third of the work.
const threeMethods: readonly Method[] = [
  { path: "/sim.v1.Sim/Short", mean: 4, weight: 16 },
  { path: "/sim.v1.Sim/Middle", mean: 16, weight: 4 },
  { path: "/sim.v1.Sim/Long", mean: 64, weight: 1 },
];

export const settings: readonly Setting[] = [
  { name: "10 pods, 8 gateways", pods: 10, gateways: 8, methods: oneMethod, first: "174 / 108 (live)" },
  { name: "100 pods, 32 gateways", pods: 100, gateways: 32, methods: oneMethod, first: "396 / 100" },
  { name: "the same, methods of 4, 16, 64 ms", pods: 100, gateways: 32, methods: threeMethods, first: "592 / 233" },
];

export interface Contender {
  readonly name: string;
  readonly policy: PolicyName;
  readonly ties: "quickest" | "random";
}

const randomTies: Contender = { name: "random ties", policy: "least_outstanding", ties: "random" };
const quickestTies: Contender = { name: "quickest ties", policy: "least_outstanding", ties: "quickest" };

export const contenders: readonly Contender[] = [
  randomTies,
  quickestTies,
  { name: "p2c", policy: "p2c", ties: "random" },
  { name: "round_robin", policy: "round_robin", ties: "random" },
];

export interface Result {
  readonly p50: number;
  readonly p99: number;
  readonly calls: number;
}

/** One policy in one setting for so many simulated seconds. */
export function simulate(setting: Setting, contender: Contender, seed: number, seconds: number): Result {
  const pods = Array.from({ length: setting.pods }, (_, i) => pod(`pod-${i}`, i < SLOW * setting.pods ? 0.5 : 1));
  const simulation = simulationOf(pods, setting.gateways, setting.methods, contender, LOAD, "exponential", seed);
  simulation.run(WARM_UP);
  simulation.latencies = [];
  simulation.run(seconds * 1000);
  const { latencies } = simulation;
  return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), calls: latencies.length };
}

/** Coefficient of variation of ten equal pods' shares at 2% load. */
export function spread(
  contender: Contender,
  service: "exponential" | "constant",
  gateways: number,
  seed: number,
  seconds: number,
): number {
  const pods = Array.from({ length: 10 }, (_, i) => pod(`pod-${i}`));
  simulationOf(pods, gateways, oneMethod, contender, 0.02, service, seed).run(seconds * 1000);
  return variation(pods.map(({ calls }) => calls));
}

/** Simulated seconds of the spread: so long that chance alone varies the shares by 1.3%. */
const SPREAD = 3_000;

/** Runs everything and gives it as Markdown. Progress goes to `say`, a line at a time. */
export function table(seed: number, seconds: number, say: (line: string) => void, spreadSeconds = SPREAD): string {
  const rows = settings.map((setting) => {
    const results = contenders.map((contender) => {
      const result = simulate(setting, contender, seed, seconds);
      say(`${setting.name}, ${contender.name}: ${result.calls} calls`);
      return result;
    });
    const [random, quickest] = results;
    const cells = results.map(({ p50, p99 }) => `${p50.toFixed(0)} / ${p99.toFixed(0)}`);
    return [setting.name, ...cells, `${(random.p99 / quickest.p99).toFixed(2)}x`, setting.first];
  });
  const headings = [
    "",
    ...contenders.map(({ name }) => name),
    "p99 random : quickest",
    "first measured: p99 random / quickest",
  ];
  const shares = ([1, 8] as const).flatMap((gateways) =>
    (["constant", "exponential"] as const).map((service) => [
      `${gateways} gateway${gateways > 1 ? "s" : ""}, ${service} times`,
      ...[randomTies, quickestTies].map((contender) =>
        spread(contender, service, gateways, seed, spreadSeconds).toFixed(3),
      ),
    ]),
  );
  say(`spread at 2% load: ${shares.length} settings`);
  return [
    `p50 / p99 in ms. Seed ${seed}, ${seconds} simulated seconds.`,
    "",
    ...markdown(headings, rows),
    "",
    "Coefficient of variation of ten equal pods' shares at 2% load:",
    "",
    ...markdown(["", "random ties", "quickest ties"], shares),
  ].join("\n");
}

function simulationOf(
  pods: readonly Pod[],
  gateways: number,
  methods: readonly Method[],
  contender: Contender,
  load: number,
  service: "exponential" | "constant",
  seed: number,
): Simulation {
  const { policy, ties } = contender;
  const capacity = pods.reduce((sum, { speed }) => sum + speed, 0);
  const weights = methods.reduce((sum, { weight }) => sum + weight, 0);
  const mean = methods.reduce((sum, { mean, weight }) => sum + mean * weight, 0) / weights;
  return new Simulation({
    policy: (clock, random) => createPolicy(policy, { ties, clock, random }),
    gateways,
    pods,
    methods,
    service,
    rate: (load * capacity * 1000) / mean,
    random: mulberry32(seed),
  });
}

/** A table; the first column is text, the others are figures. */
export function markdown(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(headings), `|---|${"---:|".repeat(headings.length - 1)}`, ...rows.map(line)];
}
