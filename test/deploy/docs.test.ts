import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { commandsOf, pageOf } from "../docs/pages.ts";
import { nodeProgram, ROOT } from "../e2e/support/runtimes.ts";
import { createStage } from "../scenarios/support/stage.ts";
import { problemsOf } from "./kubernetes/config-check.ts";
import { parseObjects } from "./kubernetes/objects.ts";
import { promises, read } from "./kubernetes/promises.ts";
import { KUBERNETES, toolOrSkip } from "./kubernetes/render.ts";
import { buildPackage } from "./support/package.ts";

const stage = createStage();
const temporary = () =>
  stage.add(mkdtempSync(join(tmpdir(), "fairlead-docs-")), (path) => rmSync(path, { recursive: true, force: true }));
const shell = (page: string) =>
  pageOf(page)
    .fences.filter(({ language }) => language === "sh")
    .flatMap((fence) => commandsOf(fence));

describe("docs/kubernetes.md", () => {
  const lines = [...shell("docs/kubernetes.md"), ...shell("deploy/helm/fairlead/README.md")];
  const helm = toolOrSkip("helm", "the commands of docs/kubernetes.md that begin with helm upgrade");
  const kustomize = toolOrSkip("kustomize", "the commands of docs/kubernetes.md that begin with kubectl apply -k");
  const ofChart = lines.filter((line) => /^helm upgrade .*deploy\/helm\/fairlead/.test(line));

  test.skipIf(helm === null).each(ofChart)("page: %s renders a gateway that holds the promises", async (line) => {
    const folder = temporary();
    for (const { file, text } of pageOf("docs/kubernetes.md").fences)
      if (file !== "") writeFileSync(join(folder, file), text);
    const words = line
      .split(" ")
      .slice(2)
      .filter((word) => word !== "--install" && word !== "--reset-then-reuse-values");
    const args = words.map((word) => (word === "deploy/helm/fairlead" ? join(ROOT, word) : word.replaceAll("'", "")));
    const text = execFileSync(helm!, ["template", ...args, "--kube-version", `${KUBERNETES}.0`], {
      cwd: folder,
      encoding: "utf8",
    });
    const manifests = read(parseObjects(text));
    for (const holds of Object.values(promises)) holds(manifests);
    expect(await problemsOf(manifests.configText)).toEqual([]);
  });

  test.skipIf(kustomize === null)("page: what kubectl apply -k and -f are given is there and makes objects", () => {
    const applied = lines.flatMap((line) => [...line.matchAll(/^kubectl apply -([kf]) (\S+)$/g)]);
    expect(applied.length).toBeGreaterThan(2);
    for (const [, kind, path] of applied) {
      const at = join(ROOT, path);
      const text =
        kind === "f" ? readFileSync(at, "utf8") : execFileSync(kustomize!, ["build", at], { encoding: "utf8" });
      expect(parseObjects(text).length, path).toBeGreaterThan(1);
    }
  });

  test("page: the seconds of its table are those of the chart", () => {
    const values = readFileSync(join(ROOT, "deploy/helm/fairlead/values.yaml"), "utf8");
    const [preStop, delay, timeout, margin] = ["preStop", "delay", "timeout", "margin"].map((name) =>
      Number(new RegExp(`^  ${name}Seconds: (\\d+)$`, "m").exec(values)?.[1]),
    );
    const rows = [...pageOf("docs/kubernetes.md").text.matchAll(/^\| (\d+) \| /gm)].map(([, seconds]) =>
      Number(seconds),
    );
    const sums = [0, preStop, preStop + delay, preStop + delay + timeout, preStop + delay + timeout + margin];
    expect(rows).toEqual(sums);
  });
});

test("docs/kubernetes.md: what a gateway takes and what a client weighs are the figures that npm run scaling measured", () => {
  const { measured } = JSON.parse(readFileSync(join(ROOT, "docs/scaling/results.json"), "utf8")) as Scaling;
  const { calls, perClient, perTlsClient } = measured.constants;
  const withPods = calls.filter(({ pods }) => pods === 50).map(({ us }) => (0.6 * 1e6) / us);
  const mebibytes = (bytes: number) => (1000 * bytes) / 2 ** 20;
  const page = pageOf("docs/kubernetes.md").text.replaceAll(/\s+/g, " ");
  const [, slow, quick] = /takes from ([\d,]+) calls a second, .* to ([\d,]+), when/.exec(page) ?? [];
  const [, plain, tls] = /1,000 of them take about (\d+) MiB, or (\d+) MiB over TLS/.exec(page) ?? [];
  for (const [said, figure] of [
    [slow, Math.min(...withPods)],
    [quick, Math.max(...withPods)],
    [plain, mebibytes(perClient)],
    [tls, mebibytes(perTlsClient)],
  ] as const) {
    // Two runs on one machine differ by some percent.
    const ratio = Number(said?.replace(",", "")) / figure;
    expect(Math.abs(Math.log(ratio)), `${said} on the page, ${figure} measured`).toBeLessThan(0.15);
  }
});
interface Scaling {
  readonly measured: {
    readonly constants: {
      readonly calls: readonly { readonly pods: number; readonly us: number }[];
      readonly perClient: number;
      readonly perTlsClient: number;
    };
  };
}

test("deploy/README.md: its table names everything in the folder, each with the test that uses it", () => {
  const { text } = pageOf("deploy/README.md");
  const table = text.split("\n").filter((line) => line.startsWith("| "));
  const named = [...table.join("\n").matchAll(/\]\(([\w.]+)[/)]/g)].map(([, name]) => name);
  const there = readdirSync(join(ROOT, "deploy")).filter(
    (name) => !/^(README\.md|tsconfig\.json|globals\.d\.ts)$/.test(name),
  );
  expect([...new Set(named)].filter((name) => there.includes(name)).sort()).toEqual(there.sort());
});

describe.skipIf(process.platform !== "linux")("deploy/README.md, systemd", () => {
  const install = shell("deploy/README.md").filter((line) =>
    /^(install|tar|npm install|npm run build && npm pack)\b/.test(line),
  );

  test("page: the commands install a gateway whose configuration is right", { timeout: 120_000 }, () => {
    expect(install.length).toBeGreaterThan(4);
    const root = temporary();
    const image = stage.add(buildPackage(), (built) => built.remove());
    for (const line of install) {
      // Another root, and the package as it is compiled now: `npm run build` would disturb those who use dist/.
      const here = line
        .replace("npm run build && npm pack", `npm pack ${image.app} --ignore-scripts`)
        .replaceAll(/(?<=[ =])\/(opt|etc)/g, `${root}/$1`)
        .replaceAll(/(?<= )deploy\//g, `${ROOT}/deploy/`);
      const made = here.includes("/etc/systemd/system/") ? `mkdir -p ${root}/etc/systemd/system && ${here}` : here;
      const { status, stderr } = spawnSync("sh", ["-ec", made], { cwd: root, encoding: "utf8" });
      expect(status, `${here}\n${stderr}`).toBe(0);
    }
    // As ExecStartPre does.
    const main = join(root, "opt/fairlead/dist/main.js");
    const check = ["check", "--config", join(root, "etc/fairlead/fairlead.yaml")];
    expect(execFileSync(nodeProgram(), [main, ...check], { encoding: "utf8" })).toContain("nothing is wrong");
    expect(existsSync(join(root, "etc/systemd/system/fairlead.socket"))).toBe(true);
  });
});
