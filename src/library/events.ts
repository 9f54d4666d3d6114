import type { GatewayView } from "../admin/view.ts";
import type { Log, LogFields } from "../runtime/machine.ts";

/** What happens in a gateway, by name, with what its listeners are told. */
export interface GatewayEvents {
  /** Once it is ready, when it drains, and when it has stopped. It is ready when every backend's name has been resolved once. */
  readonly stateChanged: { readonly state: GatewayState; readonly before: GatewayState };
  /** The set of a backend's pods is another one. They are named as `host:port` or `unix:path`; draining ones have left it. */
  readonly endpointsChanged: { readonly backend: string; readonly endpoints: readonly string[] };
  /** A backend's name could not be resolved; told once, until it can be again. The pods that are known stay in force. */
  readonly resolutionFailed: { readonly backend: string; readonly outcome: string; readonly message: string };
  /** A connection could not be made, was lost, or was ended by the rules of HTTP/2: to a pod, or from a client. */
  readonly connectionFailed:
    | { readonly side: "upstream"; readonly backend: string; readonly endpoint: string; readonly message: string }
    | { readonly side: "downstream"; readonly listener: string; readonly message: string };
  /** A call has ended, in whatever way. Costs a call about a microsecond while somebody listens, and nothing otherwise. */
  readonly callFinished: FinishedCall;
}

/** As in {@link GatewayView.state}. */
export type GatewayState = ReturnType<GatewayView["state"]>;

/** One call through the gateway. */
export interface FinishedCall {
  /** `/package.Service/Method`, its first 200 characters. */
  readonly path: string;
  /** As the client spoke it: `grpc`, `grpc-web`, `grpc-web-text`, `connect-unary`, `connect-get` or `connect-stream`. */
  readonly protocol: string;
  /** The name of its backend. */
  readonly backend: string;
  /** The pod of the last attempt; null when there was none. */
  readonly endpoint: string | null;
  /** gRPC's status code, 0 to 16. */
  readonly code: number;
  /** How many pods were tried: 1, and more with transparent retries; 0 when no pod was picked. */
  readonly attempts: number;
  /** From its arrival to its end, milliseconds, to the microsecond. */
  readonly ms: number;
  /** The client's address, `host:port`; empty when it is unknown. */
  readonly peer: string;
}

/** Takes one kind of event. What it throws is logged and goes no further. */
export type GatewayListener<Name extends keyof GatewayEvents> = (event: GatewayEvents[Name]) => void;

/** All of their names. */
export const eventNames: readonly (keyof GatewayEvents)[] = [
  "stateChanged",
  "endpointsChanged",
  "resolutionFailed",
  "connectionFailed",
  "callFinished",
];

type Listeners = { [Name in keyof GatewayEvents]: Set<GatewayListener<Name>> };

/**
 * The gateway's events as its parts tell them: they are lines of a {@link Log}, which has a listener here besides. Nothing is
 * worked out for events that nobody listens to.
 */
export class EventSource {
  readonly #listeners: Listeners = {
    stateChanged: new Set(),
    endpointsChanged: new Set(),
    resolutionFailed: new Set(),
    connectionFailed: new Set(),
    callFinished: new Set(),
  };
  readonly #log: Log;
  readonly #accessLog: boolean;
  #view: GatewayView | null = null;
  #state: GatewayState = "starting";
  #logCalls: (on: boolean) => void = () => {};

  /** @param accessLog calls go to the log, too */
  constructor(log: Log, accessLog: boolean) {
    this.#log = log;
    this.#accessLog = accessLog;
  }

  /** @param logCalls switches the lines of calls on and off */
  watch(view: GatewayView, logCalls: (on: boolean) => void): void {
    this.#view = view;
    this.#logCalls = logCalls;
    this.#switchCalls();
  }

  on<Name extends keyof GatewayEvents>(name: Name, listener: GatewayListener<Name>): () => void {
    // A function of its own, so that the same listener can be added twice and taken away once.
    const own: GatewayListener<Name> = (event) => listener(event);
    this.#listeners[name].add(own);
    this.#switchCalls();
    return () => {
      this.#listeners[name].delete(own);
      this.#switchCalls();
    };
  }

  #switchCalls(): void {
    this.#logCalls(this.#accessLog || this.#listeners.callFinished.size > 0);
  }

  /** The log that the gateway is given. */
  readonly log: Log = {
    debug: (event, fields) => this.#line("debug", event, fields),
    info: (event, fields) => this.#line("info", event, fields),
    warn: (event, fields) => this.#line("warn", event, fields),
    error: (event, fields) => this.#line("error", event, fields),
  };

  #line(level: keyof Log, event: string, fields: LogFields = {}): void {
    if (event !== "call" || this.#accessLog) this.#log[level](event, fields);
    switch (event) {
      case "call":
        this.#tell("callFinished", () => fields as unknown as FinishedCall);
        return;
      case "endpoints changed":
      case "all endpoints gone":
        this.#tell("endpointsChanged", () => {
          const backend = String(fields.backend);
          return { backend, endpoints: this.#endpointsOf(backend) };
        });
        break;
      case "resolution failed":
        // The resolver has a line of the same name, for every failure and without a backend.
        if (fields.backend === undefined) return;
        this.#tell("resolutionFailed", () => ({
          backend: String(fields.backend),
          outcome: String(fields.outcome),
          message: String(fields.error),
        }));
        break;
      case "connection lost":
        this.#tell("connectionFailed", () => ({
          side: "upstream",
          backend: String(fields.backend),
          endpoint: String(fields.endpoint),
          message: String(fields.message),
        }));
        return;
      case "downstream connection failed":
        this.#tell("connectionFailed", () => ({
          side: "downstream",
          listener: String(fields.listener),
          message: String(fields.message),
        }));
        return;
    }
    // A resolution that has ended may have been the last that was waited for.
    this.lookAtState();
  }

  /** Tells of another state than before. */
  lookAtState(): void {
    if (this.#view !== null) this.changed(this.#view.state());
  }

  /** Tells of a state, unless it is the one before. */
  changed(state: GatewayState): void {
    const before = this.#state;
    if (state === before) return;
    this.#state = state;
    this.#tell("stateChanged", () => ({ state, before }));
  }

  #endpointsOf(name: string): readonly string[] {
    const backend = this.#view?.backends().find((one) => one.name === name);
    return (backend?.endpoints ?? []).filter(({ state }) => state !== "draining").map(({ address }) => address);
  }

  #tell<Name extends keyof GatewayEvents>(name: Name, event: () => GatewayEvents[Name]): void {
    const listeners = this.#listeners[name];
    if (listeners.size === 0) return;
    const told = event();
    for (const listener of [...listeners]) {
      try {
        // It may be an async function all the same, and a rejection that nobody takes ends the process.
        const result: unknown = listener(told);
        if (result instanceof Promise) result.catch((error: unknown) => this.#complain(name, error));
      } catch (error) {
        this.#complain(name, error);
      }
    }
  }

  #complain(event: string, error: unknown): void {
    this.#log.error("a listener has thrown", {
      event,
      message: error instanceof Error ? error.message : String(error),
    });
  }
}
