import type { CaseKind, ReadKind } from "./cases.ts";
import type { CaseResult } from "./runner.ts";

/** One line of a table: passed and all, in the order of the columns. */
export interface Row {
  readonly name: string;
  readonly counts: readonly (readonly [passed: number, total: number])[];
}

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

const TRANSPORTS = ["plaintext", "TLS", "client certificate"] as const;

/** Passed and all cases by protocol, HTTP version and codec; and by what lies under HTTP. */
export function tabulate(cases: readonly CaseResult[], kindOf: ReadKind, client?: string): Table {
  const codecs = ["proto", "json"];
  const columns = [...codecs, ...TRANSPORTS, "all"];
  const rows = new Map<string, [number, number][]>();
  const count = (name: string, column: number, passed: boolean): void => {
    const row = rows.get(name) ?? columns.map((): [number, number] => [0, 0]);
    rows.set(name, row);
    row[column][0] += passed ? 1 : 0;
    row[column][1]++;
  };
  for (const { name, outcome } of cases) {
    const kind = kindOf(name);
    const passed = outcome === "passed";
    const by = client !== undefined && kind.grpcGo ? ", grpc-go server" : kind.grpcGo ? ", grpc-go client" : "";
    const row = `${PROTOCOL_NAMES[client ?? kind.protocol]}, HTTP/${kind.http === "1" ? "1.1" : "2"}${by}`;
    for (const into of [row, "all"]) {
      count(into, codecs.indexOf(kind.codec), passed);
      count(into, codecs.length + TRANSPORTS.indexOf(kind.tls), passed);
      count(into, columns.length - 1, passed);
    }
  }
  const order = [...rows.keys()].sort((a, b) => Number(a === "all") - Number(b === "all") || (a < b ? -1 : 1));
  return { columns, rows: order.map((name) => ({ name, counts: rows.get(name) ?? [] })) };
}

const PROTOCOL_NAMES: Readonly<Record<string, string>> = {
  connect: "Connect",
  grpc: "gRPC",
  "grpc-web": "gRPC-Web",
};

/** A table for a terminal, or in Markdown: the same text. */
export function formatTable({ columns, rows }: Table): string {
  const lines = rows.map(({ name, counts }) => [
    name,
    ...counts.map(([passed, total]) => (total === 0 ? "-" : `${passed}/${total}`)),
  ]);
  const all = [["", ...columns], ...lines];
  const widths = all[0].map((_, i) => Math.max(...all.map((line) => line[i].length)));
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [format(all[0]), rule, ...all.slice(1).map(format)].join("\n");
}

/** Failing cases that are one case of the suite in several permutations. */
interface Group {
  readonly title: string;
  readonly all: CaseKind[];
  readonly failed: CaseKind[];
  /** Reasons with how many cases give them, names and numbers that vary taken out. */
  readonly reasons: Map<string, { count: number; example: string }>;
}

const DIMENSIONS = ["protocol", "http", "codec", "compression", "tls"] as const;
const REASON_LINES = 6;
const REASONS = 3;

/** What fails, grouped by case, most failing first, with where it fails and the first lines of why. */
export function describeFailures(cases: readonly CaseResult[], kindOf: ReadKind, most: number): string {
  const groups = new Map<string, Group>();
  for (const { name, outcome, reason } of cases) {
    const kind = kindOf(name);
    const title = `${kind.suite}/**/${kind.grpcGo ? "(grpc-go) " : ""}${kind.tail}`;
    const group: Group = groups.get(title) ?? { title, all: [], failed: [], reasons: new Map() };
    groups.set(title, group);
    group.all.push(kind);
    if (outcome === "passed" || outcome === "known") continue;
    group.failed.push(kind);
    const text = outcome === "failed" ? reason : outcome;
    const same = text.replaceAll(/\d+/g, "N");
    const known = group.reasons.get(same);
    if (known === undefined) group.reasons.set(same, { count: 1, example: text });
    else known.count++;
  }
  const failing = [...groups.values()].filter(({ failed }) => failed.length > 0);
  failing.sort((a, b) => b.failed.length - a.failed.length);
  const lines: string[] = [];
  for (const { title, all, failed, reasons } of failing.slice(0, most)) {
    lines.push(`${title}   ${failed.length} of ${all.length}${where(all, failed)}`);
    const sorted = [...reasons.values()].sort((a, b) => b.count - a.count);
    for (const { count, example } of sorted.slice(0, REASONS)) {
      const text = example.split("\n");
      const shown = text.slice(0, REASON_LINES).map((line) => line.slice(0, 300));
      if (text.length > REASON_LINES) shown.push(`... ${text.length - REASON_LINES} more lines`);
      lines.push(...shown.map((line, i) => `    ${i === 0 && count > 1 ? `${count}x ` : ""}${line}`));
    }
    if (sorted.length > REASONS) lines.push(`    ... and ${sorted.length - REASONS} other reasons`);
  }
  if (failing.length > most) lines.push(`... and ${failing.length - most} other groups`);
  return lines.join("\n");
}

/** The dimensions that tell failing from passing: `[http 1 4/4, 2 0/4]`; nothing when all fail. */
function where(all: readonly CaseKind[], failed: readonly CaseKind[]): string {
  if (all.length === failed.length) return "";
  const parts: string[] = [];
  for (const dimension of DIMENSIONS) {
    const values = [...new Set(all.map((kind) => kind[dimension]))].sort();
    const shares = values.map((value) => {
      const of = (kinds: readonly CaseKind[]): number => kinds.filter((kind) => kind[dimension] === value).length;
      return { value, failed: of(failed), total: of(all) };
    });
    if (new Set(shares.map((share) => share.failed / share.total)).size === 1) continue;
    parts.push(`${dimension}: ${shares.map((s) => `${s.value} ${s.failed}/${s.total}`).join(", ")}`);
  }
  return parts.length === 0 ? "" : `   [${parts.join("; ")}]`;
}
