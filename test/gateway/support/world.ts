import { onTestFinished } from "vitest";
import type { BackendSettings, Settings } from "../../../src/config/settings.ts";
import { createGateway } from "../../../src/create-gateway.ts";
import type { Gateway } from "../../../src/gateway-api.ts";
import { Budget } from "../../../src/http2/budget.ts";
import { Flusher } from "../../../src/http2/flusher.ts";
import type { Http2Limits } from "../../../src/http2/limits.ts";
import { Deadlines } from "../../../src/protocols/deadlines.ts";
import { inflate } from "../../../src/runtime/inflate.ts";
import type { Acceptor, Listening, Machine } from "../../../src/runtime/machine.ts";
import { collectingLog } from "../../support/collecting-log.ts";
import { mulberry32 } from "../../support/mulberry32.ts";
import { TestClient } from "./client.ts";
import { Http1Client } from "./http1-client.ts";
import { type Link, Net } from "./net.ts";
import { Pod } from "./pod.ts";
import { gatewaySettings } from "./settings.ts";

/** Where the only pod of most tests listens. */
export const POD = "10.0.0.1:9000";

// The gateway does not show these two, and a test has to see that they are empty. Every test file is a process of its own.
const budgets = new Set<Budget>();
const wheels = new Set<Deadlines>();
const { hold } = Budget.prototype;
Budget.prototype.hold = function (bytes) {
  budgets.add(this);
  hold.call(this, bytes);
};
const { add } = Deadlines.prototype;
Deadlines.prototype.add = function (deadline) {
  wheels.add(this);
  add.call(this, deadline);
};

export interface WorldOptions {
  readonly settings?: Partial<Settings>;
  readonly backend?: Partial<BackendSettings>;
  readonly random?: () => number;
  /** Files of the machine, as they are when they are read. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** Answers DNS questions; nobody when left out. */
  readonly dns?: Machine["dns"];
}

const noDns: Machine["dns"] = { exchange: () => Promise.reject(new Error("no DNS in this test")) };

/** A gateway between clients and pods that the test plays, on a network and a clock that it moves. */
export class World {
  readonly net = new Net();
  readonly clock = this.net.clock;
  readonly log = collectingLog();
  readonly gateway: Gateway;
  readonly settings: Settings;
  /** Of pods and clients; not the gateway's. */
  readonly options = { flusher: new Flusher(this.net.soon), budget: new Budget(1 << 30) };
  readonly downstream: Link[] = [];
  #acceptor: Acceptor | null = null;
  #accepting = false;
  /** Calls are still open on purpose: `close` is what ends them. */
  leavesCalls = false;

  constructor({
    settings = {},
    backend = {},
    random = mulberry32(1),
    files = new Map(),
    dns = noDns,
  }: WorldOptions = {}) {
    this.settings = gatewaySettings(settings, backend);
    const machine: Machine = {
      clock: this.clock,
      random,
      dial: this.net.dial,
      listen: (options, acceptor) => Promise.resolve(this.#listen(options, acceptor)),
      dns,
      readText: () => Promise.reject(new Error("no files in this test")),
      readBytes: async (path) => {
        const bytes = files.get(path);
        if (bytes === undefined) throw new Error(`no such file: ${path}`);
        return bytes;
      },
      inflate,
      soon: this.net.soon,
      openSockets: () => this.net.open,
    };
    this.gateway = createGateway(this.settings, machine, this.log);
  }

  #listen(options: { readonly host: string; readonly port: number }, acceptor: Acceptor): Listening {
    this.#acceptor = acceptor;
    this.#accepting = true;
    const stop = () => {
      this.#accepting = false;
    };
    return {
      ...options,
      connections: () => this.downstream.filter((link) => !link.server.isClosed).length,
      renew: () => {},
      stop,
      close: async () => {
        stop();
        for (const link of this.downstream) link.server.destroy();
        while (this.downstream.some((link) => link.open)) await new Promise(setImmediate);
      },
    };
  }

  settle(): Promise<void> {
    return this.net.settle();
  }

  advance(ms: number, step?: number): Promise<void> {
    return this.net.advance(ms, step);
  }

  /** Puts a pod at an address. */
  pod(label = POD, limits: Partial<Http2Limits> = {}): Pod {
    const pod = new Pod(this.options, limits);
    this.net.hosts.set(label, pod);
    return pod;
  }

