import { COLUMNS } from "./support/calls.ts";
import type { RowNote } from "./support/row.ts";

/** What became of one test. */
export interface Result {
  readonly name: string;
  readonly passed: boolean;
  readonly row: RowNote | null;
}

type Noted = Result & { readonly row: RowNote };

/** docs/clients.md. */
export function page(results: readonly Result[]): string {
  const noted = results.filter((result): result is Noted => result.row !== null);
  const clients = grouped(noted.filter(({ row }) => row.table === "clients"));
  const habits = grouped(noted.filter(({ row }) => row.table === "habits"));
  const reasons = new Map<string, number>();
  const rows = clients.map((tests) => clientRow(tests, reasons));
  const calls = Math.max(...clients.map((tests) => tests.length));
  const widths = ["client", ...COLUMNS, "versions"];
  const lines = [
    "<!-- Printed by `npm run clients` from what test/clients saw. Do not edit. -->",
    "",
    "# Clients",
    "",
    "Stock clients through a gateway process to pods that take gRPC with protobuf and nothing else. Each client makes up to",
    `${calls} calls: all kinds it has, every status code, error details, metadata (several values, binary, empty), gzip, deadlines and`,
    "cancels. A call passes when the client sees what grpc-js sees of the same pod without a gateway, and when the call ended",
    "for the pod as it did for the client. JSON is translated by the gateway: the pod's schema comes from a descriptor set, or,",
    "where the row says so, from its reflection.",
    "",
    `| ${widths.join(" | ")} |`,
    `|${widths.map(() => " --- ").join("|")}|`,
    ...rows,
    "",
    "A number says how many calls of that column passed; `-` that there was none to make.",
    ...[...reasons].map(([reason, number]) => `${number}. ${reason[0]?.toUpperCase()}${reason.slice(1)}.`),
    "",
    "## Mobile habits",
    "",
    "| habit | what was seen |",
    "| --- | --- |",
    ...habits.map(habitRow),
    "",
  ];
  return lines.join("\n");
}

/** Tests by row, in the order of the rows. */
function grouped(results: readonly Noted[]): Noted[][] {
  const byName = new Map<string, Noted[]>();
  for (const result of [...results].sort((a, b) => a.row.order - b.row.order)) {
    byName.set(result.row.name, [...(byName.get(result.row.name) ?? []), result]);
  }
  return [...byName.values()];
}

function clientRow(tests: readonly Noted[], reasons: Map<string, number>): string {
  const { name } = tests[0].row;
  const versions = tests.map(({ row }) => row.versions).find((text) => text !== "") ?? "not installed";
  const cells = COLUMNS.map((column) =>
    cell(
      tests.filter(({ row }) => row.column === column),
      reasons,
    ),
  );
  return `| ${[name, ...cells, versions].join(" | ")} |`;
}

function cell(tests: readonly Noted[], reasons: Map<string, number>): string {
  const made = tests.filter(({ row }) => row.skipped === undefined);
  const passed = made.filter((test) => test.passed).length;
  const marks = [...new Set(tests.flatMap(({ row }) => row.skipped ?? []))].map((reason) => {
    const number = reasons.get(reason) ?? reasons.size + 1;
    reasons.set(reason, number);
    return `[${number}]`;
  });
  const count = made.length === 0 ? "-" : passed === made.length ? `${passed}` : `**${passed} of ${made.length}**`;
  return [count, ...marks].join(" ");
}

function habitRow(tests: readonly Noted[]): string {
  const { name } = tests[0].row;
  return `| ${name} | ${tests.map(({ passed, row }) => (passed ? row.column : `**failed**: ${row.column}`)).join("; ")} |`;
}
