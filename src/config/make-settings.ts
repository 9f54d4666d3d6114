import type {
  Backend,
  BackendRef,
  Config,
  Cors,
  Limits,
  Route,
  RouteMatch,
} from "../gen/fairlead/config/v1/config_pb.ts";
import { type Rule, type RuleName, rules } from "./defaults.ts";
import { parseDuration } from "./duration.ts";
import { backendName, listenerName } from "./names.ts";
import type {
  BackendSettings,
  CorsSettings,
  ListenerSettings,
  LogSettings,
  RouteMatch as Match,
  PolicyName,
  Settings,
} from "./settings.ts";

/** Turns a checked message into settings, with every default filled in. */
export function makeSettings(config: Config): Settings {
  const { admin, drain, log } = config;
  const backends = config.backends.map(makeBackend);
  return {
    listeners: config.listeners.length === 0 ? [makeListener({})] : config.listeners.map(makeListener),
    routes: makeRoutes(config.routes, backends),
    backends,
    admin:
      (admin?.enabled ?? rules["Admin.enabled"].default)
        ? { host: admin?.address ?? rules["Admin.address"].default, port: admin?.port ?? rules["Admin.port"].default }
        : null,
    drainDelay: duration("Drain.delay", drain?.delay),
    drainTimeout: duration("Drain.timeout", drain?.timeout),
    log: {
      level: (log?.level ?? rules["Log.level"].default) as LogSettings["level"],
      format: (log?.format ?? rules["Log.format"].default) as LogSettings["format"],
      access: log?.access ?? rules["Log.access"].default,
    },
    limits: makeLimits(config.limits ?? {}),
  };
}

function makeListener(listener: Partial<Config["listeners"][number]>): ListenerSettings {
  const { tls } = listener;
  return {
    name: listenerName(listener),
    host: listener.address ?? rules["Listener.address"].default,
    port: listener.port ?? rules["Listener.port"].default,
    maxConnectionAge: orNull(duration("Listener.maxConnectionAge", listener.maxConnectionAge)),
    tls:
      tls === undefined
        ? null
        : { certFile: tls.certFile!, keyFile: tls.keyFile!, clientCaFile: tls.clientCaFile ?? null },
    cors: makeCors(listener.cors),
  };
}

function makeCors(cors: Cors | undefined): CorsSettings | null {
  if (cors === undefined) return null;
  return {
    // Browsers send origins in lower case, and never with the port that the scheme has anyway.
    allowOrigins: cors.allowOrigins.map((origin) => origin.toLowerCase()),
    allowHeaders: cors.allowHeaders,
    exposeHeaders: cors.exposeHeaders,
    allowCredentials: cors.allowCredentials ?? rules["Cors.allowCredentials"].default,
    maxAge: duration("Cors.maxAge", cors.maxAge),
  };
}

/** A configuration without routes has one that takes every call. */
function makeRoutes(routes: readonly Route[], backends: readonly BackendSettings[]): Settings["routes"] {
  if (routes.length === 0) return [makeRoute({ name: "default" }, backends[0].name)];
  return routes.map((route, index) =>
    makeRoute({ ...route, name: route.name ?? `routes[${index}]` }, backends[0].name),
  );
}

/** @param backend where a route leads that says nothing of it: only one without any other backends may */
function makeRoute(route: Partial<Route> & { readonly name: string }, backend: string): Settings["routes"][number] {
  const { hostnames = [], matches = [], backendRefs = [] } = route;
  return {
    name: route.name,
    hostnames: hostnames.map((hostname) => hostname.toLowerCase()),
    matches: matches.map(makeMatch),
    backendRefs: (backendRefs.length === 0 ? [{ name: backend }] : backendRefs).map((ref: Partial<BackendRef>) => ({
      name: ref.name!,
      weight: ref.weight ?? rules["BackendRef.weight"].default,
    })),
    connectGet: route.connectGet ?? [],
    requireConnectProtocolVersion:
      route.requireConnectProtocolVersion ?? rules["Route.requireConnectProtocolVersion"].default,
    cors: makeCors(route.cors),
  };
}

function makeMatch({ method, headers }: RouteMatch): Match {
  return {
    type: (method?.type ?? rules["MethodMatch.type"].default) as Match["type"],
    service: method?.service ?? null,
    method: method?.method ?? null,
    headers: headers.map((header) => ({
      name: header.name!.toLowerCase(),
      value: header.value!,
      type: (header.type ?? rules["HeaderMatch.type"].default) as Match["type"],
    })),
  };
}

