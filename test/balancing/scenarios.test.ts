import { afterEach, describe, expect, test } from "vitest";
import { createPolicy } from "../../src/balancing/create-policy.ts";
import type { PolicyName } from "../../src/config/settings.ts";
import { type Pod, pod, Simulation } from "../balance/simulation.ts";
import { percentile, variation } from "../balance/statistics.ts";
import { seededRandom } from "../support/random.ts";

const METHOD = { path: "/test.v1.Test/Call", mean: 10, weight: 1 };
/** Calls a second that a pod of speed 1 can do. */
const CAPACITY = 1000 / METHOD.mean;

interface Fleet {
  readonly policy?: PolicyName;
  readonly ties?: "quickest" | "random";
  readonly gateways?: number;
  readonly pods: readonly Pod[];
  readonly rate: number;
  readonly service?: "exponential" | "constant";
}

const simulations: Simulation[] = [];

function start({
  policy = "least_outstanding",
  ties = "quickest",
  gateways = 4,
  pods,
  rate,
  service,
}: Fleet): Simulation {
  const simulation = new Simulation({
    policy: (clock, random) => createPolicy(policy, { ties, clock, random }),
    gateways,
    pods,
    methods: [METHOD],
    service: service ?? "exponential",
    rate,
    random: seededRandom(11),
  });
  simulations.push(simulation);
  return simulation;
}

function pods(count: number, prefix = "pod"): Pod[] {
  return Array.from({ length: count }, (_, i) => pod(`${prefix}-${i}`));
}

