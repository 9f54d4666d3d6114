import { contenders, markdown, simulate } from "../../balance/table.ts";

/** Isolates that share the calls; each counts its own. 1 is also what a Durable Object or a single process has. */
const ISOLATES = [1, 10, 100] as const;
const PODS = 20;

/** The same calls over ever more isolates, as Markdown. @param seconds simulated, per cell */
export function isolatesTable(seed: number, seconds: number): string {
  const methods = [{ path: "/sim.v1.Sim/Call", mean: 10, weight: 1 }];
  const run = (isolates: number, contender: (typeof contenders)[number]) =>
    simulate({ name: "", pods: PODS, gateways: isolates, methods, first: "" }, contender, seed, seconds);
  const chained = contenders.map((contender) => run(2, contender));
  const rows = ISOLATES.map((isolates) => {
    const cells = contenders.map((contender) => cell(run(isolates, contender)));
    return [String(isolates), String(isolates * PODS), ...cells];
  });
  rows.push(["any number, chained to 2 gateways", String(2 * PODS), ...chained.map(cell)]);
  return [
    `p50 / p99 in ms of calls that take 10 ms on average, exponential; ${PODS} pods, a fifth of them at half speed, 75% load.`,
    `Seed ${seed}, ${seconds} simulated seconds for each cell.`,
    "",
    ...markdown(["isolates", "connections", ...contenders.map(({ name }) => name)], rows),
  ].join("\n");
}

function cell({ p50, p99 }: { readonly p50: number; readonly p99: number }): string {
  return `${p50.toFixed(0)} / ${p99.toFixed(0)}`;
}