  /** A client whose connection is established. */
  async client(limits: Partial<Http2Limits> = {}): Promise<TestClient & { readonly link: Link }> {
    if (!this.#accepting) throw new Error("the gateway does not listen");
    const client = new TestClient(this.options, limits);
    const link = this.net.connect("gateway", client.connection, (stream) => {
      if (this.#acceptor === null) throw new Error("the gateway does not listen");
      return this.#acceptor.http2(stream, false);
    });
    this.downstream.push(link);
    client.connection.attach(link.client);
    await this.settle();
    return Object.assign(client, { link });
  }

  /** A client of HTTP/1.1 whose connection is established. */
  async http1(): Promise<Http1Client & { readonly link: Link }> {
    if (!this.#accepting) throw new Error("the gateway does not listen");
    const client = new Http1Client();
    const link = this.net.connect("gateway", client, (stream) => {
      if (this.#acceptor === null) throw new Error("the gateway does not listen");
      return this.#acceptor.http1(stream, false);
    });
    this.downstream.push(link);
    client.attach(link.client);
    await this.settle();
    return Object.assign(client, { link });
  }

  /** One request in fetch's form, as serverless platforms give it. The answer comes while the world settles. */
  async fetch(request: Request): Promise<Response> {
    if (!this.#accepting) throw new Error("the gateway does not listen");
    return this.gateway.fetch(request, { cors: this.settings.listeners[0].cors });
  }

  get accepting(): boolean {
    return this.#accepting;
  }

  /** The only backend's numbers. */
  get backend() {
    const [backend] = this.gateway.view.backends();
    return backend;
  }

  get endpoint() {
    const [endpoint] = this.backend.endpoints;
    return endpoint;
  }

  /** Calls outstanding at all endpoints. */
  get outstanding(): number {
    return this.gateway.view
      .backends()
      .flatMap((backend) => backend.endpoints)
      .reduce((sum, { outstanding }) => sum + outstanding, 0);
  }

  /** Bytes that the gateway holds. */
  get held(): number {
    return [...budgets].reduce((sum, budget) => sum + (budget === this.options.budget ? 0 : budget.held), 0);
  }

  /** Of them, bytes that cannot give way. */
  get pinned(): number {
    return [...budgets].reduce((sum, budget) => sum + budget.pinned, 0);
  }

  get deadlines(): number {
    return [...wheels].reduce((sum, wheel) => sum + wheel.size, 0);
  }

  /** What must hold after every test. @throws when it does not */
  async check(): Promise<void> {
    await this.settle();
    const left: string[] = [];
    const need = (what: string, count: number) => {
      if (count !== 0) left.push(`${count} ${what}`);
    };
    if (!this.leavesCalls) {
      need("outstanding calls", this.outstanding);
      need("pending calls", this.backend?.pending ?? 0);
      need("bytes held", this.held);
      need("bytes pinned", this.pinned);
      need("deadlines", this.deadlines);
    }
    const closed = this.gateway.close();
    await this.settle();
    await closed;
    need("outstanding calls after close", this.outstanding);
    need("bytes held after close", this.held);
    need("deadlines after close", this.deadlines);
    need("connections after close", this.net.open);
    // Those that wait for a client that is refused end by themselves.
    await this.advance(2_000);
    need("timers after close", this.clock.pending);
    budgets.clear();
    wheels.clear();
    if (left.length > 0) throw new Error(`left over after the test: ${left.join("; ")}`);
  }
}

/** A started gateway. Afterwards nothing of it may be left: see {@link World.check}. */
export async function startWorld(
  options: WorldOptions = {},
  prepare: (world: World) => void = () => {},
): Promise<World> {
  const world = new World(options);
  prepare(world);
  onTestFinished(() => world.check());
  await world.gateway.start();
  await world.settle();
  return world;
}

/** One pod, one client, everything connected. */
export async function startTriple(options: WorldOptions = {}, limits: Partial<Http2Limits> = {}) {
  let pod: Pod | undefined;
  const world = await startWorld(options, (made) => {
    pod = made.pod(POD, limits);
  });
  const client = await world.client();
  const [upstream] = world.net.linksTo(POD);
  return { world, pod: pod as Pod, client, upstream };
}
