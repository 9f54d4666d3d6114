/** protobuf's own JSON conformance vectors through the gateway's translation: `npm run vectors`. See docs/json.md. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepareRunner, ROOT, TOOLS } from "./tools.ts";

process.exitCode = main(process.argv.includes("--install"));

function main(installOnly: boolean): number {
  const runner = prepareRunner();
  if ("missing" in runner) {
    process.stdout.write(`skipped: protobuf's JSON vectors: ${runner.missing}\n`);
    if (!installOnly) process.stdout.write("\n0 passed, 0 failed, 1 skipped\n");
    return installOnly ? 1 : 0;
  }
  if (installOnly) return 0;
  const [program, ...first] = runner.command;
  const descriptors = join(TOOLS, "descriptors.binpb");
  execFileSync(join(ROOT, "node_modules/.bin/buf"), ["build", runner.include, "-o", descriptors]);
  // The runner starts a program without arguments.
  const testee = join(TOOLS, "testee.sh");
  const node = `${process.execPath} --import tsx`;
  writeFileSync(
    testee,
    `#!/bin/sh\ncd ${ROOT} && exec ${node} ${join(import.meta.dirname, "testee.ts")} ${descriptors}\n`,
  );
  chmodSync(testee, 0o755);
  const args = [...first, "--enforce_recommended", "--output_dir", TOOLS, testee];
  const run = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  const output = `${run.stdout}${run.stderr}`;
  writeFileSync(join(TOOLS, "output.txt"), output);
  return report(output);
}

/** One line per suite: `CONFORMANCE SUITE PASSED: 2670 successes, 0 skipped, 12 expected failures, 0 unexpected failures.` */
function report(output: string): number {
  const suites = [...output.matchAll(/(\d+) successes, (\d+) skipped, (\d+) expected failures, (\d+) unexpected/g)];
  const [first] = suites;
  if (first === undefined) {
    process.stdout.write(`the runner printed no result; its output is in ${TOOLS}\n\n0 passed, 1 failed, 0 skipped\n`);
    return 1;
  }
  const [passed, others, , failed] = first.slice(1).map(Number);
  const names = [...output.matchAll(/^ERROR, test=(\S+?):/gm)].map(([, name]) => name);
  for (const name of new Set(names)) process.stdout.write(`failed: ${name}\n`);
  process.stdout.write(`protobuf's JSON vectors; ${others} others are not about JSON\n`);
  process.stdout.write(`\n${passed} passed, ${failed} failed, 0 skipped\n`);
  return failed === 0 ? 0 : 1;
}
