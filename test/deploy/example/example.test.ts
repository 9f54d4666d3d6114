import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type Child, startChild } from "../../e2e/support/child.ts";
import { nodeProgram, ROOT } from "../../e2e/support/runtimes.ts";
import { createStage } from "../../scenarios/support/stage.ts";
import { type DeploymentSpec, parseObjects } from "../kubernetes/objects.ts";
import { buildPackage, filesOf, type Package } from "../support/package.ts";

const stage = createStage();
let image: Package;

beforeAll(() => {
  image = buildPackage();
  const { configMapGenerator } = parse(readFileSync(join(ROOT, "deploy/example/kustomization.yaml"), "utf8"));
  const names: string[] = configMapGenerator.find(({ name }: { name: string }) => name === "example").files;
  const all = filesOf("deploy/example");
  image.mountConfigMap("example", Object.fromEntries(names.map((name) => [name, all[name]])));
}, 60_000);
afterAll(() => image.remove());

/** The command of a Deployment of the example, in the folder that stands for the image's. */
function commandOf(file: string): string[] {
  const objects = parseObjects(readFileSync(join(ROOT, "deploy/example", file), "utf8"));
  const { spec } = objects.find(({ kind }) => kind === "Deployment") as { spec?: unknown };
  const [{ command = [] }] = (spec as DeploymentSpec).template.spec.containers;
  expect(command[0]).toBe("node");
  return command.slice(1).map((word) => word.replace(/^\/app\//, `${image.app}/`));
}

async function start(name: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = stage.add(startChild(name, nodeProgram(), args, env), (one: Child) => one.stop());
  return { child, listening: await child.report(({ event }) => event === "listening") };
}

test("example: its pods, its page and the gateway run as the manifests say, and the page reaches every pod", async () => {
  const pods = await Promise.all(
    ["echo-a", "echo-b", "echo-c"].map((pod) =>
      start(pod, [...commandOf("pods.yaml"), "127.0.0.1:0"], { POD_NAME: pod }),
    ),
  );
  const target = `ipv4:${pods.map(({ listening }) => `127.0.0.1:${listening.port}`).join(",")}`;
  const config = parse(readFileSync(join(ROOT, "deploy/example/fairlead.yaml"), "utf8"));
  const [origin] = config.listeners[0].cors.allowOrigins;
  const gateway = await start("gateway", [
    join(image.app, "dist/main.js"),
    ...["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--drain-delay", "0s", "--cors-origin", origin, target],
  ]);
  const page = await start("page", [...commandOf("page.yaml"), "127.0.0.1:0"]);

  const url = `http://127.0.0.1:${page.listening.port}`;
  const html = await (await fetch(url)).text();
  expect(html).toContain('from "./call.js"');
  expect((await fetch(`${url}/other`)).status).toBe(404);
  // The very script that the page is given, which has no other imports; a browser would run it as it is.
  const script = await (await fetch(`${url}/call.js`)).text();
  writeFileSync(join(image.app, "call.mjs"), script);
  const { tally } = await import(pathToFileURL(join(image.app, "call.mjs")).href);
  const counts = await tally(`http://127.0.0.1:${gateway.listening.port}`, 30);
  expect(Object.keys(counts).sort()).toEqual(["echo-a", "echo-b", "echo-c"]);
  expect(Object.values<number>(counts).reduce((sum, count) => sum + count)).toBe(30);
});

test("example: a pod that is told to stop finishes its calls and ends with 0", async () => {
  const { child } = await start("pod", [...commandOf("pods.yaml"), "127.0.0.1:0"]);
  expect(await child.stop()).toEqual({ code: 0, signal: null });
});
