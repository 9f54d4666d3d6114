import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { nodeProgram, on, ROOT, type RuntimeName } from "../../e2e/support/runtimes.ts";
import { findTool, type ToolName } from "../../support/tools.ts";
import { bundle } from "./bundle.ts";

/** A platform that runs an entry file of deploy/, as a process. */
export interface Running {
  /** `http://127.0.0.1:1234` */
  readonly url: string;
  readonly child: ChildProcess;
  /** Resolves when a line has been printed, or is, that matches. @throws (rejects) when the process ends before that */
  printed(pattern: RegExp): Promise<void>;
  /** At once: asked politely, some of them wait for clients that keep their connections open. */
  stop(): Promise<void>;
}

export interface Runtime {
  readonly name: string;
  /** It learns that a client has left only when it writes to it (cloudflare/workerd#6832). */
  readonly lateToHear?: true;
  /** Over HTTP/1.1 the same, for a request that did not come in one piece with its head: Deno 2.9.6. Over HTTP/2 it hears at once. */
  readonly lateOverHttp1?: true;
  /** Its `fetch` does not tell a connection that was refused from one that was lost. On Cloudflare's edge it is told by statuses. */
  readonly vague?: true;
  /** Why it cannot be run here; null when it can. */
  readonly missing: string | null;
  /** Real gRPC to pods. @param target as in the configuration */
  start(target: string, folder: string): Promise<Running>;
}

/** Waits for the line that says which port it is, on either output. */
function started(
  name: string,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  port: RegExp,
  control = false,
): Promise<Running> {
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe", control ? "pipe" : "ignore"],
  });
  let printed = "";
  let waiters: (() => void)[] = [];
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  void exited.then(() => process.off("exit", kill));
  return new Promise((resolve, reject) => {
    const outputs = [child.stdout, child.stderr, ...(control ? [child.stdio[3]] : [])];
    for (const output of outputs) {
      createInterface({ input: output as NodeJS.ReadableStream }).on("line", (line) => {
        printed = `${printed}${line}\n`.slice(-65_536);
        for (const waiter of waiters) waiter();
        const found = port.exec(line);
        if (found === null) return;
        resolve({
          url: `http://127.0.0.1:${found[1]}`,
          child,
          printed: (pattern) =>
            new Promise((resolve, reject) => {
              const look = (): void => {
                if (pattern.test(printed)) resolve();
              };
              waiters = [...waiters, look];
              look();
              void exited.then(() => reject(new Error(`${name} ended; it said:\n${printed}`)));
            }),
          stop: async () => {
            if (child.exitCode === null && child.pid !== undefined) process.kill(child.pid, "SIGKILL");
            await exited;
          },
        });
      });
    }
    child.once("error", (error) => reject(new Error(`${name}: ${error.message}`)));
    void exited.then((code) => reject(new Error(`${name} ended with ${code}; it said:\n${printed}`)));
  });
}

function missingTool(name: ToolName): string | null {
  const found = findTool(name);
  return "missing" in found ? found.missing : null;
}

function toolPath(name: ToolName): string {
  const found = findTool(name);
  if ("missing" in found) throw new Error(found.missing);
  return found.path;
}

export const node: Runtime = {
  name: "Node (@hono/node-server)",
  missing: null,
  start: async (target, folder) => {
    const { path } = await bundle("deploy/node/main.ts", "node", folder);
    return started("node", nodeProgram(), [path], { TARGET: target, PORT: "0" }, /listening on port (\d+)/);
  },
};

/** What the entry needs, and nothing more. The two variables are looked at by the yaml package. */
export const DENO_PERMISSIONS = [
  "--no-prompt",
  "--allow-net",
  "--allow-read=/etc/resolv.conf,/etc/hosts",
  "--allow-env=TARGET,LOG_TOKENS,LOG_STREAM",
] as const;

/** From the sources, as they are. @param entry from the repository's root */
export function startDenoServe(entry: string, target: string): Promise<Running> {
  return started(
    "deno",
    toolPath("deno"),
    ["serve", ...DENO_PERMISSIONS, "--host", "127.0.0.1", "--port", "0", entry],
    { TARGET: target, NO_COLOR: "1" },
    /Listening on http:\/\/127\.0\.0\.1:(\d+)/,
  );
}

