import { parseAllDocuments } from "yaml";

/** What the tests read of the manifests; everything may be missing, and a test then fails where it looks. */
export interface KubernetesObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: unknown;
}
export type Labels = Readonly<Record<string, string>>;

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly resources: {
    readonly requests: { readonly cpu: string; readonly memory: string };
    readonly limits: { readonly cpu?: string; readonly memory: string };
  };
  readonly securityContext: unknown;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
export interface DeploymentSpec {
  readonly replicas?: number;
  readonly selector: { readonly matchLabels: Labels };
  readonly strategy: { readonly rollingUpdate: { readonly maxUnavailable: number } };
  readonly template: {
    readonly metadata: { readonly labels: Labels; readonly annotations?: Labels };
    readonly spec: {
      readonly terminationGracePeriodSeconds: number;
      readonly automountServiceAccountToken: boolean;
      readonly securityContext: {
        readonly runAsNonRoot: boolean;
        readonly runAsUser: number;
        readonly runAsGroup: number;
        readonly fsGroup: number;
      };
      readonly topologySpreadConstraints?: readonly {
        readonly topologyKey: string;
        readonly matchLabelKeys?: readonly string[];
        readonly labelSelector: { readonly matchLabels: Labels };
      }[];
      readonly containers: readonly Container[];
      readonly volumes: readonly {
        readonly name: string;
        readonly configMap?: { readonly name: string };
        readonly secret?: { readonly secretName: string; readonly defaultMode?: number };
      }[];
    };
  };
}
export interface ServiceSpec {
  readonly type?: string;
  readonly clusterIP?: string;
  readonly selector: Labels;
  readonly ports: readonly {
    readonly name: string;
    readonly port: number;
    readonly targetPort: string;
    readonly appProtocol?: string;
  }[];
}
export interface AutoscalerSpec {
  readonly scaleTargetRef: { readonly kind: string; readonly name: string };
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly metrics: readonly {
    readonly type: string;
    readonly resource?: { readonly name: string; readonly target: { readonly averageUtilization: number } };
    readonly pods?: { readonly metric: { readonly name: string } };
  }[];
}
export interface NetworkPolicySpec {
  readonly podSelector: { readonly matchLabels: Labels };
  readonly policyTypes: readonly string[];
  readonly ingress: readonly { readonly ports: readonly NetworkPort[]; readonly from?: readonly unknown[] }[];
  readonly egress: readonly { readonly ports?: readonly NetworkPort[]; readonly to?: readonly unknown[] }[];
}
interface NetworkPort {
  readonly port: string | number;
  readonly protocol?: string;
}
export interface SelectorSpec {
  readonly selector: { readonly matchLabels: Labels };
}
export interface DisruptionSpec extends SelectorSpec {
  readonly maxUnavailable: number | string;
}
export interface ServiceMonitorSpec extends SelectorSpec {
  readonly endpoints: readonly { readonly port: string; readonly path: string; readonly honorLabels?: boolean }[];
}

export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

/** Whether a selector takes what has the labels. */
export function selects(selector: Labels, labels: Labels | undefined): boolean {
  return Object.entries(selector).every(([name, value]) => labels?.[name] === value);
}

/** Mi and Gi of a quantity, as bytes. @throws Error for other units: the manifests use none */
export function bytesOf(quantity: string): number {
  const [, number, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  if (number === undefined) throw new Error(`not understood: ${quantity}`);
  return Number(number) * (unit === "Mi" ? 2 ** 20 : 2 ** 30);
}
