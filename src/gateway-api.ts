import type { GatewayView } from "./admin/view.ts";
import type { CorsSettings, Settings } from "./config/settings.ts";
import type { Head, Receiver } from "./http2/receiver.ts";
import type { Downstream } from "./protocols/downstream.ts";
import type { Acceptor, Log, Machine } from "./runtime/machine.ts";

/** A running gateway, without its command line and admin port. */
export interface Gateway {
  /** Loads certificates, starts resolvers and opens the listeners. @throws (rejects) with a one-line message when it cannot. */
  start(): Promise<void>;
  /**
   * Fails readiness, waits `drainDelay`, sends the double GOAWAY and waits for calls to finish, at most `drainTimeout`.
   * @returns true when every call finished by itself
   */
  drain(): Promise<boolean>;
  /** Ends everything at once; resolves when no socket of ours is open. */
  close(): Promise<void>;
  /**
   * One call of Connect or gRPC-Web in fetch's form, for platforms that accept the connections themselves: no listener is needed.
   * The answer resolves with its head, and its body streams. Native gRPC is refused: a fetch response has no trailers.
   */
  fetch(request: globalThis.Request, options?: FetchOptions): Promise<Response>;
  /** Whether a route takes the request of this head, a call's or its preflight's: for what stands in front of other handlers. */
  takes(head: Head): boolean;
  /** One call in another form than HTTP/2 or HTTP/1.1 of our own. @returns what takes the request, its head first */
  enter(downstream: Downstream, head: Head, options: EnterOptions): Receiver;
  /**
   * Takes connections that others accept; `drain` and `close` see to them as to the listeners' own.
   * @param open gets the way in, and the milliseconds that a connection has for its first bytes
   */
  adopt<Kind extends Adopted>(
    cors: CorsSettings | null,
    open: (acceptor: Acceptor, headTimeoutMs: number) => Kind,
  ): Kind;
  /** Whether calls are logged from now on, whatever the settings say. */
  logCalls(on: boolean): void;
  readonly view: GatewayView;
}

export interface EnterOptions {
  readonly cors: CorsSettings | null;
  /** The client sees trailers: without them native gRPC is refused. */
  readonly trailers: boolean;
}

/** Connections that somebody else has accepted. */
export interface Adopted {
  /** How many are open. */
  connections(): number;
  /** Destroys them; resolves when all are closed. */
  close(): Promise<void>;
}

export interface FetchOptions {
  /** The client's address, for logs. Default: unknown. */
  readonly peer?: string;
  /** Which pages may call, unless a route says otherwise. Default: none. */
  readonly cors?: CorsSettings | null;
}

export type CreateGateway = (settings: Settings, machine: Machine, log: Log) => Gateway;
