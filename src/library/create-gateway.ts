import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { BackendView, GatewayView } from "../admin/view.ts";
import type { CorsSettings, Settings } from "../config/settings.ts";
import { createGateway as createRunningGateway } from "../create-gateway.ts";
import { type FileConfig, settingsOf } from "../fetch/fetch-config.ts";
import type { Gateway as RunningGateway } from "../gateway-api.ts";
import { requestHead } from "../protocols/fetch.ts";
import { type AcceptedSocket, type AdoptedSockets, adoptSockets } from "../runtime/adopt.ts";
import { createMachine } from "../runtime/create-machine.ts";
import { guardedLog } from "../runtime/guarded-log.ts";
import type { Log, Machine } from "../runtime/machine.ts";
import { silentLog } from "../runtime/silent-log.ts";
import { EventSource, eventNames, type GatewayEvents, type GatewayListener, type GatewayState } from "./events.ts";
import { answerUniversal } from "./universal.ts";

/**
 * What stands in the configuration file (docs/configuration.md): as an object, names in lowerCamelCase, durations as text such as
 * `"5s"`; or the file's own text, YAML or JSON.
 */
export type GatewayConfig = FileConfig;

/** What a gateway may be given besides its configuration. */
export interface GatewayOptions {
  /**
   * Takes the gateway's log, one line per event. Of the configuration only `log.access` is heeded. What it throws is dropped.
   * Default: nobody.
   */
  readonly log?: Log;
  /** The machine under it: clock, sockets, DNS, files. Default: the real one; tests give another. */
  readonly machine?: Machine;
}

/** Where a listener listens. */
export interface GatewayAddress {
  /** As configured; `host:port` without a name. */
  readonly name: string;
  /** As configured. */
  readonly host: string;
  /** The real one when 0 was asked for. */
  readonly port: number;
  /** Clients speak TLS to it. */
  readonly tls: boolean;
}

/** A gateway in this process. Calls come to it by listeners, by sockets that others accept, or in the form of a framework. */
export interface Gateway {
  /**
   * Starts with the listeners of the configuration (`0.0.0.0:8080` when it names none). The second time gives the same answer.
   * @throws (rejects) Error when the configuration is wrong, a line per problem, when a port is taken, when a certificate does not
   * load, and when it has been started without listeners
   */
  listen(): Promise<readonly GatewayAddress[]>;
  /**
   * Starts without listeners: where the other ways in are the only ones. They do so by themselves when it has not been started.
   * @throws (rejects) Error when the configuration is wrong, a line per problem
   */
  start(): Promise<void>;
  /**
   * Takes over a connection that somebody else has accepted: a socket of `node:net`, or of `node:tls` after its handshake, from which
   * nobody has read. HTTP/2 and HTTP/1.1 are told apart by ALPN or by the first bytes, as on a listener. It is closed by its client, or
   * with the gateway; one that comes after `close`, at once.
   * @throws TypeError when an encoding was set, so that it does not give bytes
   */
  handle(socket: AcceptedSocket): void;
  /**
   * Whether a route takes a request: a call's, or a browser's preflight for one. For what stands in front of other handlers; false until
   * the gateway has been started.
   */
  takes(request: Pick<Request, "method" | "url" | "headers">): boolean;
  /**
   * One call of Connect or gRPC-Web in fetch's form. Resolves with the answer's head; its body streams. Native gRPC gets a clear refusal,
   * because a fetch response has no trailers. @throws (rejects) as `start`
   */
  fetch(request: Request, options?: { readonly peer?: string }): Promise<Response>;
  /**
   * One call in the form of Connect's handlers, native gRPC included where the request came by HTTP/2: an answer that the pod broke off ends
   * in a status then.
   * @throws (rejects) the signal's reason when that aborted it, and as `start`
   */
  universal(request: UniversalServerRequest, options?: { readonly peer?: string }): Promise<UniversalServerResponse>;
  /** Calls `listener` at every event of this name from now on. @returns ends that @throws TypeError when there is no such event */
  on<Name extends keyof GatewayEvents>(name: Name, listener: GatewayListener<Name>): () => void;
  /** `starting` until it has been started and every backend's name has been resolved once, well or not. */
  state(): GatewayState;
  /** Listeners and backends with their numbers; null until it has been started. */
  view(): GatewayView | null;
  /**
   * Leaves in order: after `drain.delay` clients are told to go elsewhere, and open calls have `drain.timeout` to finish; then it is closed.
   * `close` ends the wait.
   * @returns true when every call finished by itself
   */
  drain(): Promise<boolean>;
  /** Ends every call and connection at once; resolves when no socket of the gateway is open. */
  close(): Promise<void>;
}

interface Started {
  readonly running: RunningGateway;
  readonly adopted: AdoptedSockets;
  readonly cors: CorsSettings | null;
}

/**
 * A gateway to embed. Nothing is read or opened before it is started.
 *
 * ```ts
 * const gateway = createGateway({ backends: [{ target: "dns:///echo:50051" }], listeners: [{ port: 8080 }] });
 * const [{ host, port }] = await gateway.listen();
 * ```
 *
 * It opens no admin port: what its pages show is in `view()`.
 * @throws TypeError when `options.log` is no log; what is wrong with the configuration is said at the start
 */
export function createGateway(config: GatewayConfig, options: GatewayOptions = {}): Gateway {
  return new EmbeddedGateway(config, options);
}

