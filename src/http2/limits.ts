/** What a server-side connection stands from its peer before it is ended; see docs/limits.md for the attacks behind each. */
export interface Http2Limits {
  readonly maxConcurrentStreams: number;
  readonly maxHeaderListBytes: number;
  readonly maxHeaderFields: number;
  readonly maxContinuationFrames: number;
  readonly streamWindow: number;
  readonly connectionWindow: number;
  readonly resetsPerSecond: number;
  readonly resetsPerConnection: number;
  readonly earlyResets: number;
  readonly provokedResets: number;
  readonly pingsPerSecond: number;
  readonly settingsPerSecond: number;
  readonly emptyDataPerSecond: number;
  readonly windowUpdatesPerSecond: number;
  /** Milliseconds. */
  readonly headTimeout: number;
  readonly stallTimeout: number;
  readonly stallBytes: number;
  readonly settingsAckTimeout: number;
  /** Milliseconds without a stream; null for never. */
  readonly connectionIdleTimeout: number | null;
}

/** Defaults for tests and for the client side, which trusts pods more than strangers but not without bound. */
export const defaultHttp2Limits: Http2Limits = {
  maxConcurrentStreams: 100,
  maxHeaderListBytes: 65_536,
  maxHeaderFields: 128,
  maxContinuationFrames: 20,
  streamWindow: 262_144,
  connectionWindow: 1_048_576,
  resetsPerSecond: 100,
  resetsPerConnection: 10_000,
  earlyResets: 50,
  provokedResets: 500,
  pingsPerSecond: 100,
  settingsPerSecond: 50,
  emptyDataPerSecond: 100,
  windowUpdatesPerSecond: 100,
  headTimeout: 10_000,
  stallTimeout: 60_000,
  stallBytes: 16_384,
  settingsAckTimeout: 10_000,
  connectionIdleTimeout: null,
};

/**
 * Counts events of one kind and says when there were more than `perSecond` in one second. The window is the span between two
 * sweeps of the connection (one second), so counting costs an increment and no look at the clock.
 */
export class RateLimit {
  readonly #perSecond: number;
  #count = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** @returns true when this event is one too many */
  exceeded(): boolean {
    return ++this.#count > this.#perSecond;
  }

  /** A second has passed. */
  sweep(): void {
    this.#count = 0;
  }
}
