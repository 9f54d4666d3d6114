import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Results as BenchResults } from "../bench/results.ts";
import { median } from "../bench/stats.ts";
import type { Cell } from "./grid.ts";
import type { Constants } from "./measure.ts";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const folder = join(root, "docs/scaling");

/** What docs/scaling/results.json holds: all that the page is printed from. */
export interface Results {
  readonly measured: {
    readonly date: string;
    readonly cpu: string;
    readonly node: string;
    /** Load average when it started: others' work makes each call dearer. */
    readonly busy: number;
    readonly constants: Constants;
    /** By shape, as the benchmarks had it then: docs/benchmarks may be measured anew without this page. */
    readonly bench: Readonly<Record<string, BenchCost>>;
  };
  readonly simulated: { readonly seed: number; readonly cells: readonly Cell[] };
}

/** Figures to four digits: more are noise, and noise makes large diffs. */
export function toJson(results: Results): string {
  const short = (_: string, value: unknown): unknown =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  return `${JSON.stringify(results, short, 1)}\n`;
}

export function readResults(): Results {
  return JSON.parse(readFileSync(join(folder, "results.json"), "utf8")) as Results;
}

/** What a call cost in the benchmarks: as a multiple of HAProxy, and in microseconds. */
export interface BenchCost {
  readonly ratio: number;
  readonly us: number;
}

/** By shape, as the benchmarks last had it. */
export function benchCosts(): Record<string, BenchCost> {
  const bench = JSON.parse(readFileSync(join(root, "docs/benchmarks/results.json"), "utf8")) as BenchResults;
  const cost = bench.peers.find(({ key }) => key === "fairlead")?.cost ?? {};
  return Object.fromEntries(
    Object.entries(cost).map(([shape, { ratios, cpuUs }]) => [shape, { ratio: median(ratios), us: median(cpuUs) }]),
  );
}
