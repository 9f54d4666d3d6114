import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createPolicy } from "../../src/balancing/create-policy.ts";
import { pod, Simulation } from "../balance/simulation.ts";
import { mulberry32 } from "../support/mulberry32.ts";
import { least, oracle } from "./grid.ts";
import type { Constants } from "./measure.ts";
import { plot } from "./plot.ts";
import { Population } from "./population.ts";
import { page } from "./report.ts";
import { folder, readResults, root } from "./results.ts";
import { type Scale, simulate, subset } from "./scene.ts";
import { costPerCall, type Demand, sizing } from "./sizing.ts";

const scale: Scale = { pods: 100, gateways: 10, clients: 1_000, warmUp: 2_000, counted: 4_000, seed: 1 };

describe("clients", () => {
  const options = { clients: 2_000, gateways: 4, rate: 1, busyMs: 1_000, busyFraction: 0.1 };

  test("call at the rate that was asked for, each through its own gateway", () => {
    const random = mulberry32(1);
    const population = new Population(options, random);
    let time = 0;
    let calls = 0;
    for (; time < 30_000; calls++) time += population.next(random);
    // 60,000 expected; busy times of a second make the deviation ten times that of a Poisson process at most.
    expect(calls / 60_000).toBeCloseTo(1, 1);
    expect(population.calls.reduce((sum, count) => sum + count)).toBe(calls);
    expect(population.connections.reduce((sum, count) => sum + count)).toBe(2_000);
    for (let i = 0; i < 4; i++) expect(population.calls[i] / population.connections[i] / 30).toBeCloseTo(1, 0);
  });

  test("heavy ones make their share", () => {
    const random = mulberry32(2);
    const population = new Population({ ...options, heavy: { clients: 1, share: 0.5 } }, random);
    for (let i = 0; i < 10_000; i++) population.next(random);
    // One client's gateway has half of all calls, and a quarter of the other half.
    expect(Math.max(...population.calls) / 10_000).toBeCloseTo(0.625, 1);
  });
});

