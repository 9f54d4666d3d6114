import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { parse } from "yaml";
import { createMetrics } from "../../../src/admin/metrics.ts";
import { parseDuration } from "../../../src/config/duration.ts";
import { createFakeView, fakeProcess } from "../../admin/fake-view.ts";
import { ROOT } from "../../e2e/support/runtimes.ts";
import { startOf } from "../container/containerfile.ts";
import { readContainerfile } from "../container/images.ts";
import {
  type AutoscalerSpec,
  bytesOf,
  type Container,
  type DeploymentSpec,
  type DisruptionSpec,
  type KubernetesObject,
  type NetworkPolicySpec,
  type ServiceMonitorSpec,
  type ServiceSpec,
  selects,
} from "./objects.ts";

/** The manifests of one gateway, looked up. */
export interface Manifests {
  readonly deployment: KubernetesObject & { readonly spec: DeploymentSpec };
  readonly container: Container;
  readonly config: FairleadYaml;
  readonly configText: string;
  readonly headless: Service;
  readonly loadBalancer: Service | undefined;
  readonly autoscaler: AutoscalerSpec | undefined;
  readonly disruption: DisruptionSpec | undefined;
  readonly policy: NetworkPolicySpec | undefined;
  readonly monitor: ServiceMonitorSpec | undefined;
}
type Service = KubernetesObject & { readonly spec: ServiceSpec };

interface FairleadYaml {
  readonly listeners: readonly { readonly port: number; readonly address: string; readonly tls?: object }[];
  readonly admin: { readonly port: number; readonly address: string };
  readonly drain: { readonly delay: string; readonly timeout: string };
  readonly backends: readonly { readonly target: string }[];
  readonly limits?: { readonly maxBufferedBytes?: number };
}

/** @throws Error when there is no Deployment that runs Fairlead, or it has no configuration */
export function read(objects: readonly KubernetesObject[]): Manifests {
  const all = <S>(kind: string) =>
    objects.filter((object): object is KubernetesObject & { readonly spec: S } => object.kind === kind);
  const deployment = all<DeploymentSpec>("Deployment").find(({ metadata }) => metadata.name.includes("fairlead"));
  if (deployment === undefined) throw new Error("there is no Deployment of fairlead");
  const { labels } = deployment.spec.template.metadata;
  const [container] = deployment.spec.template.spec.containers;
  const volume = deployment.spec.template.spec.volumes.find(({ name }) => name === "config");
  const map = objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === volume?.configMap?.name);
  const configText = map?.data?.["fairlead.yaml"];
  if (configText === undefined) throw new Error("the configuration that the Deployment mounts is not there");
  const services = all<ServiceSpec>("Service").filter(({ spec }) => selects(spec.selector, labels));
  const headless = services.find(({ spec }) => spec.clusterIP === "None");
  if (headless === undefined) throw new Error("there is no headless Service for the gateway");
  return {
    deployment,
    container,
    config: parse(configText) as FairleadYaml,
    configText,
    headless,
    loadBalancer: services.find(({ spec }) => spec.type === "LoadBalancer"),
    autoscaler: all<AutoscalerSpec>("HorizontalPodAutoscaler")[0]?.spec,
    disruption: all<DisruptionSpec>("PodDisruptionBudget")[0]?.spec,
    policy: all<NetworkPolicySpec>("NetworkPolicy")[0]?.spec,
    monitor: all<ServiceMonitorSpec>("ServiceMonitor")[0]?.spec,
  };
}

const port = (container: Container, name: string) =>
  container.ports.find((named) => named.name === name)?.containerPort;

