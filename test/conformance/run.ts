/** `npm run conformance`: the Connect conformance suite through the gateway. See docs/conformance.md. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { nodeProgram, type RuntimeName } from "../e2e/support/runtimes.ts";
import { findTool } from "../support/tools.ts";
import { createKindReader, type ReadKind } from "./cases.ts";
import { type PartResult, writePage } from "./docs.ts";
import { type Options, PARTS, type PartName, type Planned, RUNTIMES, readOptions, USAGE } from "./options.ts";
import { runOf, seenFile, TITLES } from "./parts.ts";
import { describeFailures, formatTable, tabulate } from "./report.ts";
import { type RunResult, runSuite } from "./runner.ts";
import { createRunFolder, findTools, ROOT, type Tools, WORK } from "./tools.ts";

const PAGE = join(ROOT, "docs/conformance.md");
const say = (text: string): void => void process.stdout.write(`${text}\n`);

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`conformance: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  },
);

/** What all parts share. */
interface Context {
  readonly options: Options;
  readonly tools: Tools;
  readonly folder: string;
  readonly kindOf: ReadKind;
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === "help") {
    say(USAGE);
    return 0;
  }
  const started = performance.now();
  const tools = findTools(say);
  if ("missing" in tools) {
    say(`skipped: the conformance suite: ${tools.missing}`);
    if (!options.install) say("0 passed, 0 known, 0 failed, 1 skipped");
    return options.install ? 1 : 0;
  }
  if (options.install) return 0;
  const context = { options, tools, folder: createRunFolder(options.head), kindOf: createKindReader(tools.suites) };
  const versions = new Map<RuntimeName, string>();
  const skipped = new Set<string>();
  const results: PartResult[] = [];
  for (const planned of options.plan) {
    const { part, runtime } = planned;
    const version = versionOf(runtime);
    const late = whyTooLate(planned, (performance.now() - started) / 1000, results);
    if ("missing" in version) skipped.add(`the conformance suite on ${runtime}: ${version.missing}`);
    else if (late !== null) skipped.add(`the conformance suite's part ${part} on ${version.version}: ${late}`);
    else {
      versions.set(runtime, version.version);
      results.push(await runPart(part, runtime, version.version, context));
    }
  }
  if (options.whole) updatePage(results, versions);
  say("");
  for (const line of skipped) say(`skipped: ${line}`);
  const sum = (of: (result: PartResult) => number): number => results.reduce((all, result) => all + of(result), 0);
  const [passed, known] = [sum((result) => result.passed), sum((result) => result.known)];
  // A part that ran no case at all has failed.
  const failed = sum(({ total }) => Math.max(total, 1)) - passed - known;
  say(`${Math.round((performance.now() - started) / 1000)} s`);
  say(`${passed} passed, ${known} known, ${failed} failed, ${skipped.size} skipped`);
  return failed === 0 ? 0 : 1;
}

/** CI has four minutes; what is not taken any more is said. */
const CI_SECONDS = 240;
/** How long a part may take at most, by how long server mode took, which comes first. */
const shareOf = (part: PartName): number => (part.startsWith("server") ? 1.4 : part === "web-text" ? 0.3 : 0.2);

/** @returns null when there is time for it */
function whyTooLate({ part, whenTimeAllows }: Planned, elapsed: number, results: readonly PartResult[]): string | null {
  const first = results.find((result) => result.part === "server");
  if (!whenTimeAllows || first === undefined || elapsed + first.seconds * shareOf(part) < CI_SECONDS) return null;
  const [needs, gone] = [first.seconds * shareOf(part), elapsed].map(Math.round);
  return `it may take ${needs} s, and ${gone} of the ${CI_SECONDS} s that CI has are gone`;
}

