import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../../e2e/support/runtimes.ts";
import { oneFile } from "../one-file.ts";
import { checkConfig } from "./config-check.ts";
import { parseObjects } from "./objects.ts";
import { promises, read } from "./promises.ts";
import { kustomize, type Rendered, toolOrSkip, validate } from "./render.ts";

const program = toolOrSkip("kustomize", "the kustomize base and overlays");
const validator = toolOrSkip("kubectl-validate", "manifests against Kubernetes' schemas");

const file = readFileSync(join(ROOT, "deploy/kubernetes.yaml"), "utf8");
const FOLDERS = [
  "deploy/kubernetes/base",
  "deploy/kubernetes/overlays/public",
  "deploy/kubernetes/overlays/production",
  "deploy/example",
];
const renderings: Record<string, Rendered> = { "deploy/kubernetes.yaml": { text: file, objects: parseObjects(file) } };
if (program !== null) for (const folder of FOLDERS) renderings[folder] = kustomize(program, folder);

describe.each(Object.entries(renderings))("%s", (_name, { objects }) => {
  test.each(Object.entries(promises))("manifests: %s", (_promise, holds) => holds(read(objects)));

  test("manifests: fairlead check finds nothing wrong with the configuration", () => {
    expect(checkConfig(read(objects).configText)).toMatchObject({ ok: true });
  });
});

test("deploy/kubernetes.yaml is what npm run deploy:file prints from the base", () => {
  expect(file).toBe(oneFile());
});

test.skipIf(validator === null)("manifests: each fits Kubernetes' schema, and what does not is found", () => {
  const texts = Object.fromEntries(Object.entries(renderings).map(([name, { text }]) => [name, text]));
  expect(validate(validator!, texts)).toEqual([]);
  expect(validate(validator!, { wrong: file.replaceAll("clusterIP: None", "clusterIq: None") }).join()).toContain(
    "clusterIq",
  );
});

describe.skipIf(program === null)("overlays", () => {
  const of = (folder: string) => read(renderings[folder].objects);

  test("base: a changed configuration has another name, so that it makes new pods", () => {
    const names = ["deploy/kubernetes/base", "deploy/kubernetes/overlays/public"].map(
      (folder) =>
        of(folder).deployment.spec.template.spec.volumes.find(({ name }) => name === "config")?.configMap?.name,
    );
    expect(names[0]).toMatch(/^fairlead-\w+$/);
    expect(names[1]).not.toBe(names[0]);
  });

  test("public: there is a load balancer; in the base there is none", () => {
    expect(of("deploy/kubernetes/base").loadBalancer).toBe(undefined);
    expect(of("deploy/kubernetes/overlays/public").loadBalancer).toBeDefined();
  });

  test("production: TLS at port 443, outstanding calls as a metric, Prometheus", () => {
    const { loadBalancer, autoscaler, monitor, configText } = of("deploy/kubernetes/overlays/production");
    expect(loadBalancer?.spec.ports[0].port).toBe(443);
    expect(configText).toContain("certFile");
    expect(autoscaler?.metrics.map(({ type }) => type)).toEqual(["Resource", "Pods"]);
    expect(monitor).toBeDefined();
  });

  test("production: a pod that ends stays until a load balancer that probes nodes has noticed", () => {
    const { loadBalancer, container } = of("deploy/kubernetes/overlays/production");
    expect(loadBalancer?.spec).toMatchObject({ externalTrafficPolicy: "Local" });
    expect(container.lifecycle?.preStop.sleep.seconds).toBeGreaterThanOrEqual(30);
  });

  test("the rule of prometheus-adapter makes the metric that the autoscaler asks for", () => {
    const rule = readFileSync(join(ROOT, "deploy/kubernetes/prometheus-adapter.yaml"), "utf8");
    const { autoscaler } = of("deploy/kubernetes/overlays/production");
    expect(rule).toContain(`seriesQuery: '${autoscaler?.metrics[1].pods?.metric.name}{`);
  });
});
