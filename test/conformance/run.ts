/** `npm run conformance`: the Connect conformance suite through the gateway. See docs/conformance.md. */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { findTool } from "../support/tools.ts";
import { createKindReader } from "./cases.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { runOf, seenFile, TITLES } from "./parts.ts";
import { describeFailures, formatTable, tabulate } from "./report.ts";
import { type RunResult, runSuite } from "./runner.ts";
import { createRunFolder, prepareTools } from "./tools.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`conformance: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  },
);

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === "help") {
    say(USAGE);
    return 0;
  }
  const tools = prepareTools(say);
  const folder = createRunFolder(options.head);
  const kindOf = createKindReader(tools.suites);
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const runtime of options.runtimes) {
    const found = runtime === "node" ? null : findTool(runtime);
    if (found !== null && "missing" in found) {
      say(`\nSKIPPED: ${runtime}: ${found.missing}`);
      totals.skipped++;
      continue;
    }
    for (const part of options.parts) {
      const run = runOf(part, runtime, options, tools, folder);
      say(`\n${TITLES[part]}; gateway on ${runtime}`);
      const result = await runSuite(tools.runner, run, progressLine());
      const client = part.startsWith("client-") ? part.slice("client-".length) : undefined;
      say(formatTable(tabulate(result.cases, kindOf, client)));
      tell(result, options, (most) => describeFailures(result.cases, kindOf, most));
      if (client === undefined) sayContentTypes(seenFile(part, runtime, folder));
      const wrong = result.cases.filter(({ outcome }) => outcome !== "passed" && outcome !== "known").length;
      totals.failed += wrong + (result.cases.length === 0 ? 1 : 0);
      totals.passed += result.cases.length - wrong;
    }
  }
  say(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  return totals.failed === 0 ? 0 : 1;
}

/** On a terminal only: how far a run is. */
function progressLine(): (done: number) => void {
  if (!process.stderr.isTTY) return () => {};
  return (done) => {
    if (done % 50 === 0) process.stderr.write(`\r${done} cases`);
  };
}

function tell(result: RunResult, { groups }: Options, failures: (most: number) => string): void {
  const known = result.cases.filter(({ outcome }) => outcome === "known").length;
  const passed = result.cases.filter(({ outcome }) => outcome === "passed").length;
  const note = known > 0 ? ` (${known} known)` : "";
  say(`${passed} of ${result.cases.length} passed${note} in ${result.seconds.toFixed(0)} s; all output: ${result.log}`);
  const text = failures(groups);
  if (text !== "") say(text);
  // The same line comes once per server process.
  const counts = new Map<string, number>();
  for (const line of result.trouble) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const [line, count] of [...counts].slice(0, 20)) say(`said: ${count > 1 ? `${count}x ` : ""}${line}`);
}

/** The content-types that the pods saw: the proof that nothing but gRPC reached them. */
function sayContentTypes(file: string): void {
  const lines = existsSync(file) ? new Set(readFileSync(file, "utf8").trim().split("\n")) : new Set<string>();
  say(`content-types, as the pods saw them:${lines.size === 0 ? " none" : ""}`);
  for (const line of [...lines].sort()) say(`    ${line.replaceAll("\t", "  ")}`);
}
