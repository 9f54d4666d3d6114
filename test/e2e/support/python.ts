import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findTool } from "../../support/tools.ts";
import { ROOT } from "./runtimes.ts";

let found: string | null | undefined;

/** A Python that has grpcio: the one in .ci/tools/venv that .ci/run makes, or the machine's own. Null: there is none. */
export function python(): string | null {
  if (found !== undefined) return found;
  const venv = join(ROOT, ".ci/tools/venv/bin/python");
  const own = findTool("python3");
  const candidates = [...(existsSync(venv) ? [venv] : []), ...("path" in own ? [own.path] : [])];
  found = candidates.find((path) => spawnSync(path, ["-c", "import grpc"]).status === 0) ?? null;
  return found;
}

/** Said aloud by the suites that skip. */
export const NO_PYTHON = "no Python with grpcio (to have one: bash .ci/install grpcio)";
