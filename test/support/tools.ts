import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** How each tool that tests start as a process is installed; printed when a test has to skip for want of it. */
const INSTALL = {
  coredns: "go install github.com/coredns/coredns@v1.12.4",
  "grpc-interop-client": "bash .ci/install interop",
  "grpc-interop-server": "bash .ci/install interop",
  h2spec: "bash .ci/install h2spec",
  helm: "bash .ci/install kubernetes",
  kustomize: "bash .ci/install kubernetes",
  "kubectl-validate": "bash .ci/install kubernetes",
  "compose-config": "bash .ci/install kubernetes",
  "systemd-analyze": "install systemd",
  "systemd-socket-activate": "install systemd",
  strace: "install strace",
  python3: "install Python 3",
  deno: "bash .ci/install runtimes",
  bun: "bash .ci/install runtimes",
} as const;

export type ToolName = keyof typeof INSTALL;

export type FoundTool = { readonly path: string } | { readonly missing: string };

/** Looks for a program in PATH, in Go's bin folders, and in .ci/tools/bin. */
export function findTool(name: ToolName): FoundTool {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...goBins(), resolve(".ci/tools/bin")];
  for (const folder of folders) {
    if (folder === "") continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return { path };
    } catch {
      // Not there: the next one.
    }
  }
  return {
    missing: `${name} is not installed (not in PATH, Go's bin folder or .ci/tools/bin); to run: ${INSTALL[name]}`,
  };
}

function goBins(): string[] {
  try {
    const [bin, path] = execFileSync("go", ["env", "GOBIN", "GOPATH"], { encoding: "utf8" }).split("\n");
    return [bin, ...path.split(delimiter).map((folder) => join(folder, "bin"))].filter((folder) => folder !== "");
  } catch {
    return [];
  }
}
