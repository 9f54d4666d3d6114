import type { BackendView, GatewayView, ListenerView } from "./admin/view.ts";
import { Backend } from "./balancing/backend.ts";
import { viewOf } from "./balancing/backend-view.ts";
import { Dialler } from "./balancing/dialler.ts";
import type { BackendSettings, CorsSettings, ListenerSettings, Settings, Target } from "./config/settings.ts";
import { ConnectionAges, type Retirable } from "./connection-ages.ts";
import { createResolver } from "./discovery/create-resolver.ts";
import { parseTarget } from "./discovery/target.ts";
import { type EntranceParts, enter, enterHttp1, type Routed } from "./entrance.ts";
import { PemFiles, type PemPaths } from "./files/pem-files.ts";
import type { Adopted, CreateGateway, EnterOptions, FetchOptions, Gateway } from "./gateway-api.ts";
import { CommonFields } from "./http1/response-head.ts";
import { Http1Connection, type Http1Events } from "./http1/server-connection.ts";
import { Budget } from "./http2/budget.ts";
import { Flusher } from "./http2/flusher.ts";
import type { Head, Receiver } from "./http2/receiver.ts";
import { ServerConnection, type ServerEvents } from "./http2/server-connection.ts";
import { type Sweepable, Sweeper } from "./http2/sweeper.ts";
import { BackendJson } from "./json/backend-json.ts";
import { classify, type Request } from "./protocols/classify.ts";
import { isPreflight } from "./protocols/cors.ts";
import { Deadlines } from "./protocols/deadlines.ts";
import type { Downstream } from "./protocols/downstream.ts";
import { enterFetch } from "./protocols/fetch.ts";
import { overflowOf } from "./protocols/header-list.ts";
import { HeldMessages } from "./protocols/held-messages.ts";
import { createRouter, type Decision, type Router, type Taken } from "./routing/router.ts";
import type {
  Acceptor,
  DialTls,
  Listening,
  ListenTls,
  Log,
  LogFields,
  Machine,
  Pem,
  Timer,
} from "./runtime/machine.ts";

/** Puts a gateway together from checked settings. Nothing is opened before `start`. */
export const createGateway: CreateGateway = (settings, machine, log) => new RunningGateway(settings, machine, log);

/** A connection of a client's, of either HTTP version. */
interface DownstreamConnection extends Sweepable, Retirable {
  /** A call is open on it. */
  readonly busy: boolean;
  /** Ends in order: no new call is taken, and the open ones finish. */
  drain(): void;
}

type State = "starting" | "ready" | "draining" | "stopped";

class RunningGateway implements Gateway, GatewayView {
  readonly view: GatewayView = this;
  readonly #settings: Settings;
  readonly #machine: Machine;
  readonly #log: Log;
  readonly #flusher: Flusher;
  readonly #sweeper: Sweeper;
  readonly #budget: Budget;
  readonly #deadlines: Deadlines;
  readonly #router: Router;
  readonly #backends = new Map<string, Backend>();
  /** Of each backend, by the same name. */
  readonly #json = new Map<string, BackendJson>();
  readonly #listeners: { readonly settings: ListenerSettings; readonly listening: Listening }[] = [];
  readonly #adopted: Adopted[] = [];
  readonly #connections = new Set<DownstreamConnection>();
  readonly #entrance: EntranceParts & { access: boolean };
  readonly #commonFields: CommonFields;
  readonly #dialler: Dialler;
  readonly #certificates: PemFiles[] = [];
  #drained: Promise<boolean> | null = null;
  #state: State = "starting";
  /** The drain delay is over: connections that were accepted before it ended are drained like the others. */
  #leaving = false;
  /** Called when the last downstream connection has gone. */
  #emptied: (() => void) | null = null;

