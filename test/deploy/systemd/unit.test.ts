import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parseDuration } from "../../../src/config/duration.ts";
import { type Child, startChild } from "../../e2e/support/child.ts";
import { nodeProgram, onNode, ROOT } from "../../e2e/support/runtimes.ts";
import { createStage } from "../../scenarios/support/stage.ts";
import { problemsOf } from "../kubernetes/config-check.ts";
import { toolOrSkip } from "../kubernetes/render.ts";
import { freePort } from "../support/free-port.ts";
import { buildPackage, type Package } from "../support/package.ts";

const folder = join(ROOT, "deploy/systemd");
const service = readFileSync(join(folder, "fairlead.service"), "utf8");
const socket = readFileSync(join(folder, "fairlead.socket"), "utf8");
const yaml = readFileSync(join(folder, "fairlead.yaml"), "utf8");

/** All values of a setting of a unit. */
const setting = (unit: string, name: string) =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value]) => value);

test("systemd: fairlead check finds nothing wrong with the configuration", async () => {
  expect(await problemsOf(yaml)).toEqual([]);
});

test("systemd: the socket has a port for each listener, and there is time for the longest drain", () => {
  const { listeners } = parse(yaml) as { listeners: { port: number }[] };
  expect(setting(socket, "ListenStream")).toEqual(listeners.map(({ port }) => String(port)));
  const [stop] = setting(service, "TimeoutStopSec");
  // The defaults of the gateway: 5 s and 20 s.
  expect(parseDuration(stop)).toBeGreaterThan(25_000);
});

const analyze = toolOrSkip("systemd-analyze", "the systemd units");

describe.skipIf(analyze === null)("the units, as systemd reads them", () => {
  const stage = createStage();
  // Its paths are those of an installation; what verify wants to see is that there are such programs.
  const unit = (text = service) => {
    const copy = stage.add(mkdtempSync(join(tmpdir(), "fairlead-unit-")), (path) => rmSync(path, { recursive: true }));
    writeFileSync(join(copy, "fairlead.service"), text.replaceAll("/usr/bin/node", nodeProgram()));
    writeFileSync(join(copy, "fairlead.socket"), socket);
    return [join(copy, "fairlead.service"), join(copy, "fairlead.socket")];
  };

  test("systemd: systemd-analyze verify says nothing", () => {
    const { status, stdout, stderr } = spawnSync(analyze!, ["verify", ...unit()], { encoding: "utf8" });
    expect([status, stdout, stderr]).toEqual([0, "", ""]);
  });

  test("systemd: nor does it about the lines for TLS, when they are taken in", () => {
    const text = service.replaceAll(/^#(?=[A-Z]\w+=)/gm, "");
    expect(setting(text, "LoadCredential")).toHaveLength(2);
    const { status, stdout, stderr } = spawnSync(analyze!, ["verify", ...unit(text)], { encoding: "utf8" });
    expect([status, stdout, stderr]).toEqual([0, "", ""]);
  });

  test("systemd: the exposure that systemd-analyze security sees is at most 1.5 of 10", () => {
    const args = ["security", "--offline=true", "--no-pager", "--threshold=15", unit()[0]];
    const { status, stdout } = spawnSync(analyze!, args, { encoding: "utf8" });
    expect(status, stdout).toBe(0);
  });
});

describe.skipIf(process.platform !== "linux")("the gateway under systemd", () => {
  const stage = createStage();
  const strace = toolOrSkip("strace", "whether the unit allows every system call of the gateway");
  const activate = toolOrSkip("systemd-socket-activate", "socket activation");
  let image: Package;
  beforeAll(() => {
    image = buildPackage();
  }, 60_000);
  afterAll(() => image.remove());
  const gateway = () => ["--admin", "127.0.0.1:0", "--drain-delay", "0s", "ipv4:127.0.0.1:9"];

  test.skipIf(strace === null || analyze === null)(
    "systemd: the unit allows every system call of the gateway",
    async () => {
      const trace = stage.add(mkdtempSync(join(tmpdir(), "fairlead-trace-")), (path) =>
        rmSync(path, { recursive: true }),
      );
      const file = join(trace, "calls");
      const tracer = ["-f", "-qq", "-o", file, nodeProgram(), join(image.app, "dist/main.js")];
      const child = startChild("strace", strace!, [...tracer, "--listen", "127.0.0.1:0", ...gateway()]);
      stage.add(child, (one: Child) => one.stop("SIGKILL"));
      const { port } = await child.report(({ event }) => event === "listening");
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
      // Its only child is the gateway; strace itself ends with it.
      const pid = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
      process.kill(Number(pid), "SIGTERM");
      await child.exited;
      const allowed = callsOf(setting(service, "SystemCallFilter"));
      const made = new Set(
        [...readFileSync(file, "utf8").matchAll(/^\d+ +(?:<\.\.\. )?(\w+)[( ]/gm)].map(([, name]) => name),
      );
      expect(made.has("epoll_wait") || made.has("epoll_pwait")).toBe(true);
      expect([...made].filter((name) => !allowed.has(name))).toEqual([]);
    },
  );

  test.skipIf(activate === null)(
    "systemd: the gateway takes the socket that systemd has opened, and its admin port opens itself",
    async () => {
      const port = await freePort();
      const { program, args } = onNode("src/main.ts");
      const start = ["-l", `127.0.0.1:${port}`, program, ...args];
      // The address of the command line is not used: it would be an error to listen there.
      const child = startChild("gateway", activate!, [...start, "--listen", "192.0.2.1:1", ...gateway()]);
      stage.add(child, (one: Child) => one.stop());
      // It is started by the first connection, which waits until the gateway takes it.
      expect(await statusOf(`http://127.0.0.1:${port}/`)).toBe(404);
      expect(await child.report(({ event }) => event === "listening")).toMatchObject({ host: "127.0.0.1", port });
      expect(await child.stop()).toEqual({ code: 0, signal: null });
    },
  );
});

/** The names behind SystemCallFilter: groups are told apart by @, what is taken away by ~ (systemd.exec(5)). */
function callsOf(filters: readonly string[]): Set<string> {
  const all = new Set<string>();
  for (const filter of filters) {
    const away = filter.startsWith("~");
    for (const word of filter.replace("~", "").split(" ")) {
      for (const name of expand(word)) {
        if (away) all.delete(name);
        else all.add(name);
      }
    }
  }
  // systemd always allows what a process needs to begin and to end.
  for (const name of expand("@default")) all.add(name);
  return all;
}

function expand(word: string): string[] {
  if (!word.startsWith("@")) return [word];
  const lines = execFileSync(analyze!, ["syscall-filter", "--no-pager", word], { encoding: "utf8" })
    .split("\n")
    .slice(1);
  return lines.map((line) => line.trim()).flatMap((line) => (/^[@\w]/.test(line) ? expand(line) : []));
}

/** The status of the first answer; refused as long as nobody listens. */
async function statusOf(url: string): Promise<number> {
  for (;;) {
    try {
      return (await fetch(url)).status;
    } catch (error) {
      // Each runtime says it in other words.
      if (!/refused|unable to connect/i.test(`${error} ${(error as Error).cause}`)) throw error;
    }
  }
}
