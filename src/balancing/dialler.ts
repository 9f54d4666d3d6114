import { ClientConnection, type ClientOptions } from "../http2/client-connection.ts";
import { ErrorCode, errorCodeName } from "../http2/error-code.ts";
import { defaultKeepalive } from "../http2/keepalive.ts";
import type { Http2Limits } from "../http2/limits.ts";
import type { ConnectionOptions } from "../http2/link.ts";
import type { Sweeper } from "../http2/sweeper.ts";
import type { Dial, DialTls } from "../runtime/machine.ts";
import type { OpenConnection } from "./endpoint.ts";

/** gRPC implementations assume as many until the server's SETTINGS say otherwise. */
const ASSUMED_STREAMS = 100;
/** Pods are trusted to send many small frames; these bounds only catch one that has gone mad. */
const TRUSTED_PER_SECOND = 100_000;

/** Opens the HTTP/2 connections to pods, and knows which are open. One serves a whole gateway. */
export class Dialler {
  readonly #dial: Dial;
  readonly #sweeper: Sweeper;
  readonly #options: ConnectionOptions;
  readonly #open = new Set<ClientConnection>();
  #waiting: (() => void)[] = [];

  constructor(dial: Dial, sweeper: Sweeper, options: ConnectionOptions) {
    this.#dial = dial;
    this.#sweeper = sweeper;
    this.#options = options;
  }

  /** How the endpoints of one backend get their connections. @param tls asked for each; null for plaintext */
  opener(connectTimeout: number, tls: (() => DialTls) | null): OpenConnection {
    const options: ClientOptions = {
      ...this.#options,
      limits: upstreamLimits(this.#options.limits, connectTimeout),
      keepalive: defaultKeepalive,
      assumedConcurrentStreams: ASSUMED_STREAMS,
    };
    return (address, events) => {
      const connection = new ClientConnection(options, {
        ready: events.ready,
        capacity: events.capacity,
        turned: events.turned,
        worn: events.worn,
        goaway: (left, code, debug) =>
          events.goaway(
            left,
            `GOAWAY ${errorCodeName(code)}${debug === "" ? "" : ` (${debug})`}`,
            code === ErrorCode.NO_ERROR,
          ),
        closed: (gone, message) => {
          this.#forget(gone);
          events.closed(gone, message);
        },
      });
      this.#sweeper.add(connection);
      this.#open.add(connection);
      const dialOptions = { timeoutMs: connectTimeout, ...(tls === null ? {} : { tls: tls() }) };
      connection.attach(this.#dial(address, dialOptions, connection));
      return connection;
    };
  }

  /** Resolves when no connection is open; closing them is their endpoints' business. */
  allClosed(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #forget(connection: ClientConnection): void {
    this.#sweeper.delete(connection);
    this.#open.delete(connection);
    if (this.#open.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function upstreamLimits(limits: Http2Limits, connectTimeout: number): Http2Limits {
  return {
    ...limits,
    headTimeout: connectTimeout,
    settingsPerSecond: TRUSTED_PER_SECOND,
    emptyDataPerSecond: TRUSTED_PER_SECOND,
    pingsPerSecond: TRUSTED_PER_SECOND,
    windowUpdatesPerSecond: TRUSTED_PER_SECOND,
    // A pod whose answers are too large for us, call after call, must not take its other calls down with them.
    provokedResets: Number.POSITIVE_INFINITY,
    connectionIdleTimeout: null,
  };
}
