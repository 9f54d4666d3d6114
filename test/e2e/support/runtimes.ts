import { resolve } from "node:path";
import { findTool } from "../../support/tools.ts";

export const ROOT = resolve(import.meta.dirname, "../../..");

export type RuntimeName = "node" | "deno" | "bun";

/** A program and the arguments that come before the script's own. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * The Node that runs helper processes (pods, clients): the one that runs the tests, or, inside Deno and Bun, the one in PATH.
 */
export function nodeProgram(): string {
  return process.versions.deno === undefined && process.versions.bun === undefined ? process.execPath : "node";
}

/** Node strips types by itself from 22.18 on; the machine's Node 20 needs tsx. */
function nodeCanStrip(): boolean {
  if (nodeProgram() === "node") return false;
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

/** Runs a script of ours on Node. @param script path from the repository's root, .ts or .js */
export function onNode(script: string): Command {
  const loader = script.endsWith(".ts") && !nodeCanStrip() ? ["--import", "tsx"] : [];
  return { program: nodeProgram(), args: [...loader, resolve(ROOT, script)] };
}

/** @throws when the runtime is not installed */
export function on(runtime: RuntimeName, script: string): Command {
  if (runtime === "node") return onNode(script);
  const found = findTool(runtime);
  if ("missing" in found) throw new Error(found.missing);
  return {
    program: found.path,
    args: runtime === "deno" ? ["run", "-A", resolve(ROOT, script)] : [resolve(ROOT, script)],
  };
}
