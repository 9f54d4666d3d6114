import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSettings } from "../../../src/config/command-line.ts";
import type { Problem } from "../../../src/config/report.ts";
import { createMachine } from "../../../src/runtime/create-machine.ts";
import { onNode } from "../../e2e/support/runtimes.ts";
import { createAuthority } from "../../support/certs.ts";

/** What runs as `fairlead`: `dist/main.js` when CI has built it, the sources otherwise. */
const MAIN = process.env.FAIRLEAD_MAIN ?? "src/main.ts";

/**
 * `fairlead check` on a fairlead.yaml as it comes out of a ConfigMap.
 * @returns what it printed, and whether nothing is wrong
 */
export function checkConfig(yaml: string): { readonly ok: boolean; readonly output: string } {
  const folder = layOut(yaml);
  try {
    const { program, args } = onNode(MAIN);
    const { status, stdout, stderr } = spawnSync(program, [...args, "check", "--config", join(folder, NAME)], {
      encoding: "utf8",
    });
    return { ok: status === 0, output: `${stdout}${stderr}`.replaceAll(folder, "") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What `fairlead check` would find, without a process. */
export async function problemsOf(yaml: string): Promise<readonly Problem[]> {
  const folder = layOut(yaml);
  try {
    const source = { file: join(folder, NAME), given: [] };
    const loaded = await loadSettings(source, { ...createMachine(), isPair: () => true });
    return "problems" in loaded ? loaded.problems : [];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const NAME = "fairlead.yaml";

/** A folder with the file, and beside it the certificates that a Secret will bring. */
function layOut(yaml: string): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-check-"));
  const authority = createAuthority();
  const { cert, key } = authority.issue(["shop.example.com"]);
  const files = { "tls.crt": cert, "tls.key": key, "ca.crt": authority.cert };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, NAME), yaml.replaceAll("/etc/fairlead-tls/", `${folder}/`));
  return folder;
}
