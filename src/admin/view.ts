import type { ResolutionOutcome } from "../discovery/resolver.ts";

/** What the admin pages and the demo see of a running gateway. Read at scrape time: the hot path only bumps plain counters. */
export interface GatewayView {
  /** `starting` until every backend's name has been resolved once, well or not; `draining` from the first signal; `stopped` at the end. */
  state(): "starting" | "ready" | "draining" | "stopped";
  /** In the order of the configuration. */
  listeners(): readonly ListenerView[];
  /** In the order of the configuration. */
  backends(): readonly BackendView[];
}

/** A port that the gateway listens on. */
export interface ListenerView {
  /** As configured; `host:port` without a name. */
  readonly name: string;
  /** Where it really listens. */
  readonly host: string;
  /** The real port when 0 was asked for. */
  readonly port: number;
  /** Clients speak TLS to it. */
  readonly tls: boolean;
  /** How many are open now, both HTTP versions. */
  readonly connections: number;
}

/** A backend's pods and calls, as they are now. */
export interface BackendView {
  /** As configured, or made from the target. */
  readonly name: string;
  /** As written: `dns:///echo:50051`. */
  readonly target: string;
  /** All that are known, draining ones included. */
  readonly endpoints: readonly EndpointView[];
  /** Calls ended, by gRPC status code 0-16. */
  readonly calls: readonly number[];
  /** Calls waiting for an endpoint. */
  readonly pending: number;
  /** Calls that were sent to another pod because the first one surely had not processed them. */
  readonly retries: number;
  /** How many resolutions have ended so, by outcome. */
  readonly resolutions: Readonly<Record<ResolutionOutcome, number>>;
}

/** One pod. */
export interface EndpointView {
  /** `host:port` or `unix:path`. */
  readonly address: string;
  /** `backoff`: the last connection failed, and the next try waits; `draining`: it has left DNS, and its calls finish. */
  readonly state: "connecting" | "ready" | "backoff" | "draining";
  /** Calls picked for it that have not ended. */
  readonly outstanding: number;
  /** HTTP/2 connections to it, those that are being made included. */
  readonly connections: number;
  /** Calls picked since the endpoint appeared. */
  readonly picks: number;
  /** Connection attempts that failed. */
  readonly connectFailures: number;
}
