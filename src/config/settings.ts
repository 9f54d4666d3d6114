import type { Address } from "../runtime/machine.ts";

/** The checked settings: what `config/` makes of flags or of a file, with every default filled in. Times are milliseconds. */
export interface Settings {
  readonly listeners: readonly ListenerSettings[];
  /** In the order of the source. routing/ applies the Gateway API's precedence: one route can have several hostnames and matches. */
  readonly routes: readonly RouteSettings[];
  readonly backends: readonly BackendSettings[];
  /** Null: no admin port. */
  readonly admin: { readonly host: string; readonly port: number } | null;
  readonly drainTimeout: number;
  /** Grace between failing readiness and the first GOAWAY. */
  readonly drainDelay: number;
  readonly log: LogSettings;
  readonly limits: LimitSettings;
}

export interface LogSettings {
  readonly level: "debug" | "info" | "warn" | "error";
  /** auto: readable on a terminal, JSON lines elsewhere. */
  readonly format: "auto" | "json" | "text";
  /** One access line per call. */
  readonly access: boolean;
}

export interface ListenerSettings {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Milliseconds after which a connection sends its client elsewhere, give or take a tenth; null: never. */
  readonly maxConnectionAge: number | null;
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile: string | null } | null;
  /** Which pages may call; null: none, unless a route says otherwise. */
  readonly cors: CorsSettings | null;
}

/** Cross-origin calls of browsers (Fetch standard, CORS protocol). */
export interface CorsSettings {
  /** Lower case: `https://app.example.com`, `https://*.example.com` (one or more labels), or `*`. */
  readonly allowOrigins: readonly string[];
  /** Request headers that pages may send besides the protocols' own. */
  readonly allowHeaders: readonly string[];
  /** Response headers that pages may read besides the protocols' own. */
  readonly exposeHeaders: readonly string[];
  /** Cookies and client certificates may come along; never together with `*`. */
  readonly allowCredentials: boolean;
  /** Milliseconds that a browser may remember a preflight's answer. */
  readonly maxAge: number;
}

/** Calls that match any of `matches` go to one of `backendRefs`, by weight. In the words of the Gateway API's GRPCRoute. */
export interface RouteSettings {
  readonly name: string;
  /** Authorities, port ignored; `*.example.com` matches one or more labels. Empty: all. */
  readonly hostnames: readonly string[];
  /** Empty: every call. */
  readonly matches: readonly RouteMatch[];
  readonly backendRefs: readonly { readonly name: string; readonly weight: number }[];
  /** Methods without side effects, which Connect clients may call by GET: `package.Service/Method`, `package.Service/*`, `*`. */
  readonly connectGet: readonly string[];
  /** Refuses Connect requests without `connect-protocol-version: 1`. */
  readonly requireConnectProtocolVersion: boolean;
  /** In place of the listener's; null: the listener's. */
  readonly cors: CorsSettings | null;
}

export interface RouteMatch {
  readonly type: "Exact" | "RegularExpression";
  /** Null: any. */
  readonly service: string | null;
  readonly method: string | null;
  readonly headers: readonly {
    readonly name: string;
    readonly value: string;
    readonly type: "Exact" | "RegularExpression";
  }[];
}

export type PolicyName = "least_outstanding" | "round_robin" | "p2c" | "random";

export interface BackendSettings {
  readonly name: string;
  /** As written, for logs: `dns:///echo:50051`. */
  readonly target: string;
  readonly policy: PolicyName;
  readonly ties: "quickest" | "random";
  /** How many of the resolved endpoints are used, a random choice of this process (balancing/subset.ts); 0: all. */
  readonly subset: number;
  readonly dns: DnsSettings;
  /** Null: plaintext HTTP/2 (h2c by prior knowledge). */
  readonly tls: {
    readonly caFile: string | null;
    /** Shown to pods that ask for a certificate; both or neither. */
    readonly certFile: string | null;
    readonly keyFile: string | null;
    readonly serverName: string | null;
    readonly insecure: boolean;
  } | null;
  readonly connectTimeout: number;
  /** Longest deadline a call may have; null: none is imposed. */
  readonly maxTimeout: number | null;
  /** A call without any progress for so long is ended; null: never. */
  readonly idleTimeout: number | null;
  /** Bytes of a request kept for transparent retries. */
  readonly retryBuffer: number;
  /** Calls that wait while no endpoint is ready yet; more are refused. */
  readonly maxPending: number;
  /** What becomes of JSON: see config.proto. */
  readonly json: "auto" | "passthrough" | "transcode" | "off";
  /** What `buf build -o` writes; null: the pods' reflection is asked. */
  readonly descriptorSet: string | null;
  /** The largest message that is ever held whole, or let through where messages are looked at. */
  readonly maxMessageBytes: number;
  /** Fields of JSON requests that the schema does not have are dropped instead of refused. */
  readonly jsonIgnoreUnknownFields: boolean;
}

export interface DnsSettings {
  /** Refresh period; shortened to the TTL when that is less, floor 1 s, jitter 20%. */
  readonly period: number;
  readonly timeout: number;
  /** How long NXDOMAIN or an empty answer must last, alone, until it takes effect (invariant 6). */
  readonly hold: number;
  readonly family: "auto" | "ipv4" | "ipv6" | "both";
}

/** The abuse limits of the HTTP/2 server side; the references are in docs/limits.md. */
export interface LimitSettings {
  readonly maxConcurrentStreams: number;
  /** Bytes of a header list, +32 a field (RFC 9113 6.5.2). */
  readonly maxHeaderListBytes: number;
  readonly maxHeaderFields: number;
  readonly maxContinuationFrames: number;
  /** Window of each call, bytes, each direction. */
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** Bytes of calls' bodies in memory, whole process; above it connections get credit only for what has left. */
  readonly maxBufferedBytes: number;
  /** RST_STREAM received: a second / in a connection's life / of streams whose response had not started. */
  readonly resetsPerSecond: number;
  readonly resetsPerConnection: number;
  readonly earlyResets: number;
  /** RST_STREAM that the peer made us send, in a connection's life. */
  readonly provokedResets: number;
  readonly pingsPerSecond: number;
  readonly settingsPerSecond: number;
  readonly emptyDataPerSecond: number;
  readonly windowUpdatesPerSecond: number;
  /** Time for a header section to arrive whole, and for the preface and TLS handshake. */
  readonly headTimeout: number;
  /** A stalled stream or connection must progress by stallBytes within this time. */
  readonly stallTimeout: number;
  readonly stallBytes: number;
  readonly settingsAckTimeout: number;
  /** A connection without calls for so long is closed gracefully; null: never. */
  readonly connectionIdleTimeout: number | null;
}

/** The parsed form of a target in gRPC's naming syntax. */
export type Target =
  | { readonly kind: "dns"; readonly host: string; readonly port: number; readonly server: Address | null }
  | { readonly kind: "srv"; readonly name: string; readonly server: Address | null }
  | { readonly kind: "static"; readonly addresses: readonly Address[] };
