/**
 * `npm run conformance:transport`: the Connect conformance suite's client cases, against fairlead/transport. Takes the runtimes to
 * run on (node, deno, bun), and `--run PATTERN` for some cases only. Prints a table for each; `--write` puts them into docs/library.md.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { createKindReader } from "../conformance/cases.ts";
import { describeFailures, formatTable, tabulate } from "../conformance/report.ts";
import { runSuite } from "../conformance/runner.ts";
import { findTools, ROOT, VERSION, WORK } from "../conformance/tools.ts";
import { on, type RuntimeName } from "../e2e/support/runtimes.ts";
import { findTool } from "../support/tools.ts";

const PAGE = join(ROOT, "docs/library.md");
const RUNTIMES = ["node", "deno", "bun"] as const satisfies readonly RuntimeName[];
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: { run: { type: "string", multiple: true }, write: { type: "boolean" } },
  allowPositionals: true,
});

const tools = findTools(say);
if ("missing" in tools) {
  say(`skipped: the client cases of the conformance suite: ${tools.missing}`);
  say("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}
const kindOf = createKindReader(tools.suites);
const only = values.run ?? [];
const tables: string[] = [];
let [passed, failed, skipped] = [0, 0, 0];
for (const runtime of RUNTIMES.filter((name) => positionals.length === 0 || positionals.includes(name))) {
  const found = runtime === "node" ? { path: process.execPath } : findTool(runtime);
  if ("missing" in found) {
    skipped++;
    say(`skipped: the client cases of the conformance suite on ${runtime}: ${found.missing}`);
    continue;
  }
  const version = /\d+\.\d+\.\d+/.exec(execFileSync(found.path, ["--version"], { encoding: "utf8" }))?.[0] ?? "";
  const { program, args } = on(runtime, "test/transport/support/conformance-client.ts");
  const folder = join(WORK, "transport");
  mkdirSync(folder, { recursive: true });
  const result = await runSuite(
    tools.runner,
    {
      title: `transport ${runtime}`,
      mode: "client",
      features: {
        versions: ["HTTP_VERSION_2"],
        protocols: ["PROTOCOL_GRPC"],
        codecs: ["CODEC_PROTO", "CODEC_JSON"],
        compressions: ["COMPRESSION_IDENTITY", "COMPRESSION_GZIP"],
        supportsTls: true,
        supportsTlsClientCerts: true,
        supportsMessageReceiveLimit: true,
      },
      command: [program, ...args],
      env: { CONFORMANCE_DESCRIPTORS: tools.descriptors },
      log: join(folder, `transport-${runtime}.log`),
      only,
      known: [],
      parallel: null,
    },
    () => {},
  );
  const table = formatTable(tabulate(result.cases, kindOf, "grpc"));
  const name = `${{ node: "Node", deno: "Deno", bun: "Bun" }[runtime]} ${version}`;
  say(`\n${name}, ${result.seconds.toFixed(0)} s\n${table}`);
  tables.push(`${name}:\n\n${table}`);
  const failures = describeFailures(result.cases, kindOf, 20);
  if (failures !== "") say(failures);
  for (const line of [...new Set(result.trouble)].slice(0, 10)) say(`said: ${line}`);
  const good = result.cases.filter(({ outcome }) => outcome === "passed").length;
  passed += good;
  // A run without a single case has failed.
  failed += Math.max(result.cases.length, 1) - good;
}
if (values.write === true && tables.length === RUNTIMES.length && only.length === 0) updatePage();
say(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 ? 0 : 1);

function updatePage(): void {
  const marks = ["<!-- conformance:transport -->", "<!-- /conformance:transport -->"] as const;
  const page = readFileSync(PAGE, "utf8");
  const [start, end] = marks.map((mark) => page.indexOf(mark));
  if (start < 0 || end < start) throw new Error(`${PAGE}: the marks ${marks.join(" and ")} are missing`);
  const text = `${marks[0]}\nPrinted by \`npm run conformance:transport\` (connectrpc.com/conformance ${VERSION}): passed/all cases.\n\n${tables.join("\n\n")}\n`;
  writeFileSync(PAGE, page.slice(0, start) + text + page.slice(end));
  say(`\nwritten: ${PAGE}`);
}
