import { type Child, startChild } from "./child.ts";
import { on, type RuntimeName } from "./runtimes.ts";

/** A gateway in a process of its own, as a user would run it. */
export interface GatewayProcess {
  readonly host: string;
  readonly port: number;
  /** `host:port`, as gRPC clients take it. */
  readonly address: string;
  readonly child: Child;
  /** Samples of /metrics whose name matches. @throws (rejects) when the admin port does not answer */
  metrics(name: RegExp): Promise<readonly Sample[]>;
  /** HTTP status of an admin page; null when nobody listens there any more. */
  status(path: string): Promise<number | null>;
  /** SIGTERM; the exit code. */
  stop(): Promise<number | null>;
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface GatewayOptions {
  /** In gRPC's naming syntax: `ipv4:127.0.0.1:9001,127.0.0.2:9001`, `dns://127.0.0.1:5353/pods.test:9001`. */
  readonly target: string;
  /** Port 0 (the default) chooses a free one. */
  readonly listen?: string;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** More arguments of the command line. */
  readonly args?: readonly string[];
  /** The default is FAIRLEAD_RUNTIME, then Node. */
  readonly runtime?: RuntimeName;
}

/** What runs as the gateway: `dist/main.js` when CI has built it, the sources otherwise. */
const MAIN = process.env.FAIRLEAD_MAIN ?? "src/main.ts";

export function gatewayRuntime(): RuntimeName {
  const name = process.env.FAIRLEAD_RUNTIME ?? "node";
  if (name === "node" || name === "deno" || name === "bun") return name;
  throw new Error(`FAIRLEAD_RUNTIME: ${name} is not one of node, deno, bun`);
}

/** Starts the gateway and waits until it is ready: it listens and one endpoint at least can take calls. */
export async function startGatewayProcess(options: GatewayOptions): Promise<GatewayProcess> {
  const { program, args } = on(options.runtime ?? gatewayRuntime(), MAIN);
  const tls = options.tls === undefined ? [] : ["--tls-cert", options.tls.certFile, "--tls-key", options.tls.keyFile];
  const listen = ["--listen", options.listen ?? "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  // Nobody watches the readiness of a test's gateway, so there is nothing to wait for before it drains.
  const more = options.args ?? [];
  const drain = more.includes("--drain-delay") ? [] : ["--drain-delay", "0s"];
  const flags = [...listen, ...drain, ...tls, ...more];
  const child = startChild("gateway", program, [...args, ...flags, options.target]);
  try {
    const listener = await child.report((report) => report.event === "listening");
    const at = { host: String(listener.host), port: Number(listener.port) };
    const admin = await child.report((report) => report.event === "admin pages");
    const url = String(admin.url).replace(/\/$/, "");
    const status = async (path: string): Promise<number | null> => {
      try {
        const response = await fetch(url + path);
        await response.arrayBuffer();
        return response.status;
      } catch {
        return null;
      }
    };
    let ended = false;
    void child.exited.then(() => {
      ended = true;
    });
    while ((await status("/readyz")) !== 200) if (ended) throw new Error(`the gateway ended: ${child.output()}`);
    return {
      ...at,
      address: `${at.host}:${at.port}`,
      child,
      status,
      metrics: async (name) =>
        parseMetrics(await (await fetch(`${url}/metrics`)).text()).filter((s) => name.test(s.name)),
      stop: async () => (await child.stop()).code,
    };
  } catch (error) {
    await child.stop("SIGKILL");
    throw error;
  }
}

/** The text format of Prometheus, without comments. */
export function parseMetrics(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (match === null) continue;
    const labels: Record<string, string> = {};
    for (const [, key = "", value = ""] of (match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[key] = value;
    samples.push({ name: match[1] ?? "", labels, value: Number(match[3]) });
  }
  return samples;
}
