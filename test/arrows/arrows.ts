import { builtinModules } from "node:module";
import { posix } from "node:path";
import { readImports } from "./read-imports.ts";

/**
 * The one-way arrows of the house. A part is a folder of src/, or a file that stands in src/ itself, without its ending.
 * `values`: the parts whose code it may import (its own is always allowed). Everyone may import *types* from INTERFACES.
 */
export interface Part {
  readonly values: readonly string[];
  /** Parts that it may import types from, besides INTERFACES. */
  readonly types?: readonly string[];
  /** May import `node:*` and name `Deno`, `Bun` and `process`. */
  readonly machine?: true;
}

/** main -> create-gateway -> entrance -> gateway -> {protocols, routing, balancing} -> http2; discovery feeds balancing; nothing imports main. */
export const PARTS: Readonly<Record<string, Part>> = {
  main: { values: ["create-gateway", "gateway", "config", "admin", "runtime", "demo", "index"], machine: true },
  index: { values: ["library"], types: ["runtime"] },
  library: { values: ["create-gateway", "gateway", "fetch", "protocols", "config", "http2", "runtime"] },
  // Frameworks' forms of the library's gateway.
  middleware: { values: [], types: ["library"] },
  // Clients' connections that are old enough.
  "connection-ages": { values: [], types: ["http2"] },
  "create-gateway": {
    values: [
      "connection-ages",
      "entrance",
      "gateway",
      "files",
      "json",
      "protocols",
      "http1",
      "routing",
      "balancing",
      "discovery",
      "http2",
    ],
    types: ["admin"],
  },
  entrance: { values: ["gateway", "json", "protocols", "balancing", "http2"] },
  // A gateway's calls without its listeners.
  transport: { values: ["config", "gateway", "protocols", "balancing", "discovery", "http2", "runtime"] },
  gateway: { values: ["protocols", "routing", "balancing", "discovery", "http2"] },
  "gateway-api": { values: [], types: ["protocols"] },
  // Files that are read again when they change.
  files: { values: [] },
  json: { values: ["files", "protocols", "http2"], types: ["balancing"] },
  protocols: { values: ["http2"] },
  routing: { values: ["http2"] },
  balancing: { values: ["http2"], types: ["discovery"] },
  http1: { values: ["http2"] },
  http2: { values: [] },
  discovery: { values: [] },
  config: { values: ["gen", "discovery"] },
  // The names of codes in metrics are those of the protocols.
  admin: { values: ["gen", "config", "protocols"] },
  runtime: { values: [], machine: true },
  demo: {
    values: [
      "create-gateway",
      "gateway",
      "config",
      "admin",
      "runtime",
      "balancing",
      "discovery",
      "http2",
      "gen",
      "index",
    ],
  },
  gen: { values: [] },
  // The fetch entry: a gateway on a platform's machine, and the chain, which goes around the gateway.
  fetch: { values: ["create-gateway", "config", "protocols", "http2", "runtime"], types: ["gen", "admin"] },
};

/** Files of types that everyone may import as types: the seams that the parts are written against. */
export const INTERFACES: readonly string[] = [
  "src/runtime/machine.ts",
  "src/http2/receiver.ts",
  "src/discovery/resolver.ts",
  "src/balancing/policy.ts",
  "src/config/settings.ts",
  "src/admin/view.ts",
  "src/gateway-api.ts",
];

const BUILTINS = new Set(builtinModules.map((name) => name.split("/")[0]));

/** `src/http2/hpack/encoder.ts` -> `http2`, `src/main.ts` -> `main`. */
export function partOf(file: string): string {
  const [, first = ""] = file.split("/");
  return first.replace(/\.ts$/, "");
}

function isBuiltin(specifier: string): boolean {
  return /^(?:node|bun|jsr|npm|https?):/.test(specifier) || BUILTINS.has(specifier.split("/")[0]);
}

/**
 * @param file path from the repository's root, with forward slashes
 * @returns one line for each arrow that points the wrong way
 */
export function wrongArrows(file: string, source: string, parts = PARTS, interfaces = INTERFACES): string[] {
  const from = partOf(file);
  const part = parts[from];
  if (part === undefined) return [`${file}: ${from} is not in the table of parts`];

  const wrong: string[] = [];
  const { imports, code } = readImports(source);
  for (const { specifier, typeOnly } of imports) {
    if (specifier === null) wrong.push(`${file}: imports something that is not written out`);
    else if (specifier.startsWith(".")) {
      const target = posix.join(posix.dirname(file), specifier);
      const to = partOf(target);
      if (!target.startsWith("src/")) wrong.push(`${file}: imports ${target}, which is outside src`);
      else if (!target.endsWith(".ts")) wrong.push(`${file}: imports ${target} without its .ts ending`);
      else if (to === "main") wrong.push(`${file}: imports main`);
      else if (to === from || part.values.includes(to)) continue;
      else if (typeOnly && (interfaces.includes(target) || part.types?.includes(to))) continue;
      else wrong.push(`${file}: ${from} must not import ${typeOnly ? "types" : "code"} from ${to} (${target})`);
    } else if (isBuiltin(specifier) && part.machine === undefined) {
      wrong.push(`${file}: ${from} must not import ${specifier}; only src/runtime and src/main.ts know the machine`);
    }
  }

  if (part.machine === undefined) {
    // A property of that name (`options.process`) is somebody else's; `globalThis.Deno` is not.
    for (const match of code.matchAll(
      /(?<!(?<!globalThis)\s*\.\s*)(?<![\w$])(Deno|Bun|process)(?![\w$])(?!\s*[:(?])/g,
    )) {
      wrong.push(`${file}: ${from} names ${match[1]}; only src/runtime and src/main.ts know the machine`);
    }
  }
  return wrong;
}
