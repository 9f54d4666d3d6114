import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { createGateway } from "../../src/create-gateway.ts";
import { runDemo } from "../../src/demo/demo.ts";
import type { Layout } from "../../src/demo/deployment.ts";
import type { Pace } from "../../src/demo/script.ts";
import { createTestMachine } from "../support/harness.ts";

/** As short as a refresh of a second, its jitter and the grace allow. */
const pace: Pace = { join: 1_500, leave: 4_000, end: 7_000, ttl: 1 };

async function play(layout: Layout): Promise<void> {
  const written: string[] = [];
  const terminal = { isTTY: false, columns: 80, write: (text: string) => void written.push(text) };
  const code = await runDemo({ keep: false }, { machine: createTestMachine(), terminal, createGateway, layout, pace });
  const text = written.join("");
  expect(code, text).toBe(0);
  expect(text).toMatch(/^ {2}ok {6}no call failed: 0 of [1-9]\d*$/m);
  expect(text).toMatch(/^ {2}ok {6}the client used 1 connection and never reconnected/m);
  expect(text).toMatch(/^All 9 claims held\.$/m);
  expect(text).not.toContain("FAILED");
  expect(text).toMatch(/^pod-2 \(out\) /m);
}

test("demo: every claim holds and is printed, whichever way the pods are found in DNS", async () => {
  // Both at once: they mostly wait.
  await Promise.all([play("addresses"), play("ports")]);
}, 60_000);

test("command: Ctrl-C ends the demo before its end, in order", async () => {
  const root = join(import.meta.dirname, "../..");
  const run = "deno" in process.versions ? ["run", "-A"] : ["--import", "tsx"];
  const child = spawn(process.execPath, [...run, "src/main.ts", "demo"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let written = "";
  child.stdout.on("data", (bytes) => {
    const before = written;
    written += bytes;
    // Once: the second signal would end it at once. Not by child.kill, after which Deno reports the signal and no exit code.
    if (!before.includes("are in DNS") && written.includes("are in DNS")) process.kill(child.pid!, "SIGINT");
  });
  const [code] = await once(child, "close");
  expect(written).toMatch(/Stopped before the end\.\n$/);
  expect(code).toBe(130);
}, 60_000);
