import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort } from "../deploy/support/free-port.ts";
import { createAuthority } from "../support/certs.ts";
import { installPacked, pack } from "./pack.ts";

/** Ports that the documentation speaks of: somebody may use them on this machine, so free ones take their places. */
const PORTS = ["8080", "8443", "9901", "5173", "50051", "50052", "50053"];

/** A folder in which the commands of the documentation are run, with the package as it would be published. */
export interface Site {
  readonly folder: string;
  /** The text with the ports, names and files that are there. */
  here(text: string): string;
  /** The reverse, for what is printed. Which pod it was is not told. */
  written(text: string): string;
  write(name: string, text: string): void;
  /** @returns what it printed. @throws (rejects) when it does not end with 0 */
  run(command: string): Promise<string>;
  /** Starts what does not end by itself; what was started before so is ended. @returns when it has said `sign` */
  serve(command: string, sign: string): Promise<void>;
  /** Starts a companion that stays until it is ended. @returns when it listens on these ports; ends it */
  keep(command: string, ports: readonly string[]): Promise<() => Promise<void>>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

export async function openSite(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-docs-"));
  const ports = new Map<string, string>();
  for (const port of PORTS) {
    let free: string;
    do free = String(await freePort());
    while ([...ports.values()].includes(free));
    ports.set(port, free);
  }
  const tarball = await pack(folder);
  await installPacked(tarball, folder);
  const running: Running[] = [];
  let served: Running | null = null;

  const site: Site = {
    folder,
    here: (text) =>
      text
        .replaceAll(/\b(?:8080|8443|9901|5173|5005[123])\b/g, (port) => ports.get(port) ?? port)
        .replaceAll("/etc/fairlead/", `${folder}/`)
        // A name of the cluster's, and a DNS server that is never there.
        .replaceAll(/dns:\/\/\/[\w.-]+:/g, "dns://127.0.0.1:1/pods.test:")
        .replaceAll("0.0.0.0", "127.0.0.1"),
    written: (text) => {
      let plain = text;
      for (const [port, free] of ports) plain = plain.replaceAll(free, port);
      return plain.replaceAll(/\b5005[123]\b/g, "POD");
    },
    write: (name, text) => {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    },
    run: async (command) => {
      const one = start(site.here(command), folder);
      const [code] = await once(one.shell, "close");
      if (code !== 0) throw new Error(`${command}: exit ${code}: ${one.output()}${one.errors()}`);
      return one.output();
    },
    serve: async (command, sign) => {
      await site.stop();
      served = start(withFlags(site.here(command), site), folder);
      await served.says(sign);
    },
    keep: async (command, listens) => {
      const one = start(site.here(command), folder);
      running.push(one);
      for (const port of listens) {
        while (!(await answers(Number(site.here(port))))) {
          if (one.over()) throw new Error(`${command}: ended: ${one.output()}${one.errors()}`);
        }
      }
      return () => one.end();
    },
    stop: async () => {
      await served?.end();
      served = null;
    },
    close: async () => {
      await site.stop();
      for (const one of running) await one.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  writeKeys(site);
  return site;
}

/** Defaults that somebody on this machine may have taken. */
function withFlags(command: string, site: Site): string {
  const flags = [
    ...(command.includes("--admin") ? [] : [site.here("--admin 127.0.0.1:9901")]),
    ...(/--(?:listen|config)/.test(command) ? [] : [site.here("--listen 127.0.0.1:8080")]),
    ...(command.includes("--config") ? [] : ["--log-format json"]),
  ];
  return command.replace(/^npx fairlead/, `npx fairlead ${flags.join(" ")}`);
}

/** Certificates where the pages say that they are. */
function writeKeys(site: Site): void {
  const authority = createAuthority();
  const { cert, key } = authority.issue(["localhost"]);
  for (const [name, text] of [
    ["tls.crt", cert],
    ["tls.key", key],
    ["tls/tls.crt", cert],
    ["tls/tls.key", key],
    ["clients/ca.crt", authority.cert],
    ["pods/ca.crt", authority.cert],
  ]) {
    site.write(name, text);
  }
}

interface Running {
  readonly shell: ChildProcess;
  /** What it has written to standard output, and to standard error. */
  output(): string;
  errors(): string;
  over(): boolean;
  says(sign: string): Promise<void>;
  end(): Promise<void>;
}

/** In a group of processes of its own: shells pass no signals on. */
function start(command: string, cwd: string): Running {
  // npx takes half a second to find what lies in the folder.
  const path = `${join(cwd, "node_modules/.bin")}:${process.env.PATH}`;
  const env = { ...process.env, PATH: path, NO_COLOR: "1", no_proxy: "127.0.0.1,localhost" };
  const shell = spawn("bash", ["-euo", "pipefail", "-c", command.replace(/^npx /, "")], {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const written = { stdout: "", stderr: "" };
  let wake = (): void => {};
  const closed = once(shell, "close");
  for (const name of ["stdout", "stderr"] as const) {
    shell[name]?.setEncoding("utf8");
    shell[name]?.on("data", (text: string) => {
      written[name] += text;
      wake();
    });
  }
  let over = false;
  const kill = () => {
    try {
      process.kill(-(shell.pid as number), "SIGKILL");
    } catch {
      // The group is gone.
    }
  };
  process.once("exit", kill);
  void closed.then(() => {
    over = true;
    process.off("exit", kill);
    wake();
  });
  return {
    shell,
    output: () => written.stdout,
    errors: () => written.stderr,
    over: () => over,
    says: async (sign) => {
      while (!(written.stdout + written.stderr).includes(sign)) {
        if (over) throw new Error(`${command}: ended without "${sign}": ${written.stderr}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    end: async () => {
      kill();
      await closed;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