function makeBackend(backend: Backend): BackendSettings {
  const { dns, tls } = backend;
  return {
    name: backendName(backend),
    target: backend.target!,
    policy: (backend.policy ?? rules["Backend.policy"].default) as PolicyName,
    ties: (backend.ties ?? rules["Backend.ties"].default) as BackendSettings["ties"],
    subset: backend.subset ?? rules["Backend.subset"].default,
    dns: {
      period: duration("Dns.period", dns?.period),
      timeout: duration("Dns.timeout", dns?.timeout),
      hold: duration("Dns.hold", dns?.hold),
      family: (dns?.family ?? rules["Dns.family"].default) as BackendSettings["dns"]["family"],
    },
    tls:
      tls === undefined
        ? null
        : {
            caFile: tls.caFile ?? null,
            certFile: tls.certFile ?? null,
            keyFile: tls.keyFile ?? null,
            serverName: tls.serverName ?? null,
            insecure: tls.insecure ?? rules["BackendTls.insecure"].default,
          },
    connectTimeout: duration("Backend.connectTimeout", backend.connectTimeout),
    maxTimeout: orNull(duration("Backend.maxTimeout", backend.maxTimeout)),
    idleTimeout: orNull(duration("Backend.idleTimeout", backend.idleTimeout)),
    retryBuffer: backend.retryBufferBytes ?? rules["Backend.retryBufferBytes"].default,
    maxPending: backend.maxPending ?? rules["Backend.maxPending"].default,
    json: (backend.json ?? rules["Backend.json"].default) as BackendSettings["json"],
    descriptorSet: backend.descriptorSet ?? null,
    maxMessageBytes: backend.maxMessageBytes ?? rules["Backend.maxMessageBytes"].default,
    jsonIgnoreUnknownFields: backend.jsonIgnoreUnknownFields ?? rules["Backend.jsonIgnoreUnknownFields"].default,
  };
}

function makeLimits(limits: Partial<Limits>): Settings["limits"] {
  return {
    maxConcurrentStreams: limits.maxConcurrentStreams ?? rules["Limits.maxConcurrentStreams"].default,
    maxHeaderListBytes: limits.maxHeaderListBytes ?? rules["Limits.maxHeaderListBytes"].default,
    maxHeaderFields: limits.maxHeaderFields ?? rules["Limits.maxHeaderFields"].default,
    maxContinuationFrames: limits.maxContinuationFrames ?? rules["Limits.maxContinuationFrames"].default,
    streamWindow: limits.streamWindowBytes ?? rules["Limits.streamWindowBytes"].default,
    connectionWindow: limits.connectionWindowBytes ?? rules["Limits.connectionWindowBytes"].default,
    maxBufferedBytes: limits.maxBufferedBytes ?? rules["Limits.maxBufferedBytes"].default,
    resetsPerSecond: limits.resetsPerSecond ?? rules["Limits.resetsPerSecond"].default,
    resetsPerConnection: limits.resetsPerConnection ?? rules["Limits.resetsPerConnection"].default,
    earlyResets: limits.earlyResets ?? rules["Limits.earlyResets"].default,
    provokedResets: limits.provokedResets ?? rules["Limits.provokedResets"].default,
    pingsPerSecond: limits.pingsPerSecond ?? rules["Limits.pingsPerSecond"].default,
    settingsPerSecond: limits.settingsPerSecond ?? rules["Limits.settingsPerSecond"].default,
    emptyDataPerSecond: limits.emptyDataPerSecond ?? rules["Limits.emptyDataPerSecond"].default,
    windowUpdatesPerSecond: limits.windowUpdatesPerSecond ?? rules["Limits.windowUpdatesPerSecond"].default,
    headTimeout: duration("Limits.headTimeout", limits.headTimeout),
    stallTimeout: duration("Limits.stallTimeout", limits.stallTimeout),
    stallBytes: limits.stallBytes ?? rules["Limits.stallBytes"].default,
    settingsAckTimeout: duration("Limits.settingsAckTimeout", limits.settingsAckTimeout),
    connectionIdleTimeout: orNull(duration("Limits.connectionIdleTimeout", limits.connectionIdleTimeout)),
  };
}

type DurationRule = { [K in RuleName]: (typeof rules)[K] extends Rule & { kind: "duration" } ? K : never }[RuleName];

/** Milliseconds. */
function duration(rule: DurationRule, text: string | undefined): number {
  return (text === undefined ? null : parseDuration(text)) ?? rules[rule].default;
}

/** Zero switches these off. */
function orNull(ms: number): number | null {
  return ms === 0 ? null : ms;
}
