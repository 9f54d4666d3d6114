import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { missingCurl } from "../clients/tools.ts";
import { toolOrSkip, validate } from "../deploy/kubernetes/render.ts";
import { commands } from "./commands.ts";
import { eventRows, metricRows } from "./observed.ts";
import { commandsOf, type Fence, pageOf, pages } from "./pages.ts";
import { findEnvoy, findProgram, nginxHere } from "./proxies.ts";
import { startShop } from "./shop.ts";
import { openSite, type Site } from "./site.ts";

/** The documentation against the package as it would be published. */

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let site: Site;

beforeAll(async () => {
  site = await openSite();
  for (const { file, text } of pageOf("README.md").fences) if (file !== "") site.write(file, site.here(text));
  site.write("package.json", '{"type":"module"}');
  await site.run("npx buf generate");
  await site.keep("node pods.js", ["50051", "50052", "50053"]);
});
afterAll(() => site?.close());

const curl = missingCurl();
if (curl !== null) console.warn(`skipped: what the documentation does with curl: ${curl}`);

/** Pages with commands that are run here. */
const runnable = Object.entries(commands)
  .filter(([, known]) => Object.values(known).some((fate) => "runs" in fate))
  .map(([path]) => path);

describe("commands of the documentation, run", () => {
  test.each(runnable)("%s", async (path) => {
    const { fences } = pageOf(path);
    if (path === "docs/observe.md") await site.serve("npx fairlead ipv4:127.0.0.1:50051", '"listening"');
    for (const [index, fence] of fences.entries()) {
      if (fence.file !== "" && path !== "README.md") site.write(fence.file, site.here(fence.text));
      if (fence.language !== "sh") continue;
      const printed: string[] = [];
      for (const command of commandsOf(fence)) {
        const fate = commands[path][command];
        if (fate === undefined || !("runs" in fate)) continue;
        if (fate.runs === "until the page ends") await site.serve(command, '"listening"');
        else if (!command.startsWith("curl") || curl === null) printed.push(await site.run(command));
      }
      const next: Fence | undefined = fences[index + 1];
      if (next?.language !== "text" || printed.length === 0) continue;
      const all = site.written(printed.join("\n"));
      for (const line of next.text.split("\n")) {
        // How many calls a pod has had is not what is shown.
        expect(all).toContain(site.written(line).replace(/ \d+$/, ""));
      }
    }
    await site.stop();
  });
});

test.skipIf(curl !== null)("docs/json.md: the example prints what the page shows", async () => {
  const [fence] = pageOf("docs/json.md").fences;
  const [serve, ask] = commandsOf(fence);
  const shop = await startShop();
  try {
    // A name of the cluster's, and a shell that waits for nothing.
    await site.serve(`npx ${serve.replace("dns:///shop:50051 &", `ipv4:127.0.0.1:${shop.port}`)}`, '"listening"');
    expect((await site.run(ask)).trim()).toBe(fence.text.split("\n").at(-1));
  } finally {
    await site.stop();
    shop.stop();
  }
});

/** Those of docs/library.md are compiled by test/library. */
test("docs/serverless.md: its programs compile", async () => {
  const programs = pageOf("docs/serverless.md").fences.filter(({ language }) => language === "ts");
  expect(programs.length).toBeGreaterThan(1);
  const files = programs.map(({ line, text }) => {
    site.write(`program-${line}.ts`, text);
    return `program-${line}.ts`;
  });
  const flags = "--noEmit --strict --target es2022 --module nodenext --skipLibCheck --types node";
  await site.run(`npx tsc ${flags} ${files.join(" ")}`);
});

/** What a fence of `yaml` is, by what stands in it. */
function kindOf({ text }: Fence): "fairlead" | "envoy" | "kubernetes" | "buf" | "helm" | "compose" | "unknown" {
  const keys = Object.keys((parse(text.split(/^---$/m)[0]) as object | null) ?? {});
  if (keys.includes("static_resources")) return "envoy";
  if (keys.includes("apiVersion")) return "kubernetes";
  if (keys.includes("version") && keys.includes("plugins")) return "buf";
  if (keys.includes("services")) return "compose";
  const ours = ["listeners", "routes", "backends", "admin", "drain", "log", "limits"];
  if (keys.length > 0 && keys.every((key) => ours.includes(key))) return "fairlead";
  // Values of the chart: test/deploy renders it with them.
  if (keys.includes("image")) return "helm";
  return "unknown";
}

