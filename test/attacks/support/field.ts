import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Usage, usage } from "../../bench/proc.ts";
import { type Child, startChild } from "../../e2e/support/child.ts";
import { parseMetrics, type Sample } from "../../e2e/support/gateway.ts";
import { onNode } from "../../e2e/support/runtimes.ts";
import { createAuthority } from "../../support/certs.ts";

/** Settings of the gateway under attack that differ from the defaults: the times, so that a test need not wait for a minute. */
export const limits = {
  headTimeout: "1s",
  settingsAckTimeout: "3s",
  stallTimeout: "2s",
  maxBufferedBytes: 16 << 20,
} as const;
const idleTimeout = "2s";

export interface Stretch {
  readonly calls: number;
  readonly failed: number;
  readonly failures: readonly string[];
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** That the client has had to make. */
  readonly connections: number;
}

export interface PodState {
  readonly sessions: number;
  readonly calls: number;
  /** Since the start. */
  readonly seen: { readonly sessions: number; readonly calls: number };
}

/** The gateway in front of two pods, all in processes of their own, with a well-behaved client on it. */
export interface Field {
  /** Plaintext. */
  readonly port: number;
  readonly tlsPort: number;
  readonly adminPort: number;
  readonly gateway: Child;
  usage(): Usage;
  metrics(name: RegExp): Promise<readonly Sample[]>;
  /** Calls counted at the endpoints now. */
  outstanding(): Promise<number>;
  pods(): Promise<readonly PodState[]>;
  /** Ends a stretch of the well-behaved client's calls. */
  stretch(): Promise<Stretch>;
  /** Runs something while the well-behaved client makes no calls. */
  quietly<T>(run: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/** What runs as the gateway: see test/e2e/support/gateway.ts. */
const MAIN = process.env.FAIRLEAD_MAIN ?? "src/main.ts";

export async function startField(podEnv: Readonly<Record<string, string>> = {}): Promise<Field> {
  const children: Child[] = [];
  const folder = mkdtempSync(join(tmpdir(), "fairlead-attacks-"));
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await child.stop(child.name === "gateway" ? "SIGTERM" : "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  const start = (name: string, script: string, args: readonly string[] = [], env = {}): Child => {
    const { program, args: before } = onNode(script);
    const child = startChild(name, program, [...before, ...args], env);
    children.push(child);
    return child;
  };
  try {
    const pods = ["pod 1", "pod 2"].map((name) => start(name, "test/attacks/support/pod.ts", [], podEnv));
    const ports: number[] = [];
    for (const pod of pods) ports.push(Number((await pod.report((report) => report.event === "listening")).port));
    writeConfig(folder, ports);
    const gateway = start("gateway", MAIN, ["--config", join(folder, "gateway.json")]);
    const port = async (event: string, listener?: string): Promise<number> => {
      const report = await gateway.report((one) => one.event === event && (!listener || one.listener === listener));
      return Number(report.port ?? new URL(String(report.url)).port);
    };
    const plain = await port("listening", "plain");
    const tlsPort = await port("listening", "tls");
    const adminPort = await port("admin pages");
    const admin = `http://127.0.0.1:${adminPort}`;
    while ((await fetch(`${admin}/readyz`)).status !== 200);
    const neighbour = start("neighbour", "test/attacks/support/neighbour.ts", [`http://127.0.0.1:${plain}`]);
    await neighbour.report((report) => report.event === "calling");
    let asked = 0;
    const ask = async (child: Child, more: Readonly<Record<string, unknown>> = {}): Promise<unknown> => {
      const id = String(asked++);
      child.tell({ id, ...more });
      return child.report((report) => typeof report.id === "string" && report.id.includes(`"${id}"`), 0);
    };
    const metrics = async (name: RegExp): Promise<readonly Sample[]> =>
      parseMetrics(await (await fetch(`${admin}/metrics`)).text()).filter((sample) => name.test(sample.name));
    return {
      port: plain,
      tlsPort,
      adminPort,
      gateway,
      usage: () => usage(gateway.pid),
      metrics,
      outstanding: async () =>
        (await metrics(/^fairlead_outstanding_calls$/)).reduce((sum, { value }) => sum + value, 0),
      pods: () => Promise.all(pods.map((pod) => ask(pod) as Promise<PodState>)),
      stretch: () => ask(neighbour) as Promise<Stretch>,
      quietly: async (run) => {
        await ask(neighbour, { pause: true });
        try {
          return await run();
        } finally {
          await ask(neighbour, { pause: false });
        }
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function writeConfig(folder: string, ports: readonly number[]): void {
  const { cert, key } = createAuthority().issue(["localhost", "127.0.0.1"]);
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "key.pem"), key);
  const config = {
    listeners: [
      { name: "plain", address: "127.0.0.1", port: 0 },
      { name: "tls", address: "127.0.0.1", port: 0, tls: { certFile: "cert.pem", keyFile: "key.pem" } },
    ],
    routes: [
      // Everything but this authority, so that there are calls without a route.
      { name: "all", hostnames: ["attacked.test", "127.0.0.1"], backendRefs: [{ name: "pods" }] },
    ],
    backends: [{ name: "pods", target: `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(",")}`, idleTimeout }],
    admin: { address: "127.0.0.1", port: 0 },
    drain: { delay: "0s", timeout: "1s" },
    log: { format: "json" },
    limits,
  };
  writeFileSync(join(folder, "gateway.json"), JSON.stringify(config));
}
