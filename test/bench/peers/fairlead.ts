import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fillCommand } from "../command.ts";
import type { Found, Peer, Setup } from "./peer.ts";

/** What follows the program: the same for every runtime. */
const flags = ({ port, admin, pods }: Setup): string[] => [
  ...["--listen", `127.0.0.1:${port}`, "--admin", `127.0.0.1:${admin}`],
  `ipv4:${pods.map((pod) => `127.0.0.1:${pod}`).join(",")}`,
];

/** Ourselves, compiled, on the Node that runs the bench. */
export function fairlead(root: string): Peer {
  const main = join(root, "dist/main.js");
  return {
    key: "fairlead",
    name: "Fairlead",
    find: (say) =>
      built(root, say, `on Node ${process.versions.node}`, (setup) => ({
        argv: [process.execPath, main, ...flags(setup)],
      })),
  };
}

/** Ourselves on every other runtime that lies below `tools`: `node`, `deno` and `bun` executables, found by name. */
export function runtimes(root: string, tools: string): Peer[] {
  const main = join(root, "dist/main.js");
  // One of each: npm's deno package holds the same program twice.
  const seen = new Set<string>();
  return executables(tools, 6).flatMap(({ path, kind }): Peer[] => {
    const asked = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
    const version = /(\d+)\.\d+\.\d+/.exec(asked.stdout ?? "");
    if (version === null) return [];
    const label = { node: `Node ${version[1]}`, deno: "Deno", bun: "Bun" }[kind];
    const key = `fairlead-${kind}${kind === "node" ? version[1] : ""}`;
    if (seen.has(key)) return [];
    seen.add(key);
    const launch = (setup: Setup) => ({
      // Deno runs the sources as they are.
      argv:
        kind === "deno"
          ? [path, "run", "-A", join(root, "src/main.ts"), ...flags(setup)]
          : [path, main, ...flags(setup)],
    });
    return [
      {
        key,
        name: `Fairlead on ${label}`,
        find: (say) => built(root, say, `on ${kind} ${version[0]}`, launch),
      },
    ];
  });
}

/** Any other command, given on the command line: `name=command` with {port}, {admin}, {a} and {b}. */
export function extra(text: string): Peer {
  const [name, ...rest] = text.split("=");
  if (rest.length === 0 || name === "") throw new Error(`--extra "${text}": expected name=command`);
  return {
    key: name,
    name,
    find: () => ({ kind: "found", version: "given by --extra", launch: (setup) => fillCommand(rest.join("="), setup) }),
  };
}

function built(
  root: string,
  say: (line: string) => void,
  version: string,
  launch: Extract<Found, { kind: "found" }>["launch"],
): Found {
  const main = join(root, "dist/main.js");
  if (!existsSync(main)) return { kind: "missing", reason: "dist/main.js is not built (npm run build)" };
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const newest = Math.max(...sources.map((path) => statSync(join(root, "src", path)).mtimeMs));
  if (newest > statSync(main).mtimeMs)
    say("dist/ is older than src/: this measures what was built last (npm run build)");
  return { kind: "found", version, launch };
}

function executables(folder: string, depth: number): { path: string; kind: "node" | "deno" | "bun" }[] {
  if (depth === 0 || !existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // .bin holds links to what is found anyway; the other two are large and hold no programs.
    if (entry.isDirectory()) {
      return [".bin", "include", "share"].includes(entry.name) ? [] : executables(path, depth - 1);
    }
    const kind = entry.name;
    if (!entry.isFile() || !(kind === "node" || kind === "deno" || kind === "bun") || !runnable(path)) return [];
    return [{ path, kind }];
  });
}

function runnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
