import type { ResolutionOutcome } from "../discovery/resolver.ts";

/** What the admin pages and the demo see of a running gateway. Read at scrape time: the hot path only bumps plain counters. */
export interface GatewayView {
  state(): "starting" | "ready" | "draining" | "stopped";
  listeners(): readonly ListenerView[];
  backends(): readonly BackendView[];
}

export interface ListenerView {
  readonly name: string;
  /** Where it really listens. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly connections: number;
}

export interface BackendView {
  readonly name: string;
  readonly target: string;
  readonly endpoints: readonly EndpointView[];
  /** Calls ended, by gRPC status code 0-16. */
  readonly calls: readonly number[];
  /** Calls waiting for an endpoint. */
  readonly pending: number;
  readonly retries: number;
  readonly resolutions: Readonly<Record<ResolutionOutcome, number>>;
}

export interface EndpointView {
  /** `host:port` or `unix:path`. */
  readonly address: string;
  readonly state: "connecting" | "ready" | "backoff" | "draining";
  readonly outstanding: number;
  readonly connections: number;
  /** Calls picked since the endpoint appeared. */
  readonly picks: number;
  /** Connection attempts that failed. */
  readonly connectFailures: number;
}