/** Calls that each pod gets from now on while the simulation runs for so long. */
function callsDuring(simulation: Simulation, fleet: readonly Pod[], milliseconds: number): number[] {
  const before = fleet.map(({ calls }) => calls);
  simulation.run(milliseconds);
  return fleet.map(({ calls }, i) => calls - before[i]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

afterEach(() => {
  for (const simulation of simulations.splice(0)) {
    simulation.finish();
    for (const { endpoints } of simulation.gateways) {
      for (const { outstanding, pod } of endpoints.values()) expect(outstanding, pod.name).toBe(0);
    }
    expect(simulation.unplaced).toBe(0);
  }
});

const policies: readonly PolicyName[] = ["least_outstanding", "round_robin", "p2c", "random"];

describe.each(policies)("rolling deploy, %s", (policy) => {
  test("gone pods get no more calls and finish those they have, new ones are used at once", () => {
    let fleet = pods(6, "old");
    const simulation = start({ policy, pods: fleet, rate: 6 * CAPACITY * 0.6 });
    simulation.run(5_000);
    for (const fresh of pods(6, "new")) {
      const [leaving, ...staying] = fleet;
      // Added before drained.
      fleet = [...staying, fresh];
      simulation.setPods([leaving, ...fleet]);
      simulation.run(50);
      simulation.setPods(fleet);
      const before = leaving.calls;
      const calls = callsDuring(simulation, fleet, 2_000);
      expect(leaving.calls).toBe(before);
      expect(simulation.outstanding(leaving)).toBe(0);
      const share = calls[calls.length - 1] / sum(calls);
      expect(share).toBeGreaterThan(0.6 / 6);
      expect(share).toBeLessThan(1.5 / 6);
    }
    expect(simulation.faults).toBe(0);
  });
});

describe("one slow pod", () => {
  function withSlowPod(policy: PolicyName, ties: "quickest" | "random", gateways: number) {
    const fleet = pods(10);
    fleet[3].speed = 0.25;
    const simulation = start({ policy, ties, gateways, pods: fleet, rate: 9.25 * CAPACITY * 0.7 });
    simulation.run(5_000);
    simulation.latencies = [];
    const calls = callsDuring(simulation, fleet, 30_000);
    return { share: calls[3] / sum(calls), p99: percentile(simulation.latencies, 0.99) };
  }

  test("least outstanding gives it about what it can do, where the others let it drown", () => {
    const quickest = withSlowPod("least_outstanding", "quickest", 8);
    const even = withSlowPod("round_robin", "random", 8);
    expect(even.share).toBeGreaterThan(0.09);
    expect(quickest.share).toBeLessThan(1.2 * (0.25 / 9.25));
    expect(quickest.p99).toBeLessThan(even.p99 / 10);
  });

  test("with many gateways quickest ties notice it sooner than random ones", () => {
    const quickest = withSlowPod("least_outstanding", "quickest", 8);
    const random = withSlowPod("least_outstanding", "random", 8);
    expect(quickest.p99).toBeLessThan(0.75 * random.p99);
  });

  test("with one gateway the exact count beats two random choices", () => {
    const exact = withSlowPod("least_outstanding", "random", 1);
    const p2c = withSlowPod("p2c", "random", 1);
    expect(exact.p99).toBeLessThan(0.85 * p2c.p99);
  });

  test("a pod that is quick again gets its share again", () => {
    const fleet = pods(10);
    fleet[3].speed = 0.1;
    const simulation = start({ pods: fleet, rate: 10 * CAPACITY * 0.5 });
    simulation.run(10_000);
    fleet[3].speed = 1;
    simulation.run(5_000);
    const calls = callsDuring(simulation, fleet, 20_000);
    expect(calls[3] / sum(calls)).toBeGreaterThan(0.085);
  });
});

describe("one pod failing fast", () => {
  function faultShare(ties: "quickest" | "random", gateways: number, load: number): number {
    const fleet = pods(10);
    fleet[6].failing = true;
    const simulation = start({ ties, gateways, pods: fleet, rate: 9 * CAPACITY * load });
    simulation.run(2_000);
    const calls = callsDuring(simulation, fleet, 20_000);
    return calls[6] / sum(calls);
  }

  // It never has outstanding calls: only readiness or ejection can keep it out wholly (invariant 3).
  test.each([
    [1, 0.2],
    [4, 0.7],
    [32, 0.2],
  ])("quickest ties leave it a fraction of its share, %d gateways at load %d", (gateways, load) => {
    expect(faultShare("quickest", gateways, load)).toBeLessThan(0.02);
  });

  test("with one busy gateway it attracts more than its share when ties are random, less when quickest", () => {
    expect(faultShare("random", 1, 0.7)).toBeGreaterThan(0.18);
    expect(faultShare("quickest", 1, 0.7)).toBeLessThan(0.1);
  });
});

describe("scale-up from 2 to 10 pods", () => {
  test.each([
    ["under load", 0.8],
    ["nearly idle", 0.02],
  ])("%s the new pods get their share at once, and not more", (_, load) => {
    const fleet = pods(10);
    const simulation = start({ pods: fleet.slice(0, 2), rate: 2 * CAPACITY * load });
    simulation.run(60_000);
    simulation.setPods(fleet);
    // The first 200 calls after the change, about.
    const early = callsDuring(simulation, fleet, (200 / simulation.rate) * 1000);
    expect(sum(early.slice(2)) / sum(early)).toBeGreaterThan(0.55);
    expect(Math.max(...early.slice(2)) / sum(early)).toBeLessThan(0.25);
    const late = callsDuring(simulation, fleet, (20_000 / simulation.rate) * 1000);
    for (const calls of late) expect(calls / sum(late)).toBeCloseTo(0.1, 1);
    for (const calls of late) expect(Math.abs(calls / sum(late) - 0.1)).toBeLessThan(0.015);
  });

  test("no new pod is stormed by the gateways together", () => {
    const fleet = pods(10);
    const simulation = start({ gateways: 32, pods: fleet.slice(0, 2), rate: 2 * CAPACITY * 0.8 });
    simulation.run(20_000);
    simulation.setPods(fleet);
    let deepest = 0;
    for (let i = 0; i < 1_000; i++) {
      simulation.run(1);
      deepest = Math.max(deepest, ...fleet.slice(2).map((fresh) => simulation.outstanding(fresh)));
    }
    expect(deepest).toBeLessThanOrEqual(8);
  });
});

test.each([
  ["constant", 1],
  ["constant", 8],
  ["exponential", 1],
  ["exponential", 8],
] as const)("nearly idle, equal pods get equal shares: %s times, gateways: %i", (service, gateways) => {
  const fleet = pods(10);
  const simulation = start({ gateways, pods: fleet, service, rate: 10 * CAPACITY * 0.02 });
  const calls = callsDuring(simulation, fleet, 3_000_000);
  expect(variation(calls)).toBeLessThanOrEqual(0.05);
});

test("nearly idle, one call that hung for a minute keeps its pod out for half a minute, and nobody else", () => {
  const fleet = pods(10);
  const simulation = start({ gateways: 1, pods: fleet, service: "constant", rate: 10 * CAPACITY * 0.02 });
  simulation.run(60_000);
  const { policy } = simulation.gateways[0];
  const hung = policy.pick(METHOD.path)!;
  simulation.run(60_000);
  policy.done(hung, METHOD.path, 60_000, false);
  const others = fleet.filter((other) => other !== hung.pod);
  const calls = callsDuring(simulation, others, 20_000);
  expect(variation(calls)).toBeLessThan(0.05);
  simulation.run(20_000);
  const [again] = callsDuring(simulation, [hung.pod], 20_000);
  expect(again / calls[0]).toBeGreaterThan(0.8);
});

test("nearly idle, calls that naturally differ a lot keep no pod out for long", () => {
  const fleet = pods(10);
  const simulation = new Simulation({
    policy: (clock, random) => createPolicy("least_outstanding", { ties: "quickest", clock, random }),
    gateways: 8,
    pods: fleet,
    // One path whose calls take 10 ms, or once in a thousand a second.
    methods: [
      { ...METHOD, weight: 999 },
      { ...METHOD, mean: 1_000, weight: 1 },
    ],
    service: "constant",
    rate: 20,
    random: seededRandom(11),
  });
  simulations.push(simulation);
  expect(variation(callsDuring(simulation, fleet, 3_000_000))).toBeLessThanOrEqual(0.05);
});
