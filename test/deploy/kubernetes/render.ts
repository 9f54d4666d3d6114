import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../e2e/support/runtimes.ts";
import { findTool, type ToolName } from "../../support/tools.ts";
import { type KubernetesObject, parseObjects } from "./objects.ts";

/** The oldest Kubernetes that the chart admits, and the newest whose schemas the validator has. */
export const KUBERNETES = "1.30";
export const CHART = join(ROOT, "deploy/helm/fairlead");
/** The schema of ServiceMonitor, which is not Kubernetes' own. */
const CRDS = join(ROOT, ".ci/tools/crds");

/** The program, or null; then the reason is printed, and what needs it is to be skipped. */
export function toolOrSkip(name: ToolName, what: string): string | null {
  const found = findTool(name);
  if ("path" in found) return found.path;
  console.log(`skipped: ${what}: ${found.missing}`);
  return null;
}

export type Values = Readonly<Record<string, unknown>>;

export interface Rendered {
  readonly text: string;
  readonly objects: readonly KubernetesObject[];
}

/** @throws Error with helm's message */
export function helmTemplate(helm: string, values: Values, release = "fairlead", chart = CHART): Rendered {
  return withValues(values, (file) => {
    const args = ["template", release, chart, "--kube-version", `${KUBERNETES}.0`, "--values", file];
    return rendered(run(helm, args));
  });
}

export function helmLint(helm: string, values: Values): string {
  return withValues(values, (file) =>
    run(helm, ["lint", CHART, "--strict", "--kube-version", `${KUBERNETES}.0`, "--values", file]),
  );
}

export function kustomize(program: string, folder: string): Rendered {
  return rendered(run(program, ["build", join(ROOT, folder)]));
}

/** Checks texts of manifests with Kubernetes' own schemas; the messages for those that do not fit. */
export function validate(validator: string, texts: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-manifests-"));
  try {
    const known = existsSync(CRDS);
    if (!known) console.log("skipped: ServiceMonitor against its schema: to run: bash .ci/install kubernetes");
    for (const [name, text] of Object.entries(texts)) {
      const documents = text.split(/^---$/m).filter((document) => known || !/^kind: ServiceMonitor$/m.test(document));
      writeFileSync(join(folder, `${name.replaceAll(/\W+/g, "-")}.yaml`), documents.join("---"));
    }
    const crds = known ? ["--local-crds", CRDS] : [];
    const args = [folder, "--version", KUBERNETES, "--output", "json", ...crds];
    const { stdout, stderr } = spawnSync(validator, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
    const results = JSON.parse(stdout || "{}") as Record<string, readonly { status: string; message?: string }[]>;
    if (Object.keys(results).length !== Object.keys(texts).length)
      throw new Error(`kubectl-validate: ${stdout}${stderr}`);
    return Object.entries(results).flatMap(([file, list]) =>
      list.filter(({ status }) => status !== "Success").map(({ message }) => `${file}: ${message}`),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rendered(text: string): Rendered {
  return { text, objects: parseObjects(text) };
}

function withValues<T>(values: Values, use: (file: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-values-"));
  try {
    // JSON is YAML; and a text such as `yes`, which YAML 1.1 takes for a truth value, stays a text.
    writeFileSync(join(folder, "values.json"), JSON.stringify(values));
    return use(join(folder, "values.json"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: "pipe", maxBuffer: 2 ** 26 });
}
