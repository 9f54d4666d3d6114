/**
 * The one table of what each option may be and what it is when left out. The file's reader, the flags, `--help` and
 * docs/configuration.md all take it from here. Keys are `Message.field` of proto/fairlead/config/v1/config.proto; what an
 * option means is said there. A test holds that both lists are the same.
 */

/** What a value must look like, its default and its bounds. A default of null means that something else decides; see the proto. */
export type Rule =
  /** Written as in duration.ts; milliseconds here. `zeroMeans` is for people, where `0s` switches something off. */
  | {
      readonly kind: "duration";
      readonly default: number | null;
      readonly min: number;
      readonly max: number;
      readonly zeroMeans?: string;
    }
  /** A whole number. */
  | { readonly kind: "count"; readonly default: number; readonly min: number; readonly max: number }
  | { readonly kind: "choice"; readonly default: string; readonly of: readonly string[] }
  | { readonly kind: "switch"; readonly default: boolean }
  /** `pattern` is matched against the whole; `like` describes it for people; `required` says what to write when it is missing. */
  | {
      readonly kind: "text";
      readonly default: string | null;
      readonly required?: string;
      readonly pattern?: RegExp;
      readonly like?: string;
    }
  /** A path. The file must be there, and hold what `holds` says. */
  | { readonly kind: "file"; readonly required?: string; readonly holds: FileContents };

/** What PEM calls it, in PEM form; or a FileDescriptorSet in protobuf's binary form. */
export type FileContents = "CERTIFICATE" | "PRIVATE KEY" | "FileDescriptorSet";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
/** Longer than anyone means, and small enough for a timer (2^31 ms is 24.8 days). */
const longest = 24 * 24 * hour;
const KiB = 1024;
const MiB = 1024 * KiB;
/** Largest HTTP/2 window (RFC 9113 6.9.1), and largest of our byte counts. */
const largest = 2 ** 31 - 1;

const matchTypes = ["Exact", "RegularExpression"] as const;
/** A name in logs and metric labels: no spaces, nothing to escape. */
const name = {
  kind: "text",
  default: null,
  pattern: /^[A-Za-z0-9_][A-Za-z0-9_.:[\]-]{0,252}$/,
  like: "letters, digits and `_ - . :`",
} as const;
const host = {
  kind: "text",
  pattern: /^[A-Za-z0-9._:%-]+$/,
  like: "an IP address or a host name, without a port",
} as const;
// A field name of RFC 9110 5.1.
const headerName = {
  kind: "text",
  default: null,
  pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/,
  like: "a header name such as `x-tenant`",
} as const;
const count = (value: number, min: number, max = largest) => ({ kind: "count", default: value, min, max }) as const;

