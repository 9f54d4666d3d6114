import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { helpText } from "../../src/config/flags.ts";
import type { Child, Exit, Report } from "../e2e/support/child.ts";
import { ROOT } from "../e2e/support/runtimes.ts";
import { createAuthority } from "../support/certs.ts";
import { track } from "../support/harness.ts";
import { fairlead, run } from "./command.ts";

/** Nobody listens there: what is tested here is the command, not its calls. */
const target = "ipv4:127.0.0.1:1";
const anyPort = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

let folder = "";
const inFolder = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fairlead-main-"));
  const authority = createAuthority();
  const [one, other] = [authority.issue(["localhost"]), authority.issue(["localhost"])];
  writeFileSync(inFolder("cert.pem"), one.cert);
  writeFileSync(inFolder("key.pem"), one.key);
  writeFileSync(inFolder("other.pem"), other.key);
  writeFileSync(
    inFolder("good.yaml"),
    `listeners: [{ name: tls, address: 127.0.0.1, port: 0, tls: { certFile: cert.pem, keyFile: key.pem } }]\nbackends: [{ target: "${target}" }]\nadmin: { port: 0 }\n`,
  );
  writeFileSync(
    inFolder("bad.yaml"),
    `listeners: [{ port: 0, tls: { certFile: cert.pem, keyFile: other.pem } }]\nbackends: [{ target: "${target}", polcy: p2c }]\n`,
  );
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A port that somebody else listens on until the test ends. */
async function takenPort(): Promise<number> {
  const server = createServer();
  track({ close: () => new Promise((resolve) => server.close(resolve)) });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** A running gateway, killed after the test if it is still there. */
function start(...args: string[]): Child {
  const child = fairlead(...args);
  track({ close: () => child.stop("SIGKILL") });
  return child;
}

/** Not by `child.kill`: Deno's then says that the signal ended it, whatever the exit code was. */
function endedBy(child: Child, signal: NodeJS.Signals): Promise<Exit> {
  process.kill(child.pid, signal);
  return child.exited;
}

const called = (event: string) => (report: Report) => report.event === event;

describe("fairlead: words instead of work", () => {
  test("--help: the flags, exit 0", async () => {
    expect(await run("--help")).toEqual({
      code: 0,
      lines: helpText()
        .split("\n")
        .filter((line) => line !== ""),
    });
  });

  test("--version: that of package.json, exit 0", async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(await run("--version")).toEqual({ code: 0, lines: [`fairlead ${version}`] });
  });

  test("no target: one line, exit 2", async () => {
    const { code, lines } = await run();
    expect(code).toBe(2);
    expect(lines).toEqual([expect.stringMatching(/^TARGET: is missing; say where the pods are/)]);
  });

  test("a mistyped flag: one line with what was meant, exit 2", async () => {
    expect(await run("--lsten", "127.0.0.1:0", target)).toEqual({
      code: 2,
      lines: ["--lsten: is unknown; did you mean --listen?"],
    });
  });
});

describe("fairlead check", () => {
  test("a file that is right: says so, exit 0", async () => {
    const { code, lines } = await run("check", "--config", inFolder("good.yaml"));
    expect({ code, lines }).toEqual({
      code: 0,
      lines: [`${inFolder("good.yaml")}: nothing is wrong (1 listener, 1 route, 1 backend)`],
    });
  });

  const told = () => [
    `${inFolder("bad.yaml")}:1:60: listeners[0].tls.keyFile: "${inFolder("other.pem")}" is not the key of the certificate in "${inFolder("cert.pem")}"; name the one that is`,
    `${inFolder("bad.yaml")}:2:42: backends[0].polcy: is unknown; did you mean policy?`,
  ];

  test("a file that is wrong: every line and field, exit 2", async () => {
    expect(await run("check", "--config", inFolder("bad.yaml"))).toEqual({ code: 2, lines: told() });
  });

  test("the same when it is to be run: nothing starts", async () => {
    expect(await run("--config", inFolder("bad.yaml"))).toEqual({ code: 2, lines: told() });
  });
});

describe("fairlead: what the machine refuses", () => {
  test("a configuration file that is not there: one line, exit 1", async () => {
    const { code, lines } = await run("--config", inFolder("none.yaml"));
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^fairlead: .*none\.yaml/);
  });

  test("a listener's port in use: one line that names it, exit 1", async () => {
    const port = await takenPort();
    const { code, lines } = await run("--listen", `127.0.0.1:${port}`, "--admin", "127.0.0.1:0", target);
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^fairlead: .*127\\.0\\.0\\.1:${port}.*in use`));
  });

  test("the admin port in use: one line that names it, exit 1", async () => {
    const port = await takenPort();
    const { code, lines } = await run("--listen", "127.0.0.1:0", "--admin", `127.0.0.1:${port}`, target);
    expect(code).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^fairlead: .*127\\.0\\.0\\.1:${port}.*in use`));
  });
});

describe("fairlead: from start to end", () => {
  test("says where it listens; SIGTERM: readiness fails at once, it stays alive for the drain delay; exit 0", async () => {
    // Long enough for the two requests below on the slowest machine; it is cut short by nothing.
    const child = start("--config", inFolder("good.yaml"), "--drain-delay", "2s", "--log-level", "info");
    const { url } = await child.report(called("admin pages"));
    expect(await child.report(called("listening"))).toMatchObject({ listener: "tls", host: "127.0.0.1", tls: true });
    const status = async (path: string) => {
      const response = await fetch(new URL(path, String(url)));
      await response.arrayBuffer();
      return response.status;
    };
    expect([await status("livez"), await status("readyz"), await status("metrics"), await status("")]).toEqual([
      200, 200, 200, 200,
    ]);
    const state = await fetch(new URL("fairlead.admin.v1.AdminService/GetState", String(url)), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(await state.json()).toMatchObject({ state: "ready", ready: true, backends: [{ name: "default", target }] });

    process.kill(child.pid, "SIGTERM");
    await child.report(called("draining"));
    expect([await status("livez"), await status("readyz")]).toEqual([200, 503]);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.reports.at(-1)).toMatchObject({ event: "stopped" });
  });

  test("SIGINT: exit 0, too", async () => {
    const child = start(...anyPort, "--drain-delay", "0s", target);
    await child.report(called("listening"));
    expect(await endedBy(child, "SIGINT")).toEqual({ code: 0, signal: null });
  });

  test("a second signal: leaves at once, and says by its code which one", async () => {
    const child = start(...anyPort, "--drain-delay", "1h", target);
    await child.report(called("listening"));
    process.kill(child.pid, "SIGTERM");
    await child.report(called("draining"));
    expect(await endedBy(child, "SIGINT")).toEqual({ code: 130, signal: null });
  });

  test("--admin off: no admin pages", async () => {
    const child = start("--listen", "127.0.0.1:0", "--admin", "off", "--drain-delay", "0s", target);
    await child.report(called("listening"));
    expect(child.reports.some(called("admin pages"))).toBe(false);
    expect(await endedBy(child, "SIGTERM")).toEqual({ code: 0, signal: null });
  });
});