/** What every rendering must hold, each by its name. What is switched off is not asked for. */
export const promises: Readonly<Record<string, (manifests: Manifests) => void>> = {
  "the ports of the configuration are those that the container names, on every address": ({ container, config }) => {
    expect([config.listeners[0].port, config.admin.port]).toEqual([port(container, "rpc"), port(container, "admin")]);
    expect([config.listeners[0].address, config.admin.address]).toEqual(["0.0.0.0", "0.0.0.0"]);
    expect(container.args).toEqual(["--config", "/etc/fairlead/fairlead.yaml"]);
    expect(container.volumeMounts).toContainEqual(
      expect.objectContaining({ name: "config", mountPath: "/etc/fairlead" }),
    );
  },

  "Kubernetes kills later than preStop, drain delay and drain timeout together": ({
    deployment,
    container,
    config,
  }) => {
    const preStop = container.lifecycle?.preStop.sleep.seconds ?? 0;
    const seconds = (text: string) => Number(parseDuration(text)) / 1000;
    const drained = preStop + seconds(config.drain.delay) + seconds(config.drain.timeout);
    expect(drained).toBeGreaterThan(0);
    expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(drained);
  },

  "probes: life by /livez, so that a drain is not killed; readiness by /readyz": ({ container }) => {
    expect(container.startupProbe.httpGet).toEqual({ path: "/livez", port: "admin" });
    expect(container.livenessProbe.httpGet).toEqual({ path: "/livez", port: "admin" });
    expect(container.readinessProbe.httpGet).toEqual({ path: "/readyz", port: "admin" });
  },

  "rights: the image's own user, a read-only root, no capabilities, no token": ({ deployment, container }) => {
    const { spec } = deployment.spec.template;
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: startOf(readContainerfile("node")).uid,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container.securityContext).toEqual({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
  },

  "every file that the configuration names is mounted read-only, where the image's user may read it": (manifests) => {
    const { deployment, container, config } = manifests;
    const { securityContext, volumes } = deployment.spec.template.spec;
    for (const file of pathsIn(config)) {
      const mount = container.volumeMounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
      expect(mount, file).toMatchObject({ readOnly: true });
      const volume = volumes.find(({ name }) => name === mount?.name);
      expect(volume?.secret?.secretName, file).toBeTypeOf("string");
      // Secrets belong to root: it is the group that may read them, and nobody else.
      expect(volume?.secret?.defaultMode, file).toBe(0o440);
      expect(securityContext.fsGroup, file).toBe(securityContext.runAsGroup);
    }
  },

  "nodes can be drained: a gateway may be missing, and those that are not ready do not count": ({ disruption }) => {
    if (disruption === undefined) return;
    expect(disruption).toMatchObject({ unhealthyPodEvictionPolicy: "AlwaysAllow" });
    expect(Number.parseInt(String(disruption.maxUnavailable), 10)).toBeGreaterThan(0);
  },

  "a rollout takes no pod away before its successor is ready": ({ deployment }) => {
    expect(deployment.spec.strategy.rollingUpdate.maxUnavailable).toBe(0);
  },

  "every selector takes the gateway's pods": ({ deployment, disruption, policy }) => {
    const { labels } = deployment.spec.template.metadata;
    expect(selects(deployment.spec.selector.matchLabels, labels)).toBe(true);
    if (disruption !== undefined) expect(selects(disruption.selector.matchLabels, labels)).toBe(true);
    if (policy !== undefined) expect(selects(policy.podSelector.matchLabels, labels)).toBe(true);
    for (const { labelSelector } of deployment.spec.template.spec.topologySpreadConstraints ?? [])
      expect(selects(labelSelector.matchLabels, labels)).toBe(true);
  },

  "pods are spread over zones and nodes": ({ deployment }) => {
    const constraints = deployment.spec.template.spec.topologySpreadConstraints;
    if (constraints === undefined) return;
    expect(constraints.map(({ topologyKey }) => topologyKey)).toEqual([
      "topology.kubernetes.io/zone",
      "kubernetes.io/hostname",
    ]);
    // Else the pods of before a rollout decide where those of after it go, and what is left is uneven.
    for (const { matchLabelKeys } of constraints) expect(matchLabelKeys).toEqual(["pod-template-hash"]);
  },

  "Services: headless for clients inside; a load balancer has the calls' port and never the admin's": (manifests) => {
    const { headless, loadBalancer, container, config } = manifests;
    const rpc = headless.spec.ports.find(({ name }) => name === "rpc");
    expect(rpc?.port).toBe(port(container, "rpc"));
    expect(rpc?.appProtocol).toBe(config.listeners[0].tls === undefined ? "kubernetes.io/h2c" : "https");
    for (const service of [headless, loadBalancer])
      for (const { targetPort } of service?.spec.ports ?? []) expect(port(container, targetPort)).toBeTypeOf("number");
    if (loadBalancer !== undefined)
      expect(loadBalancer.spec.ports.map(({ targetPort }) => targetPort)).toEqual(["rpc"]);
  },

  "the autoscaler is of this Deployment, which leaves its replicas to it; its metrics exist": (manifests) => {
    const { autoscaler, deployment, container } = manifests;
    if (autoscaler === undefined) {
      expect(deployment.spec.replicas).toBeTypeOf("number");
      return;
    }
    expect(deployment.spec.replicas).toBe(undefined);
    expect(autoscaler.scaleTargetRef).toMatchObject({ kind: "Deployment", name: deployment.metadata.name });
    expect(autoscaler.minReplicas).toBeGreaterThan(1);
    expect(autoscaler.maxReplicas).toBeGreaterThanOrEqual(autoscaler.minReplicas);
    expect(autoscaler.metrics.some(({ resource }) => resource?.name === "cpu")).toBe(true);
    // docs/scaling.md: a gateway is to be joined by another at 60% of a core, and can use no more than one.
    const percent = autoscaler.metrics.find(({ resource }) => resource !== undefined)?.resource?.target;
    const request = Number(/^(\d+)m$/.exec(container.resources.requests.cpu)?.[1]);
    expect((request * (percent?.averageUtilization ?? 0)) / 100).toBe(600);
    const known = createMetrics(createFakeView(), fakeProcess).getMetricsAsArray();
    const names = known.map(({ name }) => name);
    for (const { pods } of autoscaler.metrics) if (pods !== undefined) expect(names).toContain(pods.metric.name);
  },

  "the memory is that of the benchmarks: asked for as loaded, limited above heap and bodies together": (manifests) => {
    const { container, config } = manifests;
    const { rssIdleBytes, rssLoadedBytes } = measured();
    expect(bytesOf(container.resources.requests.memory)).toBeGreaterThan(rssLoadedBytes);
    // Whichever runtime the image is on.
    const [heap, other] = ["NODE_OPTIONS", "DENO_V8_FLAGS"].map((variable) => {
      const options = container.env?.find(({ name }) => name === variable)?.value ?? "";
      return Number(/--max-old-space-size=(\d+)/.exec(options)?.[1]) * 2 ** 20;
    });
    expect(heap).toBe(other);
    const bodies = config.limits?.maxBufferedBytes ?? 268_435_456;
    expect(bytesOf(container.resources.limits.memory)).toBeGreaterThan(rssIdleBytes + heap + bodies);
    // Throttling would show as latency.
    expect(container.resources.limits.cpu).toBe(undefined);
  },

  "the network policy lets in calls, and lets out DNS and the ports of all targets": ({ policy, config }) => {
    if (policy === undefined) return;
    expect(policy.policyTypes).toEqual(["Ingress", "Egress"]);
    expect(policy.ingress.some(({ ports }) => ports.some(({ port }) => port === "rpc"))).toBe(true);
    // Not everyone may read the state.
    for (const { ports, from } of policy.ingress)
      if (ports.some(({ port }) => port === "admin")) expect(from?.length).toBeGreaterThan(0);
    // The cluster's own, and NodeLocal DNSCache.
    const [dns] = policy.egress;
    expect(dns.ports?.map(({ port }) => port)).toEqual([53, 53]);
    expect(dns.to).toEqual([
      { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } },
      { ipBlock: { cidr: "169.254.0.0/16" } },
    ]);
    const everywhere = policy.egress.some(({ ports }) => ports === undefined);
    const out = policy.egress.flatMap(({ ports = [] }) => ports.map(({ port, protocol }) => `${port}/${protocol}`));
    expect(out).toEqual(expect.arrayContaining(["53/UDP", "53/TCP"]));
    for (const { target } of config.backends)
      if (!everywhere) expect(out).toContain(`${/:(\d+)$/.exec(target)?.[1]}/TCP`);
  },

  "Prometheus scrapes each gateway once, where /metrics is": ({ monitor, headless, loadBalancer }) => {
    if (monitor === undefined) return;
    expect(selects(monitor.selector.matchLabels, headless.metadata.labels)).toBe(true);
    expect(selects(monitor.selector.matchLabels, loadBalancer?.metadata.labels)).toBe(false);
    expect(monitor.endpoints).toMatchObject([{ port: "admin", path: "/metrics" }]);
    expect(headless.spec.ports.some(({ name }) => name === "admin")).toBe(true);
    // Else ours of the same names come to be called `exported_...`, and the expressions of docs/observe.md see none of them.
    const metrics = createMetrics(createFakeView(), fakeProcess).getMetricsAsArray() as readonly MetricLabels[];
    const clash = metrics.some(({ labelNames = [] }) => labelNames.some((label) => OPERATOR_LABELS.includes(label)));
    expect(monitor.endpoints[0].honorLabels).toBe(clash ? true : undefined);
  },
};

/** Labels that the Prometheus operator gives every target of a ServiceMonitor. */
const OPERATOR_LABELS = ["namespace", "service", "pod", "container", "endpoint", "node", "job", "instance"];
interface MetricLabels {
  readonly labelNames?: readonly string[];
}

/** Every absolute path within. */
function pathsIn(value: unknown): string[] {
  if (typeof value === "string") return value.startsWith("/") ? [value] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(pathsIn) : [];
}

/** What the last run of `npm run bench` measured of this gateway. */
function measured(): { readonly rssIdleBytes: number; readonly rssLoadedBytes: number } {
  const results = JSON.parse(readFileSync(join(ROOT, "docs/benchmarks/results.json"), "utf8"));
  const peer = results.peers.find(({ key }: { key: string }) => key === "fairlead");
  return find(peer, "rssLoadedBytes") as { rssIdleBytes: number; rssLoadedBytes: number };
}

/** The object somewhere within that has the field. */
function find(value: unknown, field: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (field in value) return value;
  for (const inner of Object.values(value)) {
    const found = find(inner, field);
    if (found !== undefined) return found;
  }
  return undefined;
}
