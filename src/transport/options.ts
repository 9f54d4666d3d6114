import type { Interceptor } from "@connectrpc/connect";
import type { CommonTransportOptions, Compression } from "@connectrpc/connect/protocol";
import { type Rule, type RuleName, rules } from "../config/defaults.ts";
import type { BackendSettings, DnsSettings, PolicyName } from "../config/settings.ts";
import type { ClientMachine } from "../runtime/client-machine.ts";
import type { DialTls, Log } from "../runtime/machine.ts";

/** How a {@link createTransport | transport} finds its pods and talks to them. All times are milliseconds. */
export interface TransportOptions {
  /**
   * Where the pods are, in gRPC's naming syntax: `dns:///svc:50051`, `dns://SERVER/HOST:PORT`, `dns+srv:///NAME`,
   * `ipv4:10.0.0.1:50051,10.0.0.2:50051`, `ipv6:[2001:db8::1]:50051`, `unix:/run/app.sock`. Without a port: 80, or 443 with
   * `tls`. For a headless Service DNS gives every pod, which is what there is to balance over.
   */
  readonly target: string;
  /**
   * How the pod of a call is chosen. `least_outstanding` takes one with the fewest calls that have not ended, of this transport.
   * Default: `least_outstanding`.
   */
  readonly policy?: PolicyName;
  /** Which of several pods with equally few outstanding calls. Default: `quickest`, the one that answered quickest of late. */
  readonly ties?: BackendSettings["ties"];
  /** How many of the pods are used, a random choice of this process. Default: 0, which is all of them. */
  readonly subset?: number;
  /** How DNS is asked. */
  readonly dns?: TransportDns;
  /** TLS to the pods; `{}` trusts the platform's authorities and verifies the target's host. Default: plaintext HTTP/2. */
  readonly tls?: DialTls;
  /** What calls say they are for (`:authority`). Default: the target's host and port; `localhost` for sockets of Unix. */
  readonly authority?: string;
  /** Until a connection to a pod has to be established, TLS included. Default: 5,000. */
  readonly connectTimeoutMs?: number;
  /** A call in which no byte moves for so long is ended with `unavailable`; 0 for never. Default: 0: streams may be silent. */
  readonly idleTimeoutMs?: number;
  /**
   * Bytes of a call's request that are kept to send them to another pod when the first surely did not process the call
   * (gRFC A6, transparent retries). Default: 65,536.
   */
  readonly retryBufferBytes?: number;
  /** Calls that wait while no pod is ready yet; more are `resource_exhausted`. Default: 1,024. */
  readonly maxPending?: number;
  /**
   * The deadline of calls that are made without `timeoutMs`. Like theirs it is rounded up to whole milliseconds, and 24 days at most.
   * Default: none.
   */
  readonly defaultTimeoutMs?: number;
  /** Applied to every call, the first one outermost. Default: none. */
  readonly interceptors?: readonly Interceptor[];
  /** False sends JSON (`application/grpc+json`), which pods of connect-go and connect-es take. Default: true. */
  readonly useBinaryFormat?: boolean;
  /** For JSON messages; see protobuf-es. Default: unknown fields are ignored. */
  readonly jsonOptions?: NonNullable<CommonTransportOptions["jsonOptions"]>;
  /** For binary messages; see protobuf-es. */
  readonly binaryOptions?: NonNullable<CommonTransportOptions["binaryOptions"]>;
  /** What pods may compress answers with, best first. Default: gzip and Brotli. */
  readonly acceptCompression?: readonly Compression[];
  /** What requests are compressed with. Default: null, nothing. */
  readonly sendCompression?: Compression | null;
  /** Bytes below which a message is not compressed. Default: 1,024. */
  readonly compressMinBytes?: number;
  /** Bytes of the largest message that is taken; a larger one is `resource_exhausted`. Default: 4,294,967,295. */
  readonly readMaxBytes?: number;
  /** Bytes of the largest message that is sent; a larger one is `resource_exhausted`. Default: 4,294,967,295. */
  readonly writeMaxBytes?: number;
  /** Takes what happens to the set of pods and to their connections. What it throws is dropped. Default: nobody. */
  readonly log?: Log;
  /** The machine under it: clock, sockets, DNS. Default: the real one; tests give another. */
  readonly machine?: ClientMachine;
}

/** How DNS is asked. All times are milliseconds. */
export interface TransportDns {
  /** Between two refreshes; the records' TTL when that is shorter, at least 1,000, 20% jitter. Default: 5,000. */
  readonly periodMs?: number;
  /** For one query. Default: 2,000. */
  readonly timeoutMs?: number;
  /** How long "no such name" or an empty answer must last until it takes the pods away. Default: 30,000. */
  readonly holdMs?: number;
  /** Which addresses are used. Default: `auto`, IPv4 where there is any. */
  readonly family?: DnsSettings["family"];
}

/** @throws RangeError naming the option that is out of its bounds */
export function backendSettings(options: TransportOptions): BackendSettings {
  const { dns = {} } = options;
  return {
    name: "transport",
    target: options.target,
    policy: choice("policy", "Backend.policy", options.policy) as PolicyName,
    ties: choice("ties", "Backend.ties", options.ties) as BackendSettings["ties"],
    subset: number("subset", "Backend.subset", options.subset),
    dns: {
      period: number("dns.periodMs", "Dns.period", dns.periodMs),
      timeout: number("dns.timeoutMs", "Dns.timeout", dns.timeoutMs),
      hold: number("dns.holdMs", "Dns.hold", dns.holdMs),
      family: choice("dns.family", "Dns.family", dns.family) as DnsSettings["family"],
    },
    // The transport gives TLS to the dialler itself: it has texts and not files.
    tls: null,
    connectTimeout: number("connectTimeoutMs", "Backend.connectTimeout", options.connectTimeoutMs),
    maxTimeout: null,
    idleTimeout: number("idleTimeoutMs", "Backend.idleTimeout", options.idleTimeoutMs ?? 0) || null,
    retryBuffer: number("retryBufferBytes", "Backend.retryBufferBytes", options.retryBufferBytes),
    maxPending: number("maxPending", "Backend.maxPending", options.maxPending),
    // What follows is the gateway's, which looks into messages.
    json: "passthrough",
    descriptorSet: null,
    maxMessageBytes: rules["Backend.maxMessageBytes"].default,
    jsonIgnoreUnknownFields: false,
  };
}

function number(option: string, rule: RuleName, given: number | undefined): number {
  const { default: usual, min, max } = rules[rule] as Rule & { kind: "duration" | "count" };
  if (given === undefined) return usual ?? 0;
  if (given >= min && given <= max) return given;
  throw new RangeError(`transport: ${option}: ${given} is not from ${min} to ${max}`);
}

function choice(option: string, rule: RuleName, given: string | undefined): string {
  const { default: usual, of } = rules[rule] as Rule & { kind: "choice" };
  if (given === undefined) return usual;
  if (of.includes(given)) return given;
  throw new RangeError(`transport: ${option}: "${given}" is none of ${of.join(", ")}`);
}