/** Results are kept, so that a change is measured by the part that it concerns. */
function updatePage(fresh: readonly PartResult[], versions: Map<RuntimeName, string>): void {
  const folder = join(WORK, "results");
  mkdirSync(folder, { recursive: true });
  const fileOf = (part: PartName, runtime: RuntimeName): string => join(folder, `${part}-${runtime}.json`);
  for (const result of fresh) {
    const kept = { ...result, version: versions.get(result.runtime) };
    writeFileSync(fileOf(result.part, result.runtime), JSON.stringify(kept));
  }
  const results: PartResult[] = [];
  const skipped: string[] = [];
  for (const runtime of RUNTIMES) {
    const version = versionOf(runtime);
    if ("missing" in version) {
      skipped.push(`${runtime}: ${version.missing}`);
      continue;
    }
    versions.set(runtime, version.version);
    for (const part of PARTS) {
      const file = fileOf(part, runtime);
      const result = existsSync(file)
        ? (JSON.parse(readFileSync(file, "utf8")) as PartResult & { version: string })
        : null;
      if (result === null || result.version !== version.version) {
        say(`\nthe page is not written: there is no result of ${part} on ${version.version} yet`);
        return;
      }
      results.push(result);
    }
  }
  const ordered = new Map(
    RUNTIMES.flatMap((name): [RuntimeName, string][] => {
      const version = versions.get(name);
      return version === undefined ? [] : [[name, version]];
    }),
  );
  writeFileSync(PAGE, writePage(results, ordered, skipped));
  say(`\nwritten: ${PAGE}`);
}

async function runPart(part: PartName, runtime: RuntimeName, version: string, context: Context): Promise<PartResult> {
  const { options, tools, folder, kindOf } = context;
  say(`\n${TITLES[part]}; gateway on ${version}`);
  const result = await runSuite(tools.runner, runOf(part, runtime, options, tools, folder), progressLine());
  const client = part.startsWith("client-") ? part.slice("client-".length) : undefined;
  const table = tabulate(result.cases, kindOf, client);
  say(formatTable(table));
  const count = (outcome: string): number => result.cases.filter((one) => one.outcome === outcome).length;
  const passed = count("passed");
  const known = count("known");
  const failed = result.cases.length - passed - known;
  say(`${passed} passed, ${known} known, ${failed} failed, in ${result.seconds.toFixed(0)} s; log: ${result.log}`);
  sayFailures(result, options, kindOf);
  const seen = client === undefined ? readSeen(seenFile(part, runtime, folder)) : [];
  if (client === undefined) {
    say(`what arrived:${seen.length === 0 ? " nothing" : ""}`);
    for (const line of seen) say(`    ${line.replaceAll("\t", "  ")}`);
  }
  return { part, runtime, table, passed, known, total: result.cases.length, seen, seconds: result.seconds };
}

function sayFailures(result: RunResult, { groups }: Options, kindOf: ReadKind): void {
  const text = describeFailures(result.cases, kindOf, groups);
  if (text !== "") say(text);
  // The same line comes once per server process.
  const counts = new Map<string, number>();
  for (const line of result.trouble) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const [line, count] of [...counts].slice(0, 20)) say(`said: ${count > 1 ? `${count}x ` : ""}${line}`);
}

/** On a terminal only: how far a run is. */
function progressLine(): (done: number) => void {
  if (!process.stderr.isTTY) return () => {};
  return (done) => {
    if (done % 50 === 0) process.stderr.write(`\r${done} cases`);
  };
}

/** What pods saw: the proof that nothing but gRPC reached them. */
function readSeen(file: string): string[] {
  if (!existsSync(file)) return [];
  return [...new Set(readFileSync(file, "utf8").trim().split("\n"))].sort();
}

function versionOf(runtime: RuntimeName): { readonly version: string } | { readonly missing: string } {
  const found = runtime === "node" ? { path: nodeProgram() } : findTool(runtime);
  if ("missing" in found) return found;
  const said = execFileSync(found.path, ["--version"], { encoding: "utf8" });
  const name = { node: "Node", deno: "Deno", bun: "Bun" }[runtime];
  return { version: `${name} ${/\d+\.\d+\.\d+/.exec(said)?.[0] ?? "of unknown version"}` };
}
