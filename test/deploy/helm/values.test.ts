import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CHART, helmTemplate, toolOrSkip, type Values } from "../kubernetes/render.ts";

/** What each value of values.yaml does: without this, one that no template reads would go unseen. */

const helm = toolOrSkip("helm", "what each value of the chart does") ?? "";

/** A value, and what the manifests then say: words of one line, or the kind of an object that is gone. */
const rows: readonly (readonly [path: string, value: unknown, line: string, others?: Values])[] = [
  ["image.repository", "registry.example.com/x", "image: registry.example.com/x:0.1.0"],
  ["image.tag", "9.9.9", "image: fairlead:9.9.9"],
  ["image.pullPolicy", "Never", "imagePullPolicy: Never"],
  ["imagePullSecrets", [{ name: "pull" }], "- name: pull"],
  ["backends", [{ name: "a", target: "dns:///a.b:7" }], "- { port: 7, protocol: TCP }"],
  ["routes", [{ name: "r", backendRefs: [{ name: "echo" }] }], "name: r"],
  ["cors", { allowOrigins: ["https://a.example"] }, "- https://a.example"],
  ["limits", { headTimeout: "3s" }, "headTimeout: 3s"],
  ["log", { level: "warn" }, "level: warn"],
  ["maxConnectionAge", "7m", "maxConnectionAge: 7m"],
  ["tls.secretName", "own", "secret: { secretName: own, defaultMode: 288 }"],
  ["tls.clientCa", true, "clientCaFile: /etc/fairlead-tls/ca.crt", { tls: { secretName: "own" } }],
  ["drain.preStopSeconds", 7, "preStop: { sleep: { seconds: 7 } }"],
  ["drain.delaySeconds", 7, "delay: 7s"],
  ["drain.timeoutSeconds", 77, "timeout: 77s"],
  ["drain.marginSeconds", 7, "terminationGracePeriodSeconds: 37"],
  ["listenAddress", "::", "address: '::'"],
  ["ports.rpc", 7777, "- { name: rpc, containerPort: 7777 }"],
  ["ports.admin", 7777, "- { name: admin, containerPort: 7777 }"],
  ["service.annotations", { a: "of-the-service" }, "a: of-the-service"],
  ["loadBalancer.enabled", true, "type: LoadBalancer"],
  ["loadBalancer.port", 7777, "port: 7777", { loadBalancer: { enabled: true } }],
  ["loadBalancer.annotations", { a: "of-the-lb" }, "a: of-the-lb", { loadBalancer: { enabled: true } }],
  ["loadBalancer.class", "inner", "loadBalancerClass: inner", { loadBalancer: { enabled: true } }],
  [
    "loadBalancer.externalTrafficPolicy",
    "Cluster",
    "externalTrafficPolicy: Cluster",
    { loadBalancer: { enabled: true } },
  ],
  ["loadBalancer.sourceRanges", ["10.7.0.0/16"], "- 10.7.0.0/16", { loadBalancer: { enabled: true } }],
  ["replicas", 7, "replicas: 7", { autoscaling: { enabled: false } }],
  ["autoscaling.enabled", false, "no kind: HorizontalPodAutoscaler"],
  ["autoscaling.minReplicas", 7, "minReplicas: 7"],
  ["autoscaling.maxReplicas", 7, "maxReplicas: 7"],
  ["autoscaling.cpuPercent", 77, "target: { type: Utilization, averageUtilization: 77 }"],
  ["autoscaling.outstandingCalls", 777, 'target: { type: AverageValue, averageValue: "777" }'],
  ["autoscaling.scaleDownSeconds", 77, "stabilizationWindowSeconds: 77"],
  ["resources.requests", { cpu: "77m" }, "cpu: 77m"],
  ["resources.limits", { memory: "7Gi" }, "memory: 7Gi"],
  ["heapMiB", 77, "value: --max-old-space-size=77"],
  ["podDisruptionBudget.enabled", false, "no kind: PodDisruptionBudget"],
  ["podDisruptionBudget.maxUnavailable", "7%", "maxUnavailable: 7%"],
  ["topologySpread.enabled", false, "no topologySpreadConstraints:"],
  ["topologySpread.whenUnsatisfiable", "DoNotSchedule", "whenUnsatisfiable: DoNotSchedule"],
  ["networkPolicy.enabled", false, "no kind: NetworkPolicy"],
  ["networkPolicy.from", [{ podSelector: { matchLabels: { may: "call" } } }], "may: call"],
  ["networkPolicy.metricsFrom", [{ podSelector: { matchLabels: { may: "scrape" } } }], "may: scrape"],
  ["networkPolicy.dns", [{ ipBlock: { cidr: "10.7.7.7/32" } }], "cidr: 10.7.7.7/32"],
  ["networkPolicy.egress", [{ to: [{ ipBlock: { cidr: "10.7.0.0/16" } }] }], "cidr: 10.7.0.0/16"],
  ["serviceMonitor.enabled", true, "kind: ServiceMonitor"],
  [
    "serviceMonitor.interval",
    "7s",
    "- { port: admin, path: /metrics, interval: 7s, honorLabels: true }",
    { serviceMonitor: { enabled: true } },
  ],
  ["serviceMonitor.labels", { release: "own" }, "release: own", { serviceMonitor: { enabled: true } }],
  ["nameOverride", "own", "name: own"],
  ["podAnnotations", { a: "of-the-pod" }, "a: of-the-pod"],
  ["podLabels", { team: "own" }, "team: own"],
  ["env", [{ name: "OWN", value: "1" }], "- name: OWN"],
  ["volumes", [{ name: "own", emptyDir: {} }], "- emptyDir: {}"],
  ["volumeMounts", [{ name: "own", mountPath: "/own" }], "- mountPath: /own"],
  ["nodeSelector", { disk: "own" }, "disk: own"],
  ["tolerations", [{ key: "own" }], "- key: own"],
  ["affinity", { nodeAffinity: { own: 1 } }, "own: 1"],
  ["priorityClassName", "own", "priorityClassName: own"],
];

