import { type Contender, type Outcome, type Scale, simulate } from "./scene.ts";

/** A size of the world: how many of each. */
export interface Size {
  readonly name: "small" | "middle" | "large";
  readonly pods: number;
  readonly gateways: number;
  readonly clients: number;
  /** Simulated milliseconds: queues fill and usual times settle; then so many calls are counted that p99.9 has hundreds above it. */
  readonly warmUp: number;
  readonly counted: number;
}

export const SMALL: Size = { name: "small", pods: 10, gateways: 2, clients: 1_000, warmUp: 20_000, counted: 300_000 };
export const MIDDLE: Size = {
  name: "middle",
  pods: 200,
  gateways: 10,
  clients: 50_000,
  warmUp: 10_000,
  counted: 20_000,
};
export const LARGE: Size = {
  name: "large",
  pods: 10_000,
  gateways: 200,
  clients: 1_000_000,
  warmUp: 4_000,
  counted: 1_500,
};

export const LOADS = [0.5, 0.7, 0.9] as const;
/** The load of what is looked at closely. */
export const USUAL = 0.7;

export const oracle: Contender = {
  name: "one gateway that sees all",
  policy: "least_outstanding",
  ties: "quickest",
  subset: 0,
  oracle: true,
};

export function least(ties: "quickest" | "random", subset = 0, choice: "salted" | "ordinal" = "salted"): Contender {
  const of = subset === 0 ? "all pods" : choice === "ordinal" ? `${subset} by ordinal` : `${subset}`;
  return { name: `${ties} ties, ${of}`, policy: "least_outstanding", ties, subset, choice };
}

function other(policy: "round_robin" | "random", subset = 0): Contender {
  return { name: `${policy}, ${subset === 0 ? "all pods" : subset}`, policy, ties: "random", subset };
}

/** Subsets of the large size, by a salt; 0 is all. */
export const SUBSETS = [20, 50, 100, 200, 500, 1_000, 2_000, 0] as const;
export const ORDINAL = [50, 100, 200] as const;

const everyLoad: readonly Contender[] = [
  oracle,
  ...[...SUBSETS].reverse().map((subset) => least("quickest", subset)),
  ...[...ORDINAL].reverse().map((subset) => least("quickest", subset, "ordinal")),
  ...[0, 1_000, 200, 100, 50].map((subset) => least("random", subset)),
  other("round_robin"),
  other("round_robin", 200),
  other("random"),
];

const withHeavy: readonly Contender[] = [
  least("quickest"),
  least("quickest", 200),
  least("quickest", 50, "ordinal"),
].map((contender) => ({ ...contender, name: `${contender.name}, heavy clients`, heavy: true }));

const middle: readonly Contender[] = [
  oracle,
  ...[0, 100, 50, 20].map((subset) => least("quickest", subset)),
  least("quickest", 20, "ordinal"),
  least("random"),
  other("round_robin"),
  other("random"),
];

const small: readonly Contender[] = [oracle, least("quickest"), least("random"), other("round_robin"), other("random")];

export interface Cell {
  readonly size: Size["name"];
  readonly contender: Contender;
  readonly load: number;
  readonly outcome: Outcome;
}

/** Everything that docs/scaling.md shows. */
export const GRID: readonly (Omit<Cell, "outcome" | "size"> & { readonly size: Size })[] = [
  ...small.map((contender) => ({ size: SMALL, contender, load: USUAL })),
  ...middle.map((contender) => ({ size: MIDDLE, contender, load: USUAL })),
  ...LOADS.flatMap((load) => everyLoad.map((contender) => ({ size: LARGE, contender, load }))),
  ...[USUAL, 0.9].flatMap((load) => withHeavy.map((contender) => ({ size: LARGE, contender, load }))),
];

/** @param shrink divides the simulated times, for a quick look */
export function simulateAll(seed: number, shrink: number, say: (line: string) => void, grid = GRID): Cell[] {
  return grid.map(({ size, contender, load }) => {
    const scale: Scale = { ...size, warmUp: size.warmUp / shrink, counted: size.counted / shrink, seed };
    const outcome = simulate(scale, contender, load);
    say(`${size.name}, ${contender.name}, ${load}: ${outcome.calls} calls, p99 ${outcome.p99.toFixed(0)} ms`);
    return { size: size.name, contender, load, outcome };
  });
}