export const deno: Runtime = {
  name: "deno serve",
  lateOverHttp1: true,
  missing: missingTool("deno"),
  start: (target) => startDenoServe("deploy/deno/main.ts", target),
};

export const bun: Runtime = {
  name: "Bun.serve",
  missing: missingTool("bun"),
  start: async (target, folder) => {
    const { path } = await bundle("deploy/bun/main.ts", "node", folder);
    return started("bun", toolPath("bun"), [path], { TARGET: target, PORT: "0" }, /listening on port (\d+)/);
  },
};

/** The program itself; the npm package's own entry is a script around it. */
function workerdProgram(): string | null {
  try {
    const { resolve } = createRequire(join(ROOT, "package.json"));
    const program = join(dirname(resolve("@cloudflare/workerd-linux-64/package.json")), "bin/workerd");
    return existsSync(program) ? program : null;
  } catch {
    return null;
  }
}

const WORKERD_MISSING =
  workerdProgram() === null
    ? "the npm package workerd has no program for this machine; npm ci gets one for Linux x64"
    : null;

/** The parts of wrangler's configuration that decide how the runtime behaves. */
export interface Wrangler {
  readonly main: string;
  readonly compatibility_date: string;
  readonly compatibility_flags: readonly string[];
  readonly durable_objects: { readonly bindings: readonly { readonly name: string; readonly class_name: string }[] };
  readonly migrations: readonly { readonly new_sqlite_classes: readonly string[] }[];
  readonly env: { readonly chain: { readonly migrations?: readonly object[] } };
}

/** Whose comments stand on lines of their own. */
export function readWrangler(): Wrangler {
  const text = readFileSync(join(ROOT, "deploy/cloudflare/wrangler.jsonc"), "utf8");
  return JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, "")) as Wrangler;
}

/** @param bindings texts that the worker finds in its environment */
export async function startWorkerd(
  entry: string,
  bindings: Readonly<Record<string, string>>,
  durable: boolean,
  folder: string,
): Promise<Running> {
  const { path } = await bundle(entry, "workerd", folder);
  const wrangler = readWrangler();
  const texts = Object.entries(bindings).map(([name, text]) => `(name = "${name}", text = "${text}")`);
  const objects = durable ? [`(name = "GATEWAY", durableObjectNamespace = "Gateway")`] : [];
  const config = join(
    folder,
    `${basename(path)}-${Object.values(bindings).join().replace(/\W/g, "-").slice(0, 60)}.capnp`,
  );
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    # Pods have private addresses, which workers may not reach unless told so.
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true)))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "${basename(path)}")],
  compatibilityDate = "${wrangler.compatibility_date}",
  compatibilityFlags = ${JSON.stringify(wrangler.compatibility_flags)},
  bindings = [${[...texts, ...objects].join(", ")}],
  ${durable ? `durableObjectNamespaces = [(className = "Gateway", uniqueKey = "gateway")], durableObjectStorage = (inMemory = void)` : ""}
);
`,
  );
  return started(
    "workerd",
    workerdProgram() as string,
    ["serve", config, "--control-fd=3", "--verbose"],
    {},
    /"event":"listen".*"port":(\d+)/,
    true,
  );
}

export const workerd: Runtime = {
  name: "workerd (Durable Object)",
  lateToHear: true,
  missing: WORKERD_MISSING,
  start: (target, folder) => startWorkerd("deploy/cloudflare/worker.ts", { TARGET: target }, true, folder),
};

/** Real gRPC to pods. */
export const RUNTIMES: readonly Runtime[] = [node, deno, bun, workerd];

function chainOn(runtime: RuntimeName, missing: string | null): Runtime {
  return {
    name: runtime,
    missing,
    start: (ingresses) => {
      const { program, args } = on(runtime, "test/fetch/support/chain-main.ts");
      return started(runtime, program, args, { INGRESSES: ingresses }, /listening on port (\d+)/);
    },
  };
}

/** The chain: what `start` is given are the ingresses, apart by commas. */
export const CHAINS: readonly Runtime[] = [
  chainOn("node", null),
  chainOn("deno", deno.missing),
  chainOn("bun", bun.missing),
  {
    name: "workerd",
    lateToHear: true,
    vague: true,
    missing: WORKERD_MISSING,
    start: (ingresses, folder) => startWorkerd("deploy/cloudflare/chain.ts", { INGRESSES: ingresses }, false, folder),
  },
];