const yaml = pages.flatMap(({ path, fences }) =>
  fences.filter(({ language }) => language === "yaml").map((fence) => [`${path}:${fence.line}`, fence] as const),
);
const fencesOf = (language: string) =>
  pages.flatMap(({ path, fences }) =>
    fences.filter((fence) => fence.language === language).map((fence) => [`${path}:${fence.line}`, fence] as const),
  );

describe("configurations of the documentation", () => {
  test("each is of a known kind", () => {
    expect(yaml.filter(([, fence]) => kindOf(fence) === "unknown").map(([where]) => where)).toEqual([]);
  });

  test.each(yaml.filter(([, fence]) => kindOf(fence) === "fairlead"))(
    "%s: fairlead check",
    async (_where, { text }) => {
      // What shows a part of a file says nothing of pods.
      const rest = /^backends:/m.test(text) ? "" : "\nbackends: [{ target: 'ipv4:127.0.0.1:50051' }]\n";
      site.write("checked.yaml", site.here(text + rest));
      expect(await site.run("node_modules/.bin/fairlead check --config checked.yaml")).toContain("nothing is wrong");
    },
  );

  const envoy = findEnvoy();
  if (envoy === null)
    console.warn(
      "skipped: envoy --mode validate of docs/migrate.md: it is not in .ci/tools; to run: bash .ci/install envoy",
    );
  test.skipIf(envoy === null).each(yaml.filter(([, fence]) => kindOf(fence) === "envoy"))(
    "%s: envoy --mode validate",
    async (_where, { text }) => {
      site.write("envoy.yaml", site.here(text));
      const said = await site.run(`${envoy} --mode validate --config-path envoy.yaml 2>&1`);
      expect(said).toContain("OK");
    },
  );

  const validator = toolOrSkip("kubectl-validate", "objects of Kubernetes in the documentation");
  test.skipIf(validator === null)("objects of Kubernetes fit its schemas", () => {
    const objects = yaml
      .filter(([, fence]) => kindOf(fence) === "kubernetes")
      .map(([where, { text }]) => [where, text]);
    expect(objects.length).toBeGreaterThan(0);
    expect(validate(validator!, Object.fromEntries(objects))).toEqual([]);
  });

  const nginx = findProgram("nginx");
  if (nginx === null)
    console.warn("skipped: nginx -t of docs/migrate.md: nginx is not installed; to run: bash .ci/install debian");
  test.skipIf(nginx === null).each(fencesOf("nginx"))("%s: nginx -t", async (_where, { text }) => {
    site.write("nginx.conf", site.here(nginxHere(text)));
    await site.run(`${nginx} -t -e stderr -p ${site.folder} -c nginx.conf`);
  });

  const haproxy = findProgram("haproxy");
  if (haproxy === null)
    console.warn("skipped: haproxy -c of docs/migrate.md: haproxy is not installed; to run: bash .ci/install debian");
  test.skipIf(haproxy === null).each(fencesOf("haproxy"))("%s: haproxy -c", async (_where, { text }) => {
    site.write("haproxy.cfg", site.here(`${text}\n`));
    await site.run(`${haproxy} -c -f haproxy.cfg`);
  });
});

describe("docs/observe.md", () => {
  test("has every metric: type, labels and meaning as a gateway has them", async () => {
    await site.serve("npx fairlead ipv4:127.0.0.1:50051", '"listening"');
    const text = await (await fetch(site.here("http://127.0.0.1:9901/metrics"))).text();
    await site.stop();
    expect(tableOf("metrics")).toEqual(metricRows(text));
  });

  test("has every log line, with its level", () => {
    expect(
      tableOf("events")
        .map((row) => row.split(" | ").slice(0, 2).join(" | "))
        .sort(),
    ).toEqual(eventRows());
  });
});

/** Rows of the table between two comments. */
function tableOf(name: string): string[] {
  const { text } = pageOf("docs/observe.md");
  const between = text.slice(text.indexOf(`<!-- ${name}`), text.indexOf(`<!-- /${name}`));
  return between.split("\n").filter((line) => line.startsWith("| `"));
}