export const rules = {
  "Listener.name": name,
  "Listener.address": { ...host, default: "0.0.0.0" },
  "Listener.port": count(8080, 0, 65535),
  // Never, as gRPC's servers: it helps only those who have several gateways. A second is the sweeper's grain.
  "Listener.maxConnectionAge": { kind: "duration", default: 0, min: 0, max: longest, zeroMeans: "never" },
  "ListenerTls.certFile": { kind: "file", required: "name the PEM file of the certificate", holds: "CERTIFICATE" },
  "ListenerTls.keyFile": {
    kind: "file",
    required: "name the PEM file of the certificate's private key",
    holds: "PRIVATE KEY",
  },
  "ListenerTls.clientCaFile": { kind: "file", holds: "CERTIFICATE" },

  "Cors.allowOrigins": {
    kind: "text",
    default: null,
    // A serialized origin (RFC 6454 6.1): no user, no path, not even a final slash. `null`, the origin of sandboxed pages,
    // files and redirects, is not among them: any page can have it.
    pattern:
      /^(\*|[A-Za-z][A-Za-z0-9+.-]*:\/\/(\*\.)?([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?)$/,
    like: "scheme and host without a path, such as https://app.example.com or https://*.example.com, or `*`",
  },
  "Cors.allowHeaders": headerName,
  "Cors.exposeHeaders": headerName,
  "Cors.allowCredentials": { kind: "switch", default: false },
  // As long as Chromium remembers at most; a day is as long as Firefox does.
  "Cors.maxAge": { kind: "duration", default: 2 * hour, min: 0, max: 24 * hour, zeroMeans: "not at all" },

  "Route.name": name,
  "Route.hostnames": {
    kind: "text",
    default: null,
    pattern: /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/,
    like: "a host name without a port, or `*.` and a host name",
  },
  "Route.connectGet": {
    kind: "text",
    default: null,
    pattern: /^(\*|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\/(\*|[A-Za-z_]\w*))$/,
    like: "`package.Service/Method`, `package.Service/*` or `*`",
  },
  "Route.requireConnectProtocolVersion": { kind: "switch", default: false },
  "MethodMatch.type": { kind: "choice", default: "Exact", of: matchTypes },
  "MethodMatch.service": { kind: "text", default: null },
  "MethodMatch.method": { kind: "text", default: null },
  "HeaderMatch.type": { kind: "choice", default: "Exact", of: matchTypes },
  "HeaderMatch.name": { ...headerName, required: "name the header" },
  "HeaderMatch.value": { kind: "text", default: null, required: "say which value matches" },
  "BackendRef.name": { kind: "text", default: null, required: "name one of the backends" },
  // The bounds of the Gateway API.
  "BackendRef.weight": count(1, 0, 1_000_000),

  "Backend.name": name,
  "Backend.target": {
    kind: "text",
    default: null,
    required: "say where the pods are, such as dns:///my-service:50051",
  },
  "Backend.policy": {
    kind: "choice",
    default: "least_outstanding",
    of: ["least_outstanding", "round_robin", "p2c", "random"],
  },
  "Backend.ties": { kind: "choice", default: "quickest", of: ["quickest", "random"] },
  // All: a subset that is too small for the number of gateways leaves pods without calls (docs/scaling.md).
  "Backend.subset": count(0, 0),
  // As gRPC clients: long enough for one lost SYN (1 s) and its repetition (2 s).
  "Backend.connectTimeout": { kind: "duration", default: 5 * second, min: 1, max: 5 * minute },
  // None: the most hated default of other gateways is a deadline that nobody asked for.
  "Backend.maxTimeout": { kind: "duration", default: 0, min: 0, max: longest, zeroMeans: "none" },
  // Streams may rightly be silent for many minutes (a watch on something that seldom changes). An hour is past what such
  // streams do without a keepalive of their own, and still ends what vanished clients leave outstanding, which would
  // count against its pod for ever.
  "Backend.idleTimeout": { kind: "duration", default: hour, min: 0, max: longest, zeroMeans: "never" },
  // Holds nearly every unary request, and is one stream's worth of HTTP/2's initial window.
  "Backend.retryBufferBytes": count(64 * KiB, 0),
  "Backend.maxPending": count(1024, 0),
  "Backend.json": { kind: "choice", default: "auto", of: ["auto", "passthrough", "transcode", "off"] },
  "Backend.descriptorSet": { kind: "file", holds: "FileDescriptorSet" },
  // What gRPC's own clients and servers take by default.
  "Backend.maxMessageBytes": count(4 * MiB, 1),
  "Backend.jsonIgnoreUnknownFields": { kind: "switch", default: false },
  "Dns.period": { kind: "duration", default: 5 * second, min: second, max: 24 * hour },
  "Dns.timeout": { kind: "duration", default: 2 * second, min: 10, max: minute },
  "Dns.hold": { kind: "duration", default: 30 * second, min: 0, max: 24 * hour },
  "Dns.family": { kind: "choice", default: "auto", of: ["auto", "ipv4", "ipv6", "both"] },
  "BackendTls.caFile": { kind: "file", holds: "CERTIFICATE" },
  "BackendTls.certFile": { kind: "file", holds: "CERTIFICATE" },
  "BackendTls.keyFile": { kind: "file", holds: "PRIVATE KEY" },
  "BackendTls.serverName": { ...host, default: null },
  "BackendTls.insecure": { kind: "switch", default: false },

  "Admin.enabled": { kind: "switch", default: true },
  // Loopback: whoever reaches it sees the addresses of all pods.
  "Admin.address": { ...host, default: "127.0.0.1" },
  "Admin.port": count(9901, 0, 65535),

  // 5 s + 20 s stay below the 30 s after which Kubernetes kills. The delay is on by default, because kube-proxy and load
  // balancers take seconds to learn that a pod is going, and without it a rolling update of the gateway refuses
  // connections. At a terminal a second Ctrl-C ends it at once.
  "Drain.delay": { kind: "duration", default: 5 * second, min: 0, max: hour },
  "Drain.timeout": { kind: "duration", default: 20 * second, min: 0, max: longest },
  "Log.level": { kind: "choice", default: "info", of: ["debug", "info", "warn", "error"] },
  "Log.format": { kind: "choice", default: "auto", of: ["auto", "json", "text"] },
  "Log.access": { kind: "switch", default: false },

  // Why each of these: docs/limits.md.
  "Limits.maxConcurrentStreams": count(100, 1),
  "Limits.maxHeaderListBytes": count(64 * KiB, 4 * KiB, 16 * MiB),
  "Limits.maxHeaderFields": count(128, 16, 10_000),
  "Limits.maxContinuationFrames": count(20, 0, 10_000),
  "Limits.streamWindowBytes": count(256 * KiB, 16 * KiB),
  // Not below what a connection starts with, which HTTP/2 cannot take back (RFC 9113 6.9.2).
  "Limits.connectionWindowBytes": count(MiB, 65_535),
  "Limits.maxBufferedBytes": count(256 * MiB, MiB),
  "Limits.resetsPerSecond": count(100, 1),
  "Limits.resetsPerConnection": count(10_000, 1),
  "Limits.earlyResets": count(50, 1),
  "Limits.provokedResets": count(500, 1),
  "Limits.pingsPerSecond": count(100, 1),
  "Limits.settingsPerSecond": count(50, 1),
  "Limits.emptyDataPerSecond": count(100, 1),
  "Limits.windowUpdatesPerSecond": count(100, 1),
  "Limits.headTimeout": { kind: "duration", default: 10 * second, min: 10, max: 10 * minute },
  "Limits.stallTimeout": { kind: "duration", default: minute, min: 10, max: longest },
  "Limits.stallBytes": count(16 * KiB, 1),
  "Limits.settingsAckTimeout": { kind: "duration", default: 10 * second, min: 10, max: 10 * minute },
  "Limits.connectionIdleTimeout": { kind: "duration", default: 0, min: 0, max: longest, zeroMeans: "never" },
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof rules;

/** The rule of a field, by its message's name and its lowerCamel name; undefined for messages and lists of messages. */
export function ruleOf(message: string, field: string): Rule | undefined {
  const key = `${message}.${field}`;
  return Object.hasOwn(rules, key) ? rules[key as RuleName] : undefined;
}
