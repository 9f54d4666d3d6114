import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  const lines = shell("docs/kubernetes.md");
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
      .filter((word) => word !== "--install" && word !== "--reuse-values");
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

test("deploy/README.md: every folder that it names is there, and every folder is named", () => {
  const { text } = pageOf("deploy/README.md");
  for (const [, path] of text.matchAll(/\]\(([^)#]+)\)/g))
    expect(existsSync(join(ROOT, "deploy", path)), path).toBe(true);
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
