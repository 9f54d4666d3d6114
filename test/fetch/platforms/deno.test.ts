import { execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { connectNode } from "../../e2e/clients/connect-node.ts";
import { type Pod, startPod } from "../../e2e/support/pods.ts";
import { ROOT } from "../../e2e/support/runtimes.ts";
import { findTool } from "../../support/tools.ts";
import { createFolder, removeFolders } from "../support/bundle.ts";
import { CALLS } from "../support/clients.ts";
import { DENO_PERMISSIONS } from "../support/platforms.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 30_000 });

/** The gateway on Deno, with the permissions that deno.json lists and no others. */

const found = findTool("deno");
const missing = "missing" in found ? found.missing : null;
if (missing !== null) console.warn(`skipped: the gateway on Deno with its permissions: ${missing}`);
const program = "missing" in found ? "" : found.path;

const { tasks } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8")) as { tasks: Record<string, string> };
const folder = createFolder();
afterAll(removeFolders);
const config = join(folder, "fairlead.yaml");
const small = CALLS.find(({ what }) => what === "unary, small")!;

/** The flags of a task between `deno run` and what is run, with the files of this test in place of the user's. */
function permissions(task: string): string[] {
  const flags = tasks[task].split(" ").filter((word) => /^--(allow|ignore)-/.test(word));
  const read = (flag: string) =>
    flag.replace("fairlead.yaml", config).replace(/(?<=[=,])package\.json/, join(folder, "package.json"));
  return [...flags.map(read), "--no-prompt"];
}

interface Ended {
  readonly code: number | null;
  readonly printed: string;
}

/** Runs the program until it listens; @returns where, and how to end it. Null when it ended before. */
async function startGateway(
  command: string,
  args: readonly string[],
): Promise<{ readonly address: string; readonly admin: string; stop(): Promise<Ended> } | Ended> {
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  let printed = "";
  const exited = new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ code, printed })));
  let address = "";
  return new Promise((resolve) => {
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on("line", (line) => {
        printed += `${line}\n`;
        if (!line.startsWith("{")) return;
        const event = JSON.parse(line) as Record<string, unknown>;
        if (event.event === "listening") address = `${event.host}:${event.port}`;
        if (event.event !== "admin pages") return;
        resolve({
          address,
          admin: String(event.url),
          stop: () => {
            process.kill(child.pid as number, "SIGTERM");
            return exited;
          },
        });
      });
    }
    void exited.then(resolve);
  });
}

async function expectWorks(command: string, args: readonly string[]): Promise<void> {
  const gateway = await startGateway(command, args);
  if ("code" in gateway) throw new Error(`it ended with ${gateway.code}: ${gateway.printed}`);
  const [seen] = await connectNode.observe(gateway.address, [small]);
  const pages = await Promise.all(
    ["readyz", "metrics", ""].map(async (page) => {
      const response = await fetch(gateway.admin + page);
      await response.arrayBuffer();
      return response.status;
    }),
  );
  const { code, printed } = await gateway.stop();
  expect(seen).toMatchObject({ code: 0 });
  expect(pages).toEqual([200, 200, 200]);
  expect(printed).not.toMatch(/NotCapable|Requires \w+ access/);
  expect(code).toBe(0);
}

describe.skipIf(missing !== null)("deno", () => {
  let pod: Pod;
  beforeAll(async () => {
    pod = await startPod("grpc-js");
    copyFileSync(join(ROOT, "package.json"), join(folder, "package.json"));
    writeFileSync(
      config,
      `listeners: [{ address: 127.0.0.1, port: 0 }]
admin: { port: 0 }
drain: { delay: 0s }
backends: [{ target: "dns:///localhost:${pod.port}", dns: { family: ipv4 } }]
`,
    );
  });
  afterAll(async () => {
    await pod?.stop("SIGKILL");
  });

  // From the sources, package.json stands beside them.
  const fromSources = (flags: readonly string[]) => [
    "run",
    ...flags.map((flag) => flag.replace(join(folder, "package.json"), join(ROOT, "package.json"))),
    "src/main.ts",
    "--config",
    config,
  ];

  test("permissions: the gateway runs with those of its task", async () => {
    await expectWorks(program, fromSources(permissions("gateway")));
  });

  test("permissions: none of them can be left out", async () => {
    const flags = permissions("gateway");
    const without = flags.filter((flag) => /^--(allow|ignore)-/.test(flag));
    expect(without).toHaveLength(4);
    for (const left of without) {
      const ended = await startGateway(program, fromSources(flags.filter((flag) => flag !== left)));
      if (!("code" in ended)) await ended.stop();
      expect("code" in ended && ended.code, left).toBeGreaterThan(0);
    }
  });

  test("permissions: the task of the fetch entry has those that its test has", () => {
    for (const flag of DENO_PERMISSIONS) if (flag !== "--no-prompt") expect(tasks.serve.split(" ")).toContain(flag);
    expect(tasks.serve.split(" ").filter((word) => word.startsWith("--allow"))).toHaveLength(
      DENO_PERMISSIONS.length - 1,
    );
  });

  test("compile: the program, or where its runtime cannot be fetched the very bundle, runs with the same permissions", async () => {
    const bundle = join(folder, "dist/fairlead.mjs");
    mkdirSync(join(folder, "dist"), { recursive: true });
    const bundled = await run(["task", "bundle", `--outfile=${bundle}`]);
    expect(bundled.code, bundled.printed).toBe(0);
    const compiled = join(folder, "dist/fairlead");
    const flags = permissions("compile");
    expect(flags).toEqual(permissions("gateway"));
    const included = ["--include", join(folder, "package.json")];
    const made = await run(["compile", ...flags, ...included, "--output", compiled, bundle]);
    if (made.code === 0 && existsSync(compiled)) await expectWorks(compiled, ["--config", config]);
    else {
      const why = made.printed.trim().split("\n").slice(-4).join(" ").replaceAll(/\s+/g, " ").slice(0, 300);
      console.warn(`skipped: the program that deno compile makes: it needs Deno's runtime from the network (${why})`);
      await expectWorks(program, ["run", ...flags, bundle, "--config", config]);
    }
  });
});

function run(args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, timeout: 90_000, env: { ...process.env, NO_COLOR: "1" } };
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, printed: stdout + stderr }),
    );
  });
}
