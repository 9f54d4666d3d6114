import { markdown } from "../balance/table.ts";
import type { CallCost } from "./call-cost.ts";
import { type Cell, LARGE, LOADS, type Size, USUAL } from "./grid.ts";
import { type Constants, kib } from "./measure.ts";
import type { BenchCost } from "./results.ts";
import { type Demand, ROOM, sizing } from "./sizing.ts";

/** The shared columns of latencies: `*` where some pods drown, since the figure then grows with the length of the run. */
function latency({ outcome: { p50, p99, p999, drowning } }: Cell): string {
  const figures = [p50, p99, p999].map((ms) => thousands(ms)).join(" / ");
  return drowning > 0 ? `${figures} *` : figures;
}

/** p50 / p99 / p99.9 of the large size, by load. */
export function latencyTable(cells: readonly Cell[]): string {
  const large = cells.filter(({ size }) => size === "large");
  const names = [...new Set(large.map(({ contender }) => contender.name))];
  const rows = names.map((name) => [
    name,
    ...LOADS.map((load) => {
      const cell = large.find((one) => one.load === load && one.contender.name === name);
      return cell === undefined ? "-" : latency(cell);
    }),
  ]);
  return markdown(["policy and pods known", ...LOADS.map((load) => `${Math.round(load * 100)}% load`)], rows).join(
    "\n",
  );
}

/** How the calls spread over the pods, at the usual load. */
export function spreadTable(cells: readonly Cell[], size: Size): string {
  const rows = cells
    .filter((cell) => cell.size === size.name && cell.load === USUAL)
    .map((cell) => {
      const { contender, outcome } = cell;
      const known = contender.subset === 0 ? size.pods : contender.subset;
      const connections = contender.oracle ? size.pods : size.gateways * known;
      return [
        contender.name,
        contender.oracle ? "1" : decimal((size.gateways * known) / size.pods),
        thousands(connections),
        thousands(outcome.unknown),
        outcome.spread.toFixed(2),
        outcome.busiest.toFixed(2),
        outcome.slowShare.toFixed(2),
        thousands(outcome.drowning),
        latency(cell),
      ];
    });
  const headings = ["", "gateways per pod", "connections", "pods unknown", "spread", "busiest pod", "slow pods' share"];
  return markdown([...headings, "pods drowning", "p50 / p99 / p99.9"], rows).join("\n");
}

export function constantsTable(constants: Constants): string {
  const { idleClients, idlePods } = constants;
  return markdown(
    ["", "memory", "CPU"],
    [
      ["the process, with two pods", mib(constants.base), ""],
      ["a client connection, idle", kib(constants.perClient), `${micro(idleClients)} us a second`],
      ["the same with TLS", kib(constants.perTlsClient), `${constants.perTlsHandshake.toFixed(2)} ms once, to open it`],
      ["a pod connection", kib(constants.perPod), `${micro(idlePods)} us a second`],
      ["a call while it is open", kib(constants.perHeldCall), "see below"],
    ],
  ).join("\n");
}

function micro(msPerThousand: number): string {
  return Math.max(0, msPerThousand).toFixed(1);
}

export function callsTable(calls: readonly CallCost[], bench: Readonly<Record<string, BenchCost>>): string {
  const shapes = [...new Set(calls.map(({ shape }) => shape))];
  const kinds = [...new Map(calls.map(({ kind, pods }) => [`${kind} ${pods}`, { kind, pods }])).values()];
  const rows = kinds.map(({ kind, pods }) => [
    `${thousands(pods)} pods${kind === "nghttpd" ? ", as in the benchmarks" : ""}`,
    ...shapes.map((shape) => {
      const cost = calls.find((one) => one.kind === kind && one.pods === pods && one.shape === shape);
      return cost === undefined ? "-" : `${cost.us.toFixed(1)} us, ${thousands(1e6 / cost.us)} a second`;
    }),
  ]);
  const last = shapes.map((shape) => {
    const cost = Object.hasOwn(bench, shape) ? bench[shape] : undefined;
    return cost === undefined ? "-" : `${cost.ratio.toFixed(2)} (${cost.us.toFixed(1)} us)`;
  });
  const label = "in the [benchmarks](benchmarks/README.md), 2 pods: as a multiple of HAProxy";
  return markdown(["CPU per call, and calls a second per core", ...shapes], [...rows, [label, ...last]]).join("\n");
}

export interface Example {
  readonly name: string;
  readonly demand: Demand;
  /** When the number of gateways is given. */
  readonly fixed?: number;
}

const CALLS = { callMs: 20, tls: true } as const;
/** 0.7 calls a second of each client, as in the simulation at 70% load. */
const example = (pods: number, clients: number, subset = 0): Demand => ({
  ...{ ...CALLS, clients, pods, subset },
  callsPerSecond: clients * USUAL,
});

export const EXAMPLES: readonly Example[] = [
  { name: "10 pods, 1,000 clients", demand: example(10, 1_000) },
  { name: "200 pods, 50,000 clients", demand: example(200, 50_000) },
  { name: "10,000 pods, 1,000,000 clients, all pods", demand: example(10_000, 1_000_000) },
  { name: "the same, 500 pods known to each", demand: example(10_000, 1_000_000, 500) },
  { name: "the same with 200 gateways, all pods", demand: example(10_000, 1_000_000), fixed: LARGE.gateways },
  { name: "the same with 200 gateways, 200 pods", demand: example(10_000, 1_000_000, 200), fixed: LARGE.gateways },
];

export function examplesTable(constants: Constants): string {
  const rows = EXAMPLES.map(({ name, demand, fixed }) => {
    const plan = sizing(demand, constants, ROOM, fixed);
    if (!Number.isFinite(plan.gateways)) return [name, "do not fit: memory", ...Array.from({ length: 7 }, () => "-")];
    return [
      name,
      `${plan.gateways}${fixed === undefined ? ` (${plan.because})` : " (given)"}`,
      thousands(plan.clients),
      thousands(plan.podConnections),
      `${Math.round(plan.cpu * 100)}%`,
      mib(plan.rssBytes),
      thousands(plan.descriptors),
      thousands(plan.connections),
      decimal(plan.gatewaysPerPod),
    ];
  });
  const each = ["clients", "pod connections", "CPU of a core", "memory", "descriptors"];
  return markdown(["", "gateways", ...each, "connections to pods, all", "gateways per pod"], rows).join("\n");
}

export function thousands(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function decimal(value: number): string {
  return value >= 10 ? thousands(value) : Number(value.toFixed(1)).toString();
}

export function mib(bytes: number): string {
  return `${thousands(bytes / 1_048_576)} MiB`;
}
