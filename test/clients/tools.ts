import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../e2e/support/runtimes.ts";

/** Where test/clients/build.ts puts what it builds. */
export const BUILT = join(ROOT, ".ci/tools/clients");

export type ClientTool = "go" | "java" | "rust" | "python" | "grpcurl";

/** What of each is there once it is built. */
export const PROGRAMS: Readonly<Record<ClientTool, string>> = {
  go: join(BUILT, "fairlead-go"),
  java: join(BUILT, "java/classes/Main.class"),
  rust: join(BUILT, "fairlead-rust"),
  python: join(BUILT, "venv/bin/python"),
  grpcurl: join(BUILT, "grpcurl"),
};

/** Why it is not there; null when it is. */
export function missingTool(tool: ClientTool): string | null {
  try {
    accessSync(PROGRAMS[tool], constants.R_OK);
    return null;
  } catch {
    return `it is not built (to build it: npx tsx test/clients/build.ts ${tool})`;
  }
}

/** Why there is no curl that knows `--json`; null when there is one. */
export function missingCurl(): string | null {
  try {
    const [, major, minor] = /^curl (\d+)\.(\d+)/.exec(execFileSync("curl", ["--version"], { encoding: "utf8" })) ?? [];
    const knows = Number(major) > 7 || (Number(major) === 7 && Number(minor) >= 82);
    return knows ? null : `curl ${major}.${minor} has no --json; 7.82 has`;
  } catch {
    return "curl is not installed";
  }
}
