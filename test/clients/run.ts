import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../e2e/support/runtimes.ts";
import { page, type Result } from "./docs.ts";
import type { RowNote } from "./support/row.ts";

/** Runs the suite of clients and writes docs/clients.md from what its tests saw: tsx test/clients/run.ts */

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly meta: { readonly row?: RowNote };
    }[];
  }[];
}

const folder = mkdtempSync(join(tmpdir(), "fairlead-clients-"));
try {
  const file = join(folder, "report.json");
  const args = ["run", "test/clients", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const { status } = spawnSync(process.execPath, [join(ROOT, "node_modules/vitest/vitest.mjs"), ...args], {
    cwd: ROOT,
    stdio: "inherit",
  });
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  const results: Result[] = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .map(({ fullName, status: outcome, meta }) => ({
      name: fullName,
      passed: outcome === "passed",
      row: meta.row ?? null,
    }));
  const text = page(results);
  writeFileSync(join(ROOT, "docs/clients.md"), text);
  console.log(text);
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
