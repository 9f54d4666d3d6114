import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescMessage } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import {
  BackendSchema,
  CorsSchema,
  LimitsSchema,
  ListenerSchema,
  LogSchema,
  RouteSchema,
} from "../../../src/gen/fairlead/config/v1/config_pb.ts";
import { ROOT } from "../../e2e/support/runtimes.ts";
import { checkConfig, problemsOf } from "../kubernetes/config-check.ts";
import type { KubernetesObject } from "../kubernetes/objects.ts";
import { parseObjects } from "../kubernetes/objects.ts";
import { promises, read } from "../kubernetes/promises.ts";
import { CHART, helmLint, helmTemplate, type Rendered, toolOrSkip, validate } from "../kubernetes/render.ts";
import { valueMatrix } from "./matrix.ts";

const helm = toolOrSkip("helm", "the chart") ?? "";
const validator = toolOrSkip("kubectl-validate", "the chart's manifests against Kubernetes' schemas");
const matrix = helm === "" ? [] : valueMatrix();
const renderings = new Map<string, Rendered>(matrix.map(({ name, values }) => [name, helmTemplate(helm, values)]));

describe.skipIf(helm === "")("the chart", () => {
  test.each(Object.entries(promises))("chart: whatever its values, %s", (_promise, holds) => {
    for (const [name, { objects }] of renderings) {
      const manifests = read(objects);
      // Less memory for bodies or more ports: each is judged by its own configuration. `name` is told when it fails.
      expect(() => holds(manifests), name).not.toThrow();
    }
  });

  test("chart: fairlead check finds nothing wrong with what any of the values make", async () => {
    // Each by what the command calls, and the longest by the command itself, which takes a second to start.
    const texts = [...renderings].map(([name, { objects }]) => ({ name, text: read(objects).configText }));
    for (const { name, text } of texts) expect(await problemsOf(text), name).toEqual([]);
    const longest = texts.toSorted((one, other) => other.text.length - one.text.length)[0];
    expect(checkConfig(longest.text)).toMatchObject({ ok: true });
  });

  test("chart: helm lint has nothing to say about any of the values", () => {
    for (const { values } of matrix) expect(helmLint(helm, values)).toContain("0 chart(s) failed");
  });

  test.skipIf(validator === null)("chart: each rendering fits Kubernetes' schemas", () => {
    const texts = Object.fromEntries([...renderings].map(([name, { text }]) => [name, text]));
    expect(validate(validator!, texts)).toEqual([]);
  });

  test("chart: with its defaults it makes what the kustomize base has, but for Helm's own labels", () => {
    const plain = parseObjects(readFileSync(join(ROOT, "deploy/kubernetes.yaml"), "utf8"));
    // The pod of helm test is Helm's own.
    const made = renderings.get("defaults")?.objects.filter(({ kind }) => kind !== "Pod") ?? [];
    expect(comparable(made)).toEqual(comparable(plain));
  });

  test("chart: a change of the configuration makes new pods, and one that the gateway does not read makes none", () => {
    const checksum = (values: object) => {
      const { deployment } = read(helmTemplate(helm, values as Record<string, unknown>).objects);
      return deployment.spec.template.metadata.annotations?.["checksum/config"];
    };
    expect(checksum({})).toMatch(/^[0-9a-f]{64}$/);
    expect(checksum({ log: { level: "debug" } })).not.toBe(checksum({}));
    expect(checksum({ autoscaling: { maxReplicas: 5 } })).toBe(checksum({}));
  });

  test("chart: what it says of the listener is what the gateway reads", () => {
    const { config } = read(helmTemplate(helm, { maxConnectionAge: "30m", cors: { allowOrigins: ["*"] } }).objects);
    expect(config.listeners[0]).toMatchObject({ maxConnectionAge: "30m", cors: { allowOrigins: ["*"] } });
    // A field of listeners that is not among these cannot be said in values.yaml yet.
    const said = ["name", "address", "port", "tls", "cors", "maxConnectionAge"];
    expect(ListenerSchema.fields.map(({ jsonName }) => jsonName)).toEqual(said);
  });

  test.each([
    ["dns:///cart:1", [1]],
    ["dns:///cart.shop:1", [1]],
    ["dns:///cart.shop.svc:1", [1]],
    ["dns:///cart.shop.svc.corp.example:1", [1]],
    ["dns:///rpc.shop.example.com:1", "everywhere"],
    ["dns:///10.0.0.1:1", "everywhere"],
    ["dns:///cart.shop", "everywhere"],
    ["dns://10.96.0.10/cart.shop:1", "everywhere"],
    ["ipv4:10.0.0.1:1", "everywhere"],
  ])("chart: the NetworkPolicy lets out to %s", (target, ports) => {
    const { policy } = read(helmTemplate(helm, { backends: [{ name: "a", target }] }).objects);
    const [, out] = policy?.egress ?? [];
    expect(out?.ports?.map(({ port }) => port) ?? "everywhere").toEqual(ports);
    expect(out?.to).toEqual(ports === "everywhere" ? undefined : [{ namespaceSelector: {} }]);
  });

  test("chart: two releases in a namespace have nothing in common", () => {
    const names = (release: string) =>
      helmTemplate(helm, {}, release).objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    const one = names("one");
    expect(one).toContain("Deployment one-fairlead");
    expect(names("two").filter((name) => one.includes(name))).toEqual([]);
  });

  test("chart: the longest name of a release makes names that Kubernetes takes", () => {
    // Helm takes 53 characters for a release; a Service may have 63.
    const { objects } = helmTemplate(helm, { loadBalancer: { enabled: true } }, `r${"-2".repeat(26)}`);
    const names = objects.map(({ metadata }) => metadata.name);
    for (const name of names) expect(name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
    expect(Math.max(...names.map((name) => name.length))).toBe(63);
  });

  test("chart: every value of values.yaml is in the schema, and the schema lets no other in", () => {
    const values = parse(readFileSync(join(CHART, "values.yaml"), "utf8"));
    const schema = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8"));
    expect(Object.keys(values).filter((name) => !(name in schema.properties))).toEqual([]);
    expect(schema.additionalProperties).toBe(false);
  });

  test("chart: the schema knows every field of the configuration that values.yaml has, and no other", () => {
    const schema = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8")) as SchemaNode;
    const { backends, routes, cors, limits, log } = schema.properties ?? {};
    for (const [message, node] of [
      [BackendSchema, backends?.items],
      [RouteSchema, routes?.items],
      [CorsSchema, cors],
      [LimitsSchema, limits],
      [LogSchema, log],
    ] as const)
      compare(message, node);
  });

  test.each([
    ["a mistyped field", { autoscalng: { enabled: true } }, "autoscalng"],
    ["a mistyped field of a backend", { backends: [{ name: "a", target: "dns:///a:1", polcy: "p2c" }] }, "polcy"],
    ["a mistyped field of the resources", { resources: { request: { cpu: "1" } } }, "request"],
    ["a time without a unit", { maxConnectionAge: "30" }, "maxConnectionAge"],
    ["an unknown policy", { backends: [{ name: "a", target: "dns:///a:1", policy: "best" }] }, "policy"],
    ["no backend", { backends: [] }, "backends"],
    ["a port that needs root", { ports: { rpc: 443 } }, "rpc"],
    ["a number of seconds that is a text", { drain: { delaySeconds: "5s" } }, "delaySeconds"],
    ["a route to a backend that is not there", { routes: [{ backendRefs: [{ name: "ehco" }] }] }, 'the backend "ehco"'],
    [
      "two backends of a name",
      {
        backends: [
          { name: "a", target: "dns:///a:1" },
          { name: "a", target: "dns:///b:1" },
        ],
      },
      '"a" stands twice',
    ],
    // Plaintext would be the other way to understand it, and then everybody may call.
    ["client certificates without TLS", { tls: { clientCa: true } }, "tls.clientCa needs tls.secretName"],
    ["one port for two things", { ports: { rpc: 9901 } }, "ports.rpc and ports.admin are both 9901"],
    [
      "more replicas at least than at most",
      { autoscaling: { minReplicas: 20 } },
      "is more than autoscaling.maxReplicas",
    ],
    [
      "a share of a request that is not there",
      { resources: { requests: { cpu: null } } },
      "autoscaling needs resources.requests.cpu",
    ],
    [
      "a CPU that no process reaches",
      { resources: { requests: { cpu: "1" } } },
      "120, of resources.requests.cpu, 1, are 1200m",
    ],
    ["a heap that does not fit into the limit", { heapMiB: 512 }, "640Mi, has no room for heapMiB, 512"],
    [
      "bodies that do not fit into the limit",
      { limits: { maxBufferedBytes: 2 ** 30 }, resources: { limits: { memory: "1Gi" } } },
      "1Gi, has no room",
    ],
    [
      "a label of the selector for pods",
      { podLabels: { "app.kubernetes.io/name": "other" } },
      "app.kubernetes.io/name",
    ],
    ["a name that no Service may have", { nameOverride: "Edge_1" }, "nameOverride"],
  ])("chart: %s is refused, by name", (_what, values, message) => {
    expect(() => helmTemplate(helm, values)).toThrow(message);
  });
});

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: boolean;
}

/** The names of a message's fields are those of the node, and so on within. */
function compare(message: DescMessage, node: SchemaNode | undefined): void {
  expect(Object.keys(node?.properties ?? {}).sort(), message.typeName).toEqual(
    message.fields.map(({ jsonName }) => jsonName).sort(),
  );
  expect(node?.additionalProperties, message.typeName).toBe(false);
  for (const { jsonName, message: inner } of message.fields) {
    const child = node?.properties?.[jsonName];
    if (inner !== undefined) compare(inner, child?.items ?? child);
  }
}

/** Objects by kind and name, without what Helm and kustomize add on their own. */
function comparable(objects: readonly KubernetesObject[]): Record<string, unknown> {
  return Object.fromEntries(
    objects.map((object) => {
      const copy = structuredClone(object) as KubernetesObject & {
        metadata: { labels: Record<string, string> };
        spec?: { template?: { metadata: { annotations?: unknown } } };
      };
      for (const label of ["helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"])
        delete copy.metadata.labels[label];
      delete copy.spec?.template?.metadata.annotations;
      if (copy.data !== undefined) (copy as { data: unknown }).data = parse(copy.data["fairlead.yaml"]);
      return [`${object.kind} ${object.metadata.name}`, copy];
    }),
  );
}
