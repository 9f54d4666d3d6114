import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** Where tools are looked for: what .ci/run installed, PATH, and where Go installs. */
function folders(): string[] {
  const gopath = process.env["GOPATH"] ?? join(homedir(), "go");
  return [
    join(import.meta.dirname, "../../.ci/tools/bin"),
    ...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""),
    join(gopath, "bin"),
  ];
}

/** @returns the tool's whole path, or null when it is not installed: a test that needs it then skips, and says so aloud */
export function findTool(name: string): string | null {
  for (const folder of folders()) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here; look on.
    }
  }
  return null;
}
