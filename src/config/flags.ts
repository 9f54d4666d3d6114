import { type Rule, type RuleName, rules } from "./defaults.ts";
import { formatDuration } from "./duration.ts";

/** One flag of the command line. */
export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** What stands for its value in the help; null: it has none. */
  readonly value: string | null;
  /** The field it sets, with `[]` for every item of a list, and at the end for one more item; null for what is no setting. */
  readonly path: string | null;
  /** Where its default and bounds are. */
  readonly rule?: RuleName;
  /** True when it may be given beside --config, in place of what the file says. */
  readonly withConfig?: true;
  /** True when it may be given several times. */
  readonly repeats?: true;
  readonly help: string;
}

/** All flags, in the order of the help. */
export const flags: readonly Flag[] = [
  {
    name: "listen",
    value: "HOST:PORT",
    path: "listeners[].port",
    repeats: true,
    help: `where calls are taken (${rules["Listener.address"].default}:${rules["Listener.port"].default})`,
  },
  {
    name: "max-connection-age",
    value: "TIME",
    path: "listeners[].maxConnectionAge",
    rule: "Listener.maxConnectionAge",
    help: "age at which connections send clients elsewhere",
  },
  { name: "tls-cert", value: "FILE", path: "listeners[].tls.certFile", help: "certificate of the listeners, PEM" },
  { name: "tls-key", value: "FILE", path: "listeners[].tls.keyFile", help: "its private key, PEM" },
  {
    name: "client-ca",
    value: "FILE",
    path: "listeners[].tls.clientCaFile",
    help: "authorities, PEM; clients need a certificate from one of them",
  },
  {
    name: "cors-origin",
    value: "ORIGIN",
    path: "listeners[].cors.allowOrigins[]",
    repeats: true,
    help: "web pages that may call: https://app.example.com, https://*.example.com or `*`",
  },
  {
    name: "cors-header",
    value: "NAME",
    path: "listeners[].cors.allowHeaders[]",
    repeats: true,
    help: "header that pages may send, such as authorization",
  },
  {
    name: "connect-get",
    value: "METHOD",
    path: "routes[].connectGet[]",
    repeats: true,
    help: "callable by Connect GET: package.Service/Method, package.Service/* or `*`",
  },
  {
    name: "json",
    value: "NAME",
    path: "backends[].json",
    rule: "Backend.json",
    help: "what becomes of JSON",
  },
  {
    name: "descriptor-set",
    value: "FILE",
    path: "backends[].descriptorSet",
    help: "schema of the pods, by `buf build -o FILE` (their reflection)",
  },
  {
    name: "policy",
    value: "NAME",
    path: "backends[].policy",
    rule: "Backend.policy",
    help: "how the pod of a call is chosen",
  },
  {
    name: "ties",
    value: "NAME",
    path: "backends[].ties",
    rule: "Backend.ties",
    help: "which of equally busy pods is chosen",
  },
  {
    name: "dns-period",
    value: "TIME",
    path: "backends[].dns.period",
    rule: "Dns.period",
    help: "how often DNS is asked",
  },
  {
    name: "dns-timeout",
    value: "TIME",
    path: "backends[].dns.timeout",
    rule: "Dns.timeout",
    help: "how long one query may take",
  },
  {
    name: "dns-hold",
    value: "TIME",
    path: "backends[].dns.hold",
    rule: "Dns.hold",
    help: "how long an empty answer must last until it is believed",
  },
  {
    name: "dns-family",
    value: "NAME",
    path: "backends[].dns.family",
    rule: "Dns.family",
    help: "which addresses are used",
  },
  { name: "backend-tls", value: null, path: "backends[].tls", help: "TLS to the pods" },
  { name: "backend-ca", value: "FILE", path: "backends[].tls.caFile", help: "authorities for it, PEM (the system's)" },
  { name: "backend-cert", value: "FILE", path: "backends[].tls.certFile", help: "certificate shown to the pods, PEM" },
  { name: "backend-key", value: "FILE", path: "backends[].tls.keyFile", help: "its private key, PEM" },
  {
    name: "backend-server-name",
    value: "NAME",
    path: "backends[].tls.serverName",
    help: "name to verify in it (the target's host)",
  },
  {
    name: "backend-insecure",
    value: null,
    path: "backends[].tls.insecure",
    help: "TLS to the pods without any verification; for tests only",
  },
  {
    name: "connect-timeout",
    value: "TIME",
    path: "backends[].connectTimeout",
    rule: "Backend.connectTimeout",
    help: "how long connecting to a pod may take",
  },
  {
    name: "max-timeout",
    value: "TIME",
    path: "backends[].maxTimeout",
    rule: "Backend.maxTimeout",
    help: "longest deadline a call may have",
  },
  {
    name: "idle-timeout",
    value: "TIME",
    path: "backends[].idleTimeout",
    rule: "Backend.idleTimeout",
    help: "ends a call in which nothing moves for so long",
  },
  {
    name: "admin",
    value: "HOST:PORT",
    path: "admin.port",
    withConfig: true,
    help: `health, metrics and state; \`off\` for none (${rules["Admin.address"].default}:${rules["Admin.port"].default})`,
  },
  {
    name: "drain-delay",
    value: "TIME",
    path: "drain.delay",
    rule: "Drain.delay",
    withConfig: true,
    help: "on SIGTERM: from failing readiness to telling clients",
  },
  {
    name: "drain-timeout",
    value: "TIME",
    path: "drain.timeout",
    rule: "Drain.timeout",
    withConfig: true,
    help: "and then until what is left of the calls is ended",
  },
  {
    name: "log-level",
    value: "NAME",
    path: "log.level",
    rule: "Log.level",
    withConfig: true,
    help: "least important lines written",
  },
  {
    name: "log-format",
    value: "NAME",
    path: "log.format",
    rule: "Log.format",
    withConfig: true,
    help: "auto is text on a terminal and JSON elsewhere",
  },
  { name: "access-log", value: null, path: "log.access", withConfig: true, help: "one line per call" },
  { name: "config", short: "c", value: "FILE", path: null, help: "takes everything from a YAML or JSON file" },
  { name: "keep", value: null, path: null, help: "demo: leaves it running until Ctrl-C" },
  { name: "help", short: "h", value: null, path: null, help: "prints this" },
  { name: "version", short: "V", value: null, path: null, help: "prints the version" },
];

