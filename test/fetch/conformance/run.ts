/** `npm run conformance:fetch`: the suite's Connect and gRPC-Web cases through the fetch entry. Writes their figures into docs/serverless.md. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { createKindReader } from "../../conformance/cases.ts";
import { readKnown } from "../../conformance/patterns.ts";
import { describeFailures, formatTable, tabulate } from "../../conformance/report.ts";
import { runSuite } from "../../conformance/runner.ts";
import { findTools, ROOT, type Tools, WORK } from "../../conformance/tools.ts";
import { onNode } from "../../e2e/support/runtimes.ts";
import { deno, workerd } from "../support/platforms.ts";

const PAGE = join(ROOT, "docs/serverless.md");
const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Platform {
  readonly name: "deno" | "workerd";
  readonly title: string;
  readonly missing: string | null;
  readonly versions: readonly string[];
}

const PLATFORMS: readonly Platform[] = [
  { name: "deno", title: "`deno serve`", missing: deno.missing, versions: ["HTTP_VERSION_1", "HTTP_VERSION_2"] },
  {
    name: "workerd",
    title: "workerd, the gateway in a Durable Object",
    missing: workerd.missing,
    // It accepts HTTP/1.1 only; in front of Workers, Cloudflare's edge speaks the other versions.
    versions: ["HTTP_VERSION_1"],
  },
];

const { values } = parseArgs({
  options: { platform: { type: "string", multiple: true }, run: { type: "string", multiple: true } },
});

const folder = join(WORK, "fetch");
mkdirSync(folder, { recursive: true });
const found = findTools(say);
if ("missing" in found) {
  say(`skipped: the conformance suite through the fetch entry: ${found.missing}`);
  say("0 passed, 0 failed, 1 skipped");
} else {
  process.exitCode = await main(found);
}

async function main(tools: Tools): Promise<number> {
  const kindOf = createKindReader(tools.suites);
  let [passed, known, failed, skipped] = [0, 0, 0, 0];
  const page: string[] = [];
  for (const { name, title, missing, versions } of PLATFORMS) {
    if (values.platform !== undefined && !values.platform.includes(name)) continue;
    if (missing !== null) {
      say(`skipped: the conformance suite on ${name}: ${missing}`);
      skipped++;
      continue;
    }
    say(`\nThe fetch entry on ${name}`);
    const { program, args } = onNode("test/fetch/conformance/server.ts");
    const patterns = readKnown(join(import.meta.dirname, "known", `${name}.txt`));
    const result = await runSuite(
      tools.runner,
      {
        title: name,
        mode: "server",
        features: {
          versions,
          protocols: ["PROTOCOL_CONNECT", "PROTOCOL_GRPC_WEB"],
          codecs: ["CODEC_PROTO", "CODEC_JSON"],
          compressions: ["COMPRESSION_IDENTITY", "COMPRESSION_GZIP"],
          supportsTls: false,
          supportsH2c: versions.length > 1,
          supportsHalfDuplexBidiOverHttp1: true,
          supportsConnectGet: true,
          supportsMessageReceiveLimit: true,
        },
        command: [program, ...args],
        env: {
          CONFORMANCE_POD: tools.grpcOnlyPod,
          CONFORMANCE_DESCRIPTORS: tools.descriptors,
          FETCH_PLATFORM: name,
        },
        log: join(folder, `${name}.log`),
        only: values.run ?? [],
        known: patterns,
        parallel: 4,
      },
      () => {},
    );
    const table = formatTable(
      tabulate(
        result.cases.map((one) => (one.outcome.startsWith("passed") ? { ...one, outcome: "passed" } : one)),
        kindOf,
      ),
    );
    const count = (outcome: string): number => result.cases.filter((one) => one.outcome === outcome).length;
    // What is known to fail does so now and then.
    const good = count("passed") + count("passed though known to fail");
    const bad = result.cases.length - good - count("known");
    const line = `${good} passed, ${count("known")} known to fail, ${bad} failed`;
    say(`${table}\n${line}, in ${result.seconds.toFixed(0)} s; log: ${result.log}`);
    for (const trouble of result.trouble.slice(-10)) say(trouble);
    const failures = result.cases.filter(({ outcome }) => outcome === "failed");
    if (failures.length > 0) say(describeFailures(failures, kindOf, 15));
    passed += good;
    known += count("known");
    failed += bad + (result.cases.length === 0 ? 1 : 0);
    page.push(`**${title}**: ${line}.`, "", table, "");
    for (const { pattern, reason } of patterns) page.push(`- \`${pattern}\`: ${reason}`);
    if (patterns.length > 0) page.push("");
  }
  if (values.platform === undefined && values.run === undefined && skipped === 0) write(page);
  say(`${passed} passed, ${known} known, ${failed} failed, ${skipped} skipped`);
  return failed === 0 ? 0 : 1;
}

/** The page's part between its marks. */
function write(lines: readonly string[]): void {
  const text = readFileSync(PAGE, "utf8");
  const marks = /(<!-- conformance:begin -->\n)[\s\S]*(<!-- conformance:end -->)/;
  writeFileSync(
    PAGE,
    text.replace(marks, (_all, begin, end) => `${begin}\n${lines.join("\n").trimEnd()}\n\n${end}`),
  );
  say(`written: ${PAGE}`);
}
