import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { nodeProgram } from "../../e2e/support/runtimes.ts";
import { createStage } from "../../scenarios/support/stage.ts";
import { type Container, type KubernetesObject, type Labels, selects } from "../kubernetes/objects.ts";
import { read } from "../kubernetes/promises.ts";
import { CHART, helmTemplate, toolOrSkip, type Values } from "../kubernetes/render.ts";
import { valueMatrix } from "./matrix.ts";

/** What helm does and says when the chart has been installed. */

const helm = toolOrSkip("helm", "helm test and NOTES.txt of the chart") ?? "";
const matrix = helm === "" ? [] : valueMatrix();
const stage = createStage();

type TestPod = KubernetesObject & { readonly spec: { readonly containers: readonly Container[] } };
const testPod = (objects: readonly KubernetesObject[]) => objects.find(({ kind }) => kind === "Pod") as TestPod;

describe.skipIf(helm === "")("helm test", () => {
  test("helm test: whatever the values, its pod has the gateway's rights and image, and no selector takes it for one", () => {
    for (const { name, values } of matrix) {
      const { objects } = helmTemplate(helm, values);
      const manifests = read(objects);
      const { metadata, spec } = testPod(objects);
      const [container] = spec.containers;
      const { fsGroup: _none, ...rights } = manifests.deployment.spec.template.spec.securityContext;
      expect(spec, name).toMatchObject({ restartPolicy: "Never", automountServiceAccountToken: false });
      expect(spec, name).toHaveProperty("securityContext", rights);
      expect(container.securityContext, name).toEqual(manifests.container.securityContext);
      expect(container.image, name).toBe(manifests.container.image);
      expect(metadata, name).toHaveProperty("annotations", expect.objectContaining({ "helm.sh/hook": "test" }));
      const selectors: Labels[] = [manifests.deployment.spec.selector.matchLabels, manifests.headless.spec.selector];
      for (const selector of selectors) expect(selects(selector, metadata.labels), name).toBe(false);
      expect(container.command?.slice(-2), name).toEqual([
        manifests.headless.metadata.name,
        String(manifests.headless.spec.ports.find((port) => port.name === "rpc")?.port),
      ]);
    }
  });

  test("helm test: it passes when something listens, and fails with the reason when nothing does", async () => {
    const [, ...command] = testPod(helmTemplate(helm, {}).objects).spec.containers[0].command ?? [];
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const ask = async () => {
      const args = [...command.slice(0, -2), "127.0.0.1", String(port)];
      const child = spawn(nodeProgram(), args, { stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
      const [code] = await once(child, "close");
      return { code, said };
    };
    expect(await ask()).toEqual({ code: 0, said: `127.0.0.1:${port}: 127.0.0.1 takes connections\n` });
    await new Promise((resolve) => server.close(resolve));
    expect(await ask()).toMatchObject({ code: 1, said: expect.stringContaining("ECONNREFUSED") });
  });
});

describe.skipIf(helm === "")("NOTES.txt", () => {
  /** helm renders them in a cluster only: here they are the data of an object. */
  const notesOf = (values: Values): { readonly notes: string; readonly objects: readonly KubernetesObject[] } => {
    const folder = stage.add(mkdtempSync(join(tmpdir(), "fairlead-notes-")), (path) =>
      rmSync(path, { recursive: true, force: true }),
    );
    const chart = join(folder, "fairlead");
    cpSync(CHART, chart, { recursive: true });
    cpSync(join(CHART, "templates/NOTES.txt"), join(chart, "notes.txt"));
    const object =
      'kind: Notes\nmetadata: { name: notes }\ndata: { notes: {{ tpl (.Files.Get "notes.txt") . | quote }} }\n';
    writeFileSync(join(chart, "templates/notes.yaml"), object);
    const { objects } = helmTemplate(helm, values, "fairlead", chart);
    return { objects, notes: objects.find(({ kind }) => kind === "Notes")?.data?.notes ?? "" };
  };

  test("NOTES.txt: the objects that its commands name are there", () => {
    for (const { name, values } of matrix) {
      const { notes, objects } = notesOf(values);
      const { deployment, headless, loadBalancer, config } = read(objects);
      expect(notes, name).toContain(`rollout status deployment/${deployment.metadata.name}\n`);
      expect(notes, name).toContain(`port-forward deployment/${deployment.metadata.name} ${config.admin.port}\n`);
      expect(notes, name).toContain(
        `dns:///${headless.metadata.name}.default.svc.cluster.local:${config.listeners[0].port} `,
      );
      expect(notes.includes("get service "), name).toBe(loadBalancer !== undefined);
      if (loadBalancer !== undefined) expect(notes, name).toContain(`get service ${loadBalancer.metadata.name}\n`);
      expect(notes, name).toContain(config.listeners[0].tls === undefined ? "in plaintext" : "with TLS");
      for (const { target } of config.backends) expect(notes, name).toContain(target);
    }
  });
});

test("chart: its page names every value of values.yaml at the top level", () => {
  const page = readFileSync(join(CHART, "README.md"), "utf8");
  const values = readFileSync(join(CHART, "values.yaml"), "utf8");
  const names = [...values.matchAll(/^(\w+):/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !new RegExp(`\`${name}[\`.]`).test(page))).toEqual([]);
});