/** What a flag's value may be and is by default, for the help: `: a, b (a)`. */
export function describeRule(rule: Rule): string {
  switch (rule.kind) {
    case "choice":
      return `: ${rule.of.join(", ")} (${rule.default})`;
    case "duration":
      return ` (${describeDuration(rule)}${rule.zeroMeans !== undefined && rule.default !== 0 ? `; 0s: ${rule.zeroMeans}` : ""})`;
    default:
      return "default" in rule && rule.default !== null ? ` (${rule.default})` : "";
  }
}

/** The default of a duration: `5s`, or what zero means. */
export function describeDuration(rule: Rule & { readonly kind: "duration" }): string {
  if (rule.default === null) return "-";
  return rule.default === 0 && rule.zeroMeans !== undefined ? rule.zeroMeans : formatDuration(rule.default);
}

/** The text of --help. */
export function helpText(): string {
  const rows = flags.map((flag) => ({
    left: `  ${flag.short === undefined ? "    " : `-${flag.short}, `}--${flag.name}${flag.value === null ? "" : ` ${flag.value}`}${flag.repeats ? "..." : ""}`,
    right: flag.help + (flag.rule === undefined ? "" : describeRule(rules[flag.rule])),
  }));
  const width = Math.max(...rows.map((row) => row.left.length)) + 2;
  return `fairlead sends every gRPC call to the least busy pod of a headless Service.

Usage:
  fairlead [FLAGS] TARGET          one backend for every call
  fairlead --config FILE           listeners, routes and backends from a file
  fairlead check --config FILE     says all that is wrong with the file: line, column, field
  fairlead demo [--keep]           pods, DNS, gateway and client, all in one process

TARGET says where the pods are:
  dns:///my-service:50051             every address of the name, asked for again and again
  dns://10.96.0.10/my-service:50051   the same, from this DNS server
  ipv4:10.0.0.1:50051,10.0.0.2:50051  these addresses; likewise ipv6:[2001:db8::1]:50051
  unix:/run/app.sock                  a Unix socket

Flags, with their defaults in parentheses. TIME is written like 250ms, 5s or 1m30s. Those with ... may be given several times.
${rows.map((row) => row.left.padEnd(width) + row.right).join("\n")}

The file can do more: docs/configuration.md.
Exit codes: 0 when ended by SIGTERM or SIGINT, 1 when something fails, 2 when the flags or the file are wrong.
`;
}