  constructor(settings: Settings, machine: Machine, log: Log) {
    this.#settings = settings;
    this.#machine = machine;
    this.#log = log;
    this.#flusher = new Flusher(machine.soon);
    this.#sweeper = new Sweeper(machine.clock);
    const { maxBufferedBytes } = settings.limits;
    this.#budget = new Budget(maxBufferedBytes / 2);
    this.#dialler = new Dialler(machine.dial, this.#sweeper, {
      flusher: this.#flusher,
      budget: this.#budget,
      limits: settings.limits,
    });
    this.#deadlines = new Deadlines(machine.clock);
    this.#commonFields = new CommonFields(machine.clock, settings.limits.connectionIdleTimeout);
    this.#router = createRouter(settings.routes, machine.random);
    this.#entrance = {
      clock: machine.clock,
      deadlines: this.#deadlines,
      // Not the budget of the windows: whoever holds much in these two must not stop the credit of all connections.
      // Copies for retries up to its bound, and as much again of requests that no pod has yet.
      budget: new Budget(maxBufferedBytes / 8),
      held: new HeldMessages(maxBufferedBytes / 4),
      log,
      access: settings.log.access,
      route: (request, head) => this.#route(request, head),
    };
  }

  // ── Start and stop ──────────────────────────────────────────────────────────────────────────────────────────────────

  async start(): Promise<void> {
    try {
      for (const one of this.#settings.backends) this.#backends.set(one.name, await this.#createBackend(one));
      for (const json of this.#json.values()) await json.start();
      for (const listener of this.#settings.listeners) await this.#listen(listener);
    } catch (error) {
      await this.close();
      throw error;
    }
    for (const backend of this.#backends.values()) backend.start();
    this.#state = "ready";
  }

  drain(): Promise<boolean> {
    if (this.#drained === null && this.#state !== "ready") return Promise.resolve(true);
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<boolean> {
    this.#state = "draining";
    const { drainDelay, drainTimeout } = this.#settings;
    // At the end of the delay one between two calls could only be cut, and a call that is on its way then would be lost.
    for (const connection of this.#connections) if (connection instanceof Http1Connection) connection.retire();
    if (drainDelay > 0) await this.#sleep(drainDelay);
    this.#leaving = true;
    for (const { listening } of this.#listeners) listening.stop();
    for (const connection of this.#connections) connection.drain();
    const finished = await this.#allGone(drainTimeout);
    await this.close();
    return finished;
  }

  async close(): Promise<void> {
    this.#state = "stopped";
    for (const backend of this.#backends.values()) backend.close();
    for (const json of this.#json.values()) json.stop();
    for (const certificates of this.#certificates) certificates.stop();
    const accepted = [...this.#listeners.map(({ listening }) => listening), ...this.#adopted];
    await Promise.all([...accepted.map((one) => one.close()), this.#dialler.allClosed()]);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#machine.clock.timer(resolve, ms));
  }

  /** @returns false when calls are left after `ms`; clients that only keep their connection open are no calls */
  #allGone(ms: number): Promise<boolean> {
    if (this.#openConnections() === 0 && this.#callsGone()) return Promise.resolve(true);
    return new Promise((resolve) => {
      let poll: Timer | null = null;
      const timeout = this.#machine.clock.timer(() => {
        poll?.cancel();
        this.#emptied = null;
        resolve(this.#callsGone());
      }, ms);
      const check = (): void => {
        poll?.cancel();
        if (this.#openConnections() > 0 || !this.#callsGone()) {
          // Connections whose first bytes have not come are the listener's: it does not tell when they end. Nor do fetch's calls.
          poll = this.#machine.clock.timer(check, 50);
          return;
        }
        this.#emptied = null;
        timeout.cancel();
        resolve(true);
      };
      this.#emptied = check;
      check();
    });
  }

  #callsGone(): boolean {
    for (const connection of this.#connections) if (connection.busy) return false;
    for (const { endpoints, pending } of this.#backends.values()) {
      if (pending > 0) return false;
      for (const endpoint of endpoints.values()) if (endpoint.outstanding > 0) return false;
    }
    return true;
  }

  #openConnections(): number {
    const adopted = this.#adopted.reduce((sum, one) => sum + one.connections(), 0);
    return this.#listeners.reduce((sum, { listening }) => sum + listening.connections(), adopted);
  }

  // ── Downstream ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async #listen(settings: ListenerSettings): Promise<void> {
    const { name, host, port, tls } = settings;
    const headTimeoutMs = this.#settings.limits.headTimeout;
    const acceptor = this.#acceptor(name, settings.cors, settings.maxConnectionAge);
    let listening: Listening | null = null;
    const pem = await this.#readPem(
      { listener: name },
      tls === null ? null : { ...tls, caFile: tls.clientCaFile },
      (renewed) => listening?.renew(listenTls(renewed)),
    );
    listening = await this.#machine.listen(
      { host, port, headTimeoutMs, ...(pem === null ? {} : { tls: listenTls(pem()) }) },
      acceptor,
    );
    this.#listeners.push({ settings, listening });
  }

  /** @returns gives what is in force; null without TLS */
  async #readPem(of: LogFields, paths: PemPaths | null, renewed?: (pem: Pem) => void): Promise<(() => Pem) | null> {
    if (paths === null) return null;
    const files = new PemFiles(of, paths, { machine: this.#machine, log: this.#log }, renewed);
    this.#certificates.push(files);
    await files.start();
    return () => files.pem;
  }

  adopt<Kind extends Adopted>(
    cors: CorsSettings | null,
    open: (acceptor: Acceptor, headTimeoutMs: number) => Kind,
  ): Kind {
    const adopted = open(this.#acceptor("adopted", cors, null), this.#settings.limits.headTimeout);
    this.#adopted.push(adopted);
    return adopted;
  }

  #acceptor(listener: string, cors: CorsSettings | null, maxAge: number | null): Acceptor {
    const { limits } = this.#settings;
    const ages = maxAge === null ? null : new ConnectionAges(maxAge, this.#machine.random, this.#log);
    const ends = {
      failed: (message: string) => {
        // Peers' mistakes are everyday; ours are to be seen.
        const level = message.startsWith("internal error") ? "error" : "debug";
        this.#log[level]("downstream connection failed", { listener, message });
      },
      closed: (connection: DownstreamConnection) => {
        this.#sweeper.delete(connection);
        if (ages?.delete(connection) === 0) this.#sweeper.delete(ages);
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#emptied?.();
      },
    };
    const http2Events: ServerEvents = {
      ...ends,
      request: (stream, head) => enter(this.#entrance, cors, stream, head, head.overflow),
    };
    const http1Events: Http1Events = {
      ...ends,
      request: (exchange, head) => this.enter(exchange, head, { cors, trailers: false }),
    };
    const options = { flusher: this.#flusher, budget: this.#budget, limits, common: this.#commonFields };
    const welcome = <Kind extends DownstreamConnection>(connection: Kind): Kind => {
      this.#connections.add(connection);
      this.#sweeper.add(connection);
      if (ages?.add(connection) === 1) this.#sweeper.add(ages);
      return connection;
    };
    return {
      http2: (stream) => {
        const connection = welcome(new ServerConnection(stream, options, http2Events));
        if (this.#leaving) connection.drain();
        return connection;
      },
      http1: (stream, secure) => {
        const connection = welcome(new Http1Connection(stream, secure, options, http1Events));
        if (this.#state === "draining") connection.retire();
        return connection;
      },
    };
  }

  fetch(request: globalThis.Request, { peer = "", cors = null }: FetchOptions = {}): Promise<Response> {
    const take = (downstream: Downstream, head: Head) => this.enter(downstream, head, { cors, trailers: false });
    return enterFetch(request, take, peer, this.#machine.clock);
  }

  enter(downstream: Downstream, head: Head, { cors, trailers }: EnterOptions): Receiver {
    const overflow = overflowOf(head.fields, this.#settings.limits);
    return (trailers ? enter : enterHttp1)(this.#entrance, cors, downstream, head, overflow);
  }

  takes(head: Head): boolean {
    const request = classify(head);
    if (request.method === "" || (request.protocol === "other" && !isPreflight(request, head))) return false;
    return this.#route(request, head) !== null;
  }

  logCalls(on: boolean): void {
    this.#entrance.access = on;
  }

  #route(request: Request, head: Head): Routed | null {
    // The router's answer for a method and an authority never changes, and the request lies on the remembered head.
    const known = request.route as { readonly fixed: Routed | null } | Decision | undefined;
    if (known !== undefined && "fixed" in known) return known.fixed;
    const decision = known ?? this.#router.decide(request.service, request.method, request.authority);
    if (decision.kind === "open") {
      request.route = decision;
      return this.#routed(decision.take(head.fields));
    }
    const { backend, route } = decision;
    const fixed = backend === null || route === null ? null : this.#routed({ backend, route });
    request.route = { fixed };
    return fixed;
  }

  #routed(taken: Taken | null): Routed | null {
    const backend = taken === null ? undefined : this.#backends.get(taken.backend);
    const json = taken === null ? undefined : this.#json.get(taken.backend);
    return taken === null || backend === undefined || json === undefined ? null : { backend, route: taken.route, json };
  }

  // ── Upstream ────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #createBackend(settings: BackendSettings): Promise<Backend> {
    const target = parseTarget(settings.target, settings.tls === null ? 80 : 443);
    if ("error" in target) throw new Error(`backend ${settings.name}: ${target.error}`);
    const { dns } = settings;
    const backend = new Backend(settings, {
      machine: this.#machine,
      resolver: createResolver(target.value, dns, this.#machine, this.#log),
      open: this.#dialler.opener(settings.connectTimeout, await this.#dialTls(settings, target.value)),
      log: this.#log,
    });
    const { held } = this.#entrance;
    this.#json.set(settings.name, new BackendJson(backend, { machine: this.#machine, log: this.#log, held }));
    return backend;
  }

  /** @returns asked for each connection, so that one that is opened after a renewal has what was renewed */
  async #dialTls({ name, tls }: BackendSettings, target: Target): Promise<(() => DialTls) | null> {
    const pem = await this.#readPem({ backend: name }, tls);
    if (tls === null || pem === null) return null;
    // Pods are dialled by address, and show a certificate for the Service's name.
    const serverName = tls.serverName ?? (target.kind === "dns" ? target.host : undefined);
    const rest = { ...(serverName === undefined ? {} : { serverName }), insecure: tls.insecure };
    return () => ({ ...pem(), ...rest });
  }

  // ── The view ────────────────────────────────────────────────────────────────────────────────────────────────────────

  state(): State {
    if (this.#state !== "ready") return this.#state;
    for (const backend of this.#backends.values()) if (!backend.answered) return "starting";
    return "ready";
  }

  listeners(): readonly ListenerView[] {
    return this.#listeners.map(({ settings, listening }) => ({
      name: settings.name,
      host: listening.host,
      port: listening.port,
      tls: settings.tls !== null,
      connections: listening.connections(),
    }));
  }

  backends(): readonly BackendView[] {
    return [...this.#backends.values()].map(viewOf);
  }
}

/** Checked configuration names both files. */
function listenTls({ cert = "", key = "", ca }: Pem): ListenTls {
  return { cert, key, ...(ca === undefined ? {} : { clientCa: ca }) };
}
