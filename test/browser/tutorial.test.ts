import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { pack } from "../docs/pack.ts";
import { pageOf } from "../docs/pages.ts";
import { findChromium, launchChromium } from "./support/chromium.ts";

/**
 * The README's section on browsers, followed word for word: its files, its commands, its page in a browser. Two things are put in
 * the place of others: the package fairlead is packed from this checkout, and the ports are free ones.
 */

const run = promisify(execFile);
const MINUTES = 60_000;
const CONNECT_WEB = "## From an empty folder to a page";
const GRPC_WEB = "## The same page with grpc-web";

const chromium = await findChromium();
const why = whyNot();
if (why !== null) console.warn(`skipped: the README's section on browsers: ${why}`);

/** It installs packages, so it is left to CI, and there to the run on the machine's own Node. */
function whyNot(): string | null {
  if (process.env.CI === undefined) return "only with CI=true, because it installs packages";
  if (process.env.FAIRLEAD_MAIN !== undefined || process.env.FAIRLEAD_RUNTIME !== undefined) {
    return "npx runs the machine's own Node, and that has its own run";
  }
  return "missing" in chromium ? chromium.missing : null;
}

/** Of one section: files by name (a bold line, and a fence right under it), and commands (fences of `sh`) in order. */
function readSection(title: string): {
  readonly files: ReadonlyMap<string, string>;
  readonly commands: readonly string[];
} {
  const { text } = pageOf("README.md");
  const section = text.split(/\n(?=## )/).find((candidate) => candidate.startsWith(title)) ?? "";
  const files = [...section.matchAll(/\*\*`([^`]+)`\*\*\n```\w+\n(.*?)```/gs)];
  const commands = [...section.matchAll(/(?<!\*\*)\n```sh\n(.*?)```/gs)];
  return {
    files: new Map(files.map(([, name, content]) => [name, content])),
    commands: commands.map(([, command]) => command),
  };
}

/** A terminal in which a command runs. npx does not pass signals on, so the end is for the whole group of processes. */
function openTerminal(command: string, cwd: string): { close(): Promise<void> } {
  const shell = spawn("bash", ["-c", command], { cwd, detached: true, stdio: "ignore" });
  const exited = once(shell, "exit");
  const kill = () => {
    try {
      process.kill(-(shell.pid as number), "SIGKILL");
    } catch {
      // The group is gone.
    }
  };
  process.once("exit", kill);
  return {
    close: async () => {
      kill();
      await exited;
      process.off("exit", kill);
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Resolves when somebody takes connections there; the test's own time bounds it. */
async function listens(port: number): Promise<void> {
  for (let open = false; !open; ) {
    open = await new Promise<boolean>((resolve) => {
      // By name, because Vite takes `localhost` in whichever family comes first.
      const socket = connect(port, "localhost");
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (!open) await setTimeout(50);
  }
}

describe.skipIf(why !== null)("README, browsers", () => {
  test("followed from an empty folder: the page lists answers from three pods", { timeout: 8 * MINUTES }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "fairlead-tutorial-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const { files, commands } = readSection(CONNECT_WEB);
    expect([...files.keys()]).toEqual([
      "proto/greet.proto",
      "buf.gen.yaml",
      "pods.js",
      "fairlead.yaml",
      "index.html",
      "main.js",
    ]);
    const [install, generate, start] = commands;
    const ports = new Map<string, number>();
    for (const port of ["50051", "50052", "50053", "8080", "5173"]) ports.set(port, await freePort());
    const withPorts = (text: string) => text.replaceAll(/\b(?:5005[123]|8080|5173)\b/g, (port) => `${ports.get(port)}`);

    const tarball = await pack(folder);
    const packed = install.replace("install fairlead ", `install ${tarball} `);
    expect(packed).not.toBe(install);
    await run("bash", ["-euc", packed], { cwd: folder, maxBuffer: 1 << 24 });
    const answers = join(folder, "answers");
    for (const [name, content] of files) {
      mkdirSync(dirname(join(answers, name)), { recursive: true });
      writeFileSync(join(answers, name), withPorts(content));
    }
    await run("bash", ["-euc", generate], { cwd: answers });

    const processes = start.trim().split("\n");
    expect(processes).toHaveLength(3);
    // As a reader does: the next one when the one before is up. A page that calls a gateway that is not there yet shows nothing.
    const opens = [["50051", "50052", "50053"], ["8080"], ["5173"]];
    for (const [index, command] of processes.entries()) {
      // Somebody may have a gateway's admin page open already.
      const line = withPorts(command).replace("npx fairlead", "npx fairlead --admin off");
      const terminal = openTerminal(line, answers);
      onTestFinished(() => terminal.close());
      for (const port of opens[index]) await listens(ports.get(port) ?? 0);
    }
    const browser = await launchChromium("path" in chromium ? chromium.path : "");
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const url = `http://localhost:${ports.get("5173")}/`;
    // Vite reloads a page by itself when it has prepared another package for it: that is no failure to open it.
    const openPage = () => page.goto(url, { waitUntil: "commit" });
    await openPage();
    const expectThreePods = async () => {
      const items = page.locator("#answers li");
      await items.nth(2).waitFor({ timeout: MINUTES });
      const texts = await items.allTextContents();
      for (const name of ["Ada", "Grace", "Edsger"]) expect(texts.join("\n")).toContain(`Hello ${name}, from the pod`);
      const pods = ["50051", "50052", "50053"].map((port) => `port ${ports.get(port)}`);
      expect(texts.map((text) => text.slice(text.indexOf("port "))).sort()).toEqual(pods.sort());
    };
    await expectThreePods();

    // Else Vite would reload it while the files change.
    await page.goto("about:blank");
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.headers()["content-type"] ?? ""));
    const other = readSection(GRPC_WEB);
    expect([...other.files.keys()]).toEqual(["main.js"]);
    for (const command of other.commands) await run("bash", ["-euc", command], { cwd: answers, maxBuffer: 1 << 24 });
    writeFileSync(join(answers, "main.js"), withPorts(other.files.get("main.js") ?? ""));
    await openPage();
    await expectThreePods();
    const calls = asked.filter((type) => type.startsWith("application/"));
    expect(calls.length).toBeGreaterThanOrEqual(3);
    expect(calls.filter((type) => !type.startsWith("application/grpc-web"))).toEqual([]);
  });
});
