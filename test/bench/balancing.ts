import { pathToFileURL } from "node:url";
import { createPolicy } from "../../src/balancing/create-policy.ts";
import type { Candidate, Policy } from "../../src/balancing/policy.ts";
import type { Clock, Random } from "../../src/runtime/machine.ts";
import { mulberry32 } from "../support/mulberry32.ts";

const SIZES = [10, 100, 1_000, 10_000];
const METHODS = Array.from({ length: 8 }, (_, i) => `/bench.v1.Bench/Method${i}`);
/** Each figure is the best of so many rounds: whatever else the machine does only ever adds. The contenders take turns. */
const ROUNDS = 30;
/** Milliseconds that a round lasts, about: short enough that some rounds are not interrupted. */
const ROUND = 4;
/** Endpoints that leave and as many that join in one change. */
const CHANGE = 1_000;

/** As large as a real endpoint, so that the caches are as full. */
interface BenchEndpoint extends Candidate {
  readonly address: string;
  readonly connections: readonly number[];
  readonly numbers: readonly number[];
}

interface Contender {
  readonly name: string;
  readonly create: (random: Random) => Policy<BenchEndpoint>;
}

// The runtime's own monotonic clock: reading it is part of what a pick costs.
const clock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  timer: () => ({ cancel() {} }),
};

const policies: readonly Contender[] = [
  {
    name: "least_outstanding, ties quickest",
    create: (random) => createPolicy("least_outstanding", { ties: "quickest", clock, random }),
  },
  {
    name: "least_outstanding, ties random",
    create: (random) => createPolicy("least_outstanding", { ties: "random", clock, random }),
  },
  { name: "p2c", create: (random) => createPolicy("p2c", { ties: "random", clock, random }) },
  { name: "round_robin", create: (random) => createPolicy("round_robin", { ties: "random", clock, random }) },
  { name: "random", create: (random) => createPolicy("random", { ties: "random", clock, random }) },
];

/** The peer: least outstanding with random ties as it is commonly written, one look at every endpoint. */
const fullScan: Contender = {
  name: "full scan (peer)",
  create: (random) => {
    let all: readonly BenchEndpoint[] = [];
    return {
      update: (ready) => {
        all = ready;
      },
      pick: () => {
        let best = all[0];
        let equals = 1;
        for (let i = 1; i < all.length; i++) {
          const endpoint = all[i];
          if (endpoint.outstanding < best.outstanding) {
            best = endpoint;
            equals = 1;
          } else if (endpoint.outstanding === best.outstanding && random() * ++equals < 1) best = endpoint;
        }
        best.outstanding++;
        return best;
      },
      done: (endpoint) => {
        endpoint.outstanding--;
      },
    };
  },
};

/** Times pick + done, and the change of 1,000 endpoints. @returns a Markdown section */
export async function benchBalancing(): Promise<string> {
  const contenders = [...policies, fullScan];
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (const size of SIZES) {
    const runs = contenders.map((contender) => ({
      name: contender.name,
      run: calls(contender, size),
      rounds: [] as number[],
    }));
    for (let round = 0; round < ROUNDS; round++) {
      for (const { run, rounds } of runs) {
        rounds.push(run());
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    }
    for (const { name, rounds } of runs) times.get(name)!.push(Math.min(...rounds));
  }
  const peer = times.get(fullScan.name)!;
  const cell = (ns: number, i: number) => `${ns.toFixed(0)} ns (${ratio(ns / peer[i])})`;
  return [
    `Pick + done of one call, half as many calls outstanding as endpoints; in brackets the ratio to a full scan in the same run.`,
    "",
    `| policy | ${SIZES.map((size) => `${size.toLocaleString("en")} endpoints`).join(" | ")} |`,
    `|---|${SIZES.map(() => "---:|").join("")}`,
    ...[...times].map(([name, ns]) => `| ${name} | ${ns.map(cell).join(" | ")} |`),
    "",
    `A change of ${CHANGE.toLocaleString("en")} of 10,000 endpoints (as many leave as join), calls outstanding.`,
    "",
    "| policy | change |",
    "|---|---:|",
    ...policies.map((contender) => `| ${contender.name} | ${change(contender).toFixed(2)} ms |`),
    "",
  ].join("\n");
}

/** Prepares a policy under steady load. @returns one round: nanoseconds for each pick + done */
function calls(contender: Contender, size: number): () => number {
  const random = mulberry32(size);
  const policy = contender.create(Math.random);
  policy.update(endpoints(size, 0));
  const open = Array.from({ length: Math.max(1, size >> 1) }, () => policy.pick(METHODS[0])!);
  const elapsed = Float64Array.from({ length: 1024 }, () => -10 * Math.log(1 - random()));
  let next = 0;
  return () => {
    const start = performance.now();
    let count = 0;
    do {
      for (let i = 0; i < 64; i++) {
        const method = METHODS[next & 7];
        const at = next % open.length;
        policy.done(open[at], method, elapsed[next & 1023], false);
        open[at] = policy.pick(method)!;
        next++;
      }
      count += 64;
    } while (performance.now() - start < ROUND);
    return ((performance.now() - start) * 1e6) / count;
  };
}

/** @returns milliseconds of one update, the best of several */
function change({ create }: Contender): number {
  const policy = create(Math.random);
  let ready = endpoints(10_000, 0);
  policy.update(ready);
  const rounds: number[] = [];
  for (let round = 0; round < 15; round++) {
    for (let i = 0; i < 20_000; i++) {
      const endpoint = policy.pick(METHODS[0])!;
      if (i % 4 > 0) policy.done(endpoint, METHODS[0], 10, false);
    }
    ready = [...ready.slice(CHANGE), ...endpoints(CHANGE, round + 1)];
    const start = performance.now();
    policy.update(ready);
    rounds.push(performance.now() - start);
  }
  return Math.min(...rounds);
}

function endpoints(count: number, generation: number): BenchEndpoint[] {
  return Array.from({ length: count }, (_, i) => ({
    address: `10.${generation}.${i >> 8}.${i & 255}:50051`,
    connections: [i],
    numbers: [i, i, i, i],
    outstanding: 0,
    slot: -1,
  }));
}

function ratio(value: number): string {
  return `${value < 0.1 ? value.toFixed(3) : value.toFixed(2)}x`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(await benchBalancing());
}