class EmbeddedGateway implements Gateway {
  readonly #config: GatewayConfig;
  readonly #machine: Machine;
  readonly #log: Log;
  /** Those who have listened since before it was started; kept until that succeeds, because each try has events of its own. */
  readonly #early = new Set<(events: EventSource) => void>();
  #events: EventSource | null = null;
  #starting: Promise<Started> | null = null;
  #started: Started | null = null;
  #listens = false;
  #closed = false;
  #end = (): void => {};
  /** `close` has ended everything: a drain need not wait any longer. */
  readonly #ended = new Promise<true>((resolve) => {
    this.#end = () => resolve(true);
  });
  /** `close` has cut calls off. */
  #cut = false;

  constructor(config: GatewayConfig, options: GatewayOptions) {
    this.#config = config;
    this.#machine = options.machine ?? createMachine();
    this.#log = options.log === undefined ? silentLog : guardedLog(options.log);
  }

  // ── Start and stop ──────────────────────────────────────────────────────────────────────────────────────────────────

  async listen(): Promise<readonly GatewayAddress[]> {
    if (this.#starting !== null && !this.#listens) throw new Error("the gateway has been started without listeners");
    this.#listens = true;
    const { running } = await this.#start();
    return running.view.listeners().map(({ name, host, port, tls }) => ({ name, host, port, tls }));
  }

  async start(): Promise<void> {
    await this.#start();
  }

  #start(): Promise<Started> {
    if (this.#closed) return Promise.reject(new Error("the gateway is closed"));
    this.#starting ??= this.#run().catch((error: unknown) => {
      // What was wrong may be right the next time: a file, a port.
      this.#starting = null;
      this.#listens = false;
      this.#events = null;
      throw error;
    });
    return this.#starting;
  }

  async #run(): Promise<Started> {
    const settings: Settings = await settingsOf(this.#config, this.#machine);
    const events = new EventSource(this.#log, settings.log.access);
    const listeners = this.#listens ? settings.listeners : [];
    const running = createRunningGateway({ ...settings, listeners }, this.#machine, events.log);
    events.watch(running.view, (on) => running.logCalls(on));
    for (const listen of this.#early) listen(events);
    this.#events = events;
    await running.start();
    const cors = settings.listeners[0]?.cors ?? null;
    const started = { running, cors, adopted: running.adopt(cors, adoptSockets) };
    this.#started = started;
    this.#early.clear();
    events.lookAtState();
    if (this.#closed) await running.close();
    return started;
  }

  async drain(): Promise<boolean> {
    const started = await this.#starting?.catch(() => null);
    this.#closed = true;
    if (started === null || started === undefined) {
      this.#neverRun();
      return true;
    }
    const drained = started.running.drain();
    this.#events?.lookAtState();
    const clean = await Promise.race([drained, this.#ended]);
    this.#events?.lookAtState();
    return clean && !this.#cut;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const started = await this.#starting?.catch(() => null);
    if (started === null || started === undefined) {
      this.#neverRun();
      return;
    }
    const { running } = started;
    // To a drain under way these would look like calls that have finished.
    this.#cut ||= running.view.backends().some(hasCalls);
    await running.close();
    this.#end();
    this.#events?.lookAtState();
  }

  /** It is over, and has never been anything else than starting: those who listen hear of that, too. */
  #neverRun(): void {
    const events = new EventSource(this.#log, false);
    for (const listen of this.#early) listen(events);
    this.#early.clear();
    events.changed("stopped");
  }

  // ── Calls ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  handle(socket: AcceptedSocket): void {
    const { readableEncoding } = socket;
    if (typeof readableEncoding === "string")
      throw new TypeError(`the socket gives text (setEncoding("${readableEncoding}")), and bytes are needed`);
    if (this.#started !== null) {
      this.#started.adopted.handle(socket);
      return;
    }
    // A reset meanwhile must not end the process.
    socket.on("error", () => {});
    this.#start().then(
      ({ adopted }) => adopted.handle(socket),
      (error: unknown) => {
        this.#log.error("cannot start", { error: error instanceof Error ? error.message : String(error) });
        socket.destroy();
      },
    );
  }

  takes(request: Pick<Request, "method" | "url" | "headers">): boolean {
    return this.#started?.running.takes(requestHead(request)) ?? false;
  }

  async fetch(request: Request, { peer = "" }: { readonly peer?: string } = {}): Promise<Response> {
    const { running, cors } = this.#started ?? (await this.#start());
    return running.fetch(request, { peer, cors });
  }

  async universal(
    request: UniversalServerRequest,
    { peer = "" }: { readonly peer?: string } = {},
  ): Promise<UniversalServerResponse> {
    const { running, cors } = this.#started ?? (await this.#start());
    return answerUniversal(running, request, cors, peer);
  }

  // ── What is seen of it ──────────────────────────────────────────────────────────────────────────────────────────────

  on<Name extends keyof GatewayEvents>(name: Name, listener: GatewayListener<Name>): () => void {
    if (!eventNames.includes(name))
      throw new TypeError(`there is no event ${String(name)}; there are ${eventNames.join(", ")}`);
    if (typeof listener !== "function") throw new TypeError(`the listener of ${name} is no function`);
    if (this.#started !== null && this.#events !== null) return this.#events.on(name, listener);
    let off = (): void => {};
    const early = (events: EventSource): void => {
      off = events.on(name, listener);
    };
    this.#early.add(early);
    if (this.#events !== null) early(this.#events);
    return () => {
      this.#early.delete(early);
      off();
    };
  }

  state(): GatewayState {
    if (this.#started === null) return this.#closed ? "stopped" : "starting";
    return this.#started.running.view.state();
  }

  view(): GatewayView | null {
    return this.#started?.running.view ?? null;
  }
}

function hasCalls({ endpoints, pending }: BackendView): boolean {
  return pending > 0 || endpoints.some(({ outstanding }) => outstanding > 0);
}
