import type { Values } from "../kubernetes/render.ts";

const echo = { name: "echo", target: "dns:///echo.default.svc.cluster.local:50051" };

const routes = [
  {
    name: "cart",
    hostnames: ["*.example.com"],
    matches: [
      {
        method: { type: "RegularExpression", service: "shop\\.v1\\..*" },
        headers: [{ name: "x-tester", value: "yes" }],
      },
    ],
    backendRefs: [
      { name: "cart", weight: 95 },
      { name: "cart-next", weight: 5 },
    ],
    connectGet: ["shop.v1.CatalogService/*"],
    requireConnectProtocolVersion: true,
    cors: { allowOrigins: ["https://shop.example.com"], maxAge: "10m" },
  },
  { name: "all-else", backendRefs: [{ name: "echo" }] },
];
const backends = [
  echo,
  {
    name: "cart",
    target: "dns:///cart.shop:50051",
    maxTimeout: "30s",
    dns: { period: "2s" },
    maxMessageBytes: 16777216,
  },
  { name: "cart-next", target: "dns:///cart-next.shop:8443", tls: { serverName: "cart" }, policy: "round_robin" },
];

/** One dimension each: what may be said in values.yaml, in three settings. */
const dimensions: readonly (readonly Values[])[] = [
  [{}, { routes, backends }, { backends: [{ name: "srv", target: "dns+srv:///_grpc._tcp.echo.default.svc" }] }],
  [{}, { tls: { secretName: "fairlead-tls" } }, { tls: { secretName: "fairlead-tls", clientCa: true } }],
  [
    {},
    { loadBalancer: { enabled: true } },
    {
      loadBalancer: {
        enabled: true,
        port: 8443,
        class: "internal",
        sourceRanges: ["10.0.0.0/8"],
        annotations: { "example.com/lb": "yes" },
        externalTrafficPolicy: "Cluster",
      },
    },
  ],
  [
    { autoscaling: { outstandingCalls: 1000, minReplicas: 3, maxReplicas: 30 } },
    { autoscaling: { enabled: false }, replicas: 3 },
    { podDisruptionBudget: { maxUnavailable: "25%" }, topologySpread: { whenUnsatisfiable: "DoNotSchedule" } },
  ],
  [
    { serviceMonitor: { enabled: true, labels: { release: "prometheus" } } },
    { networkPolicy: { enabled: false }, topologySpread: { enabled: false }, podDisruptionBudget: { enabled: false } },
    {
      networkPolicy: {
        from: [{ namespaceSelector: { matchLabels: { team: "web" } } }],
        egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }],
      },
    },
  ],
  [
    { drain: { preStopSeconds: 0, delaySeconds: 0, timeoutSeconds: 90 }, ports: { rpc: 9000, admin: 9100 } },
    {
      cors: { allowOrigins: ["https://*.example.com"], allowCredentials: true },
      limits: { maxConcurrentStreams: 250, headTimeout: "5s", maxBufferedBytes: 67108864 },
      log: { level: "warn", access: true },
      maxConnectionAge: "30m",
    },
    {
      image: { repository: "registry.example.com/fairlead", tag: "1.2.3", pullPolicy: "Always" },
      imagePullSecrets: [{ name: "pull" }],
      nameOverride: "fairlead-edge",
      podAnnotations: { a: "b" },
      podLabels: { team: "edge" },
      env: [{ name: "TZ", value: "UTC" }],
      volumes: [{ name: "schemas", configMap: { name: "schemas" } }],
      volumeMounts: [{ name: "schemas", mountPath: "/etc/fairlead-schemas" }],
      nodeSelector: { "kubernetes.io/os": "linux" },
      tolerations: [{ key: "edge", operator: "Exists" }],
      affinity: { nodeAffinity: {} },
      priorityClassName: "system-cluster-critical",
      service: { annotations: { a: "b" } },
    },
  ],
];

/**
 * Eighteen sets of values, in which every setting of a dimension meets every setting of each other one, and the defaults. The first
 * nine are lines over three elements: two dimensions meet unless their numbers are equal modulo 3. Those meet in the other nine.
 */
export function valueMatrix(): readonly { readonly name: string; readonly values: Values }[] {
  const rows = new Map<string, Values>([["defaults", {}]]);
  const add = (choice: readonly number[]) => {
    const values = dimensions.reduce<Values>((all, options, d) => merge(all, options[choice[d]]), {});
    rows.set(choice.join(""), values);
  };
  for (let a = 0; a < 3; a++)
    for (let b = 0; b < 3; b++) add(dimensions.map((_, d) => (d === dimensions.length - 1 ? b : (a + b * d) % 3)));
  for (let a = 0; a < 3; a++) for (let b = 0; b < 3; b++) add(dimensions.map((_, d) => (d < 3 ? a + d : b + d) % 3));
  return [...rows].map(([name, values]) => ({ name, values }));
}

function merge(one: Values, other: Values): Values {
  const merged: Record<string, unknown> = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const before = merged[name];
    merged[name] = isObject(before) && isObject(value) ? merge(before, value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
