import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { costTable, footprintTable } from "../bench/report.ts";
import type { Results } from "../bench/results.ts";
import { median } from "../bench/stats.ts";
import { ROOT } from "../e2e/support/runtimes.ts";
import { page as scalingPage } from "../scaling/report.ts";
import { readResults } from "../scaling/results.ts";
import { pageOf } from "./pages.ts";

/** Figures that stand on two pages, or on a page and in the results that it was printed from, are the same. */

const bench = JSON.parse(readFileSync(join(ROOT, "docs/benchmarks/results.json"), "utf8")) as Results;
const benchmarks = pageOf("docs/benchmarks/README.md").text;
const readme = pageOf("README.md").text.replaceAll(/\s+/g, " ");

test("docs/benchmarks: the tables are those of results.json", () => {
  const rows = (text: string) => text.split("\n").filter((line) => line.startsWith("| "));
  const printed = [...rows(costTable(bench)), ...rows(footprintTable(bench))];
  const numbers = (row: string) => [...row.matchAll(/\d+(?:\.\d+)?/g)].map(([text]) => Number(text));
  const words = (row: string) => row.replaceAll(/\d+(?:\.\d+)?/g, "N");
  const there = rows(benchmarks).slice(0, printed.length);
  expect(there.map(words)).toEqual(printed.map(words));
  // results.json has four digits of what the page was printed from: the last digit may be another.
  for (const [at, row] of printed.entries())
    for (const [which, figure] of numbers(row).entries())
      expect(Math.abs(numbers(there[at])[which] - figure), row).toBeLessThan(figure < 10 ? 0.011 : figure / 500);
});

test("docs/scaling.md is what npm run scaling prints of results.json", () => {
  expect(pageOf("docs/scaling.md").text).toBe(scalingPage(readResults()));
});

test("README: the table of costs is that of the benchmarks, of the versions that were measured", () => {
  const rows = pageOf("README.md")
    .text.split("\n")
    .filter((line) => /^\| [^|]+ \|( [\d.*]+ \|){4}$/.test(line))
    .map((line) => line.replaceAll("*", "").split("|").slice(1, -1));
  expect(rows.length).toBeGreaterThan(4);
  for (const [said, ...cells] of rows) {
    const peer = bench.peers.find(({ name }) => said.trim().startsWith(name.split(" ")[0]));
    const version = /(\d+\.\d+)/.exec(said)?.[1];
    if (version !== undefined) expect(peer?.version, said).toContain(version);
    const ratios = bench.settings.shapes.map((shape) => median(peer?.cost[shape].ratios ?? []));
    // To as many digits as are written.
    for (const [at, cell] of cells.entries())
      expect(Number(cell), `${said} at ${bench.settings.shapes[at]}`).toBe(Number(ratios[at].toPrecision(2)));
  }
});

test("README: what translation costs is what the benchmarks say", () => {
  const cells = (name: string) => {
    const row = benchmarks.split("\n").find((line) => line.startsWith(`| ${name} | `) && / us /.test(line)) ?? "";
    return row.split("|").slice(3, -1);
  };
  const microseconds = (cell: string | undefined) => Number(/([\d.]+) us/.exec(cell ?? "")?.[1]);
  const ratio = (name: string) => Number(/\*\*([\d.]+)\*\*/.exec(cells(name)[0])?.[1]).toFixed(1);
  const [, web, connect] = /costs ([\d.]+) times \(gRPC-Web\) to ([\d.]+) times \(Connect\)/.exec(readme) ?? [];
  expect([web, connect]).toEqual([ratio("gRPC-Web unary"), ratio("Connect unary")]);
  expect(readme).toContain("what HAProxy takes for plain HTTP/1.1, half of what Envoy's bridge takes");
  const [ours, envoy, haproxy] = cells("Connect unary over HTTP/1.1").map(microseconds);
  expect(ours / haproxy).toBeCloseTo(1, 0.7);
  expect(ours / envoy).toBeCloseTo(0.5, 0.7);
});

test("README: all server-side cases of the conformance suite pass, as its page says, on every runtime", () => {
  const [, cases] = /all ([\d,]+) server-side cases pass/.exec(readme) ?? [];
  const row = pageOf("docs/conformance.md")
    .text.split("\n")
    .find((line) => line.includes("(the suite's reference server)"));
  const columns = row?.split("|").slice(2, -1) ?? [];
  expect(columns.length).toBeGreaterThan(1);
  for (const column of columns) expect(column.trim()).toBe(`${cases?.replace(",", "")} passed`);
});
