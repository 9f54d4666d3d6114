import type {
  BackendSettings,
  LimitSettings,
  ListenerSettings,
  RouteSettings,
  Settings,
} from "../../../src/config/settings.ts";
import { defaultHttp2Limits } from "../../../src/http2/limits.ts";

export const limits: LimitSettings = { ...defaultHttp2Limits, maxBufferedBytes: 64 * 1_048_576 };

export function backendSettings(more: Partial<BackendSettings> = {}): BackendSettings {
  return {
    name: "echo",
    target: "ipv4:10.0.0.1:9000",
    policy: "least_outstanding",
    ties: "quickest",
    subset: 0,
    dns: { period: 5_000, timeout: 2_000, hold: 30_000, family: "auto" },
    tls: null,
    connectTimeout: 5_000,
    maxTimeout: null,
    idleTimeout: null,
    retryBuffer: 65_536,
    maxPending: 1_024,
    json: "auto",
    descriptorSet: null,
    maxMessageBytes: 4 * 1_048_576,
    jsonIgnoreUnknownFields: false,
    ...more,
  };
}

export function listenerSettings(more: Partial<ListenerSettings> = {}): ListenerSettings {
  return { name: "main", host: "127.0.0.1", port: 0, tls: null, cors: null, maxConnectionAge: null, ...more };
}

/** Every call to the backend of {@link backendSettings}. */
export function routeSettings(more: Partial<RouteSettings> = {}): RouteSettings {
  return {
    name: "all",
    hostnames: [],
    matches: [],
    backendRefs: [{ name: "echo", weight: 1 }],
    connectGet: [],
    requireConnectProtocolVersion: false,
    cors: null,
    ...more,
  };
}

/** One listener, one backend that takes every call, unless said otherwise. */
export function gatewaySettings(more: Partial<Settings> = {}, backend: Partial<BackendSettings> = {}): Settings {
  return {
    listeners: [listenerSettings()],
    routes: [routeSettings()],
    backends: [backendSettings(backend)],
    admin: null,
    drainTimeout: 10_000,
    drainDelay: 0,
    log: { level: "debug", format: "json", access: true },
    limits,
    ...more,
  };
}
