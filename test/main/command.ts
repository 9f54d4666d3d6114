import { resolve } from "node:path";
import { type Child, startChild } from "../e2e/support/child.ts";
import { onNode, ROOT } from "../e2e/support/runtimes.ts";

/** What a user runs: `dist/main.js` when CI has built it, the sources otherwise. */
const MAIN = process.env.FAIRLEAD_MAIN ?? "src/main.ts";

/** Starts `fairlead` with these arguments, on the runtime that runs the tests. */
export function fairlead(...args: string[]): Child {
  const { deno, bun } = process.versions as Partial<Record<string, string>>;
  if (deno !== undefined) return startChild("fairlead", process.execPath, ["run", "-A", resolve(ROOT, MAIN), ...args]);
  if (bun !== undefined) return startChild("fairlead", process.execPath, [resolve(ROOT, MAIN), ...args]);
  const node = onNode(MAIN);
  return startChild("fairlead", node.program, [...node.args, ...args]);
}

/** Waits for its end. */
export async function run(
  ...args: string[]
): Promise<{ readonly code: number | null; readonly lines: readonly string[] }> {
  const child = fairlead(...args);
  const { code } = await child.exited;
  return {
    code,
    lines: child
      .output()
      .split("\n")
      .filter((line) => line !== ""),
  };
}
