import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { missingTool } from "../clients/tools.ts";
import { ROOT } from "../e2e/support/runtimes.ts";
import { pages } from "./pages.ts";

const fences = pages.flatMap(({ path, fences: all }) =>
  all.filter(({ language }) => language === "go").map(({ line, text }) => ({ where: `${path}:${line}`, text })),
);
const missing = missingTool("go");
if (missing !== null) console.warn(`skipped: Go of the documentation: ${missing}`);

/** Against the grpc-go of the clients' tests. */
test.skipIf(missing !== null).each(fences)("$where: compiles", { timeout: 120_000 }, ({ text }) => {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-go-"));
  try {
    for (const name of ["go.mod", "go.sum"]) copyFileSync(join(ROOT, "test/clients/go", name), join(folder, name));
    const program = `package main

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	credentials := grpc.WithTransportCredentials(insecure.NewCredentials())
	_, _ = ${text}
}
`;
    writeFileSync(join(folder, "main.go"), program);
    const env = { ...process.env, GOFLAGS: "-mod=mod" };
    const { status, stdout, stderr } = spawnSync("go", ["vet", "."], { cwd: folder, encoding: "utf8", env });
    expect(status, `${stdout}${stderr}`).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