describe("simulation", () => {
  test("conserves calls: every call that a client makes reaches one pod and ends once", () => {
    const random = mulberry32(3);
    const clients = new Population({ clients: 500, gateways: 5, rate: 8, busyMs: 500, busyFraction: 0.2 }, random);
    const pods = Array.from({ length: 50 }, (_, i) => pod(`10.0.0.${i}:1`));
    const simulation = new Simulation({
      policy: (clock) => createPolicy("least_outstanding", { ties: "quickest", clock, random }),
      ...{ gateways: 5, pods, methods: [{ path: "/a.B/C", mean: 10, weight: 1 }], service: "exponential" },
      ...{ rate: 0, clients, random, known: (all, gateway) => subset({ subset: 20 }, all, gateway, random) },
    });
    simulation.run(2_000);
    simulation.finish();
    const made = clients.calls.reduce((sum, count) => sum + count);
    expect(simulation.unplaced).toBe(0);
    // The last call was drawn and lies behind the end of the run.
    expect(simulation.latencies.length).toBe(made - 1);
    expect(pods.reduce((sum, { calls }) => sum + calls, 0)).toBe(made - 1);
    for (const one of pods) expect(simulation.outstanding(one)).toBe(0);
  });

  test("equal seeds give equal outcomes, other seeds others", () => {
    const run = (seed: number) => simulate({ ...scale, seed }, least("quickest", 20), 0.7);
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  test("more gateways for each pod are further from the one that sees all", () => {
    const [one, own, all] = [oracle, least("quickest", 10, "ordinal"), least("quickest")].map(
      // So many clients that the gateways' loads are equal: with one gateway per pod they are the pods' loads.
      (contender) => simulate({ ...scale, clients: 100_000 }, contender, 0.7).p99,
    );
    expect(own).toBeLessThan(1.3 * one);
    expect(all).toBeGreaterThan(1.3 * own);
  });

  test("pods that get more than they can do are told", () => {
    // Half a gateway per pod: most pods are not known, the others get twice what they can do.
    const { unknown, drowning } = simulate(scale, least("quickest", 5), 0.7);
    expect(unknown).toBeGreaterThan(40);
    expect(drowning).toBeGreaterThan(20);
    expect(simulate(scale, least("quickest"), 0.7)).toMatchObject({ unknown: 0, drowning: 0 });
  });
});

describe("coverage of subsets", () => {
  const pods = Array.from({ length: 1_000 }, (_, i) => ({ name: `10.1.${i >> 8}.${i & 255}:50051` }));
  const places = (choice: "salted" | "ordinal", size: number, gateways: number) => {
    const random = mulberry32(4);
    const count = new Map(pods.map((one) => [one, 0]));
    for (let gateway = 0; gateway < gateways; gateway++) {
      for (const one of subset({ subset: size, choice }, pods, gateway, random)) count.set(one, count.get(one)! + 1);
    }
    return [...count.values()];
  };

  test("by ordinal: every pod has equally many gateways", () => {
    expect(new Set(places("ordinal", 100, 20))).toEqual(new Set([2]));
  });

  test.each([1, 2, 4])("by salt, %i gateways per pod: e^-k of the pods have none", (k) => {
    const none = places("salted", 50, 20 * k).filter((count) => count === 0).length;
    // Five standard deviations of a binomial count.
    const expected = 1_000 * (1 - 0.05) ** (20 * k);
    expect(Math.abs(none - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });
});

describe("sizing", () => {
  const constants: Constants = {
    ...{ base: 100e6, perClient: 20e3, perTlsClient: 60e3, perPod: 60e3, perHeldCall: 1e3, perTlsHandshake: 1 },
    ...{ idleClients: 0, idlePods: 0, descriptors: 20, perConnection: 1 },
    calls: [2, 100].map((pods) => ({ shape: "one by one", kind: "own", pods, us: 50 + pods })),
  };
  const demand: Demand = { clients: 1_000, callsPerSecond: 500, callMs: 20, pods: 10, subset: 0, tls: true };

  test("two at least, because one may fail", () => {
    expect(sizing(demand, constants)).toMatchObject({ gateways: 2, because: "one may fail", connections: 20 });
  });

  test("by CPU, and one more than the load needs", () => {
    // 20,000 x 150 us = 3 cores; at 60% of a core each that is 5.
    const plan = sizing({ ...demand, callsPerSecond: 20_000 }, constants);
    expect(plan).toMatchObject({ gateways: 6, because: "CPU" });
    expect(plan.cpu).toBeCloseTo(0.5);
  });

  test("by memory", () => {
    const plan = sizing({ ...demand, clients: 60_000 }, constants, { cpu: 0.6, rssBytes: 1_000e6 });
    // 3.6 GB of clients in what is left of 1 GB.
    expect(plan).toMatchObject({ gateways: 6, because: "memory", clients: 10_000, descriptors: 10_030 });
  });

  test("connections to pods that do not fit are not answered with more gateways", () => {
    const room = { cpu: 0.6, rssBytes: 500e6 };
    expect(sizing({ ...demand, pods: 10_000 }, constants, room).gateways).toBe(Number.POSITIVE_INFINITY);
    expect(sizing({ ...demand, pods: 10_000, subset: 200 }, constants, room)).toMatchObject({ podConnections: 200 });
  });

  test("a call costs what was measured with as many pods or more", () => {
    expect([1, 2, 3, 100, 5_000].map((pods) => costPerCall(constants, pods))).toEqual([52, 52, 150, 150, 150]);
  });
});

describe("docs/scaling.md", () => {
  test("is what the command prints", () => {
    const results = readResults();
    expect(readFileSync(join(root, "docs/scaling.md"), "utf8")).toBe(page(results));
    expect(readFileSync(join(folder, "p99.svg"), "utf8")).toBe(plot(results.simulated.cells));
  });
});