describe.skipIf(helm === "")("values of the chart", () => {
  test("values: each of values.yaml is in the table", () => {
    const listed = rows.map(([path]) => path);
    expect(
      leaves(parse(readFileSync(join(CHART, "values.yaml"), "utf8"))).filter((path) => !listed.includes(path)),
    ).toEqual([]);
  });

  test.each(rows.map((row) => ({ path: row[0], row })))("values: $path reaches the manifests", ({ row }) => {
    const [path, value, line, others = {}] = row;
    const lines = (values: Values) =>
      helmTemplate(helm, values)
        .text.split("\n")
        .map((text) => text.trim());
    const before = lines(others);
    const after = lines(merged(others, path.split("."), value));
    const gone = /^no (.+)$/.exec(line)?.[1];
    if (gone === undefined) {
      expect(before).not.toContain(line);
      expect(after).toContain(line);
    } else {
      expect(before).toContain(gone);
      expect(after).not.toContain(gone);
    }
  });
});

/** Paths of what is no map, or a map without anything in it; requests and limits are Kubernetes' own. */
function leaves(value: object, prefix = ""): string[] {
  return Object.entries(value).flatMap(([name, inner]) => {
    const path = `${prefix}${name}`;
    const map = typeof inner === "object" && inner !== null && !Array.isArray(inner) && Object.keys(inner).length > 0;
    return map && !/^resources\./.test(path) ? leaves(inner, `${path}.`) : [path];
  });
}

function merged(values: Values, [name, ...rest]: readonly string[], value: unknown): Values {
  return { ...values, [name]: rest.length === 0 ? value : merged((values[name] ?? {}) as Values, rest, value) };
}
