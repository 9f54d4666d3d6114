import type { ByteStreamHandler, Dial } from "../../../src/runtime/machine.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { MemoryStream } from "../../support/memory-stream.ts";
import { Tap } from "./wire.ts";

/** One connection: two memory streams and what goes over them. `client` opened it, `server` accepted it. */
export class Link {
  readonly client: MemoryStream;
  readonly server: MemoryStream;
  readonly fromClient = new Tap(true);
  readonly fromServer = new Tap(false);
  readonly #finSeen = new Set<MemoryStream>();

  constructor(name: string) {
    this.client = new MemoryStream(name);
    this.server = new MemoryStream(`client-of-${name}`);
  }

  get open(): boolean {
    return !this.client.isClosed || !this.server.isClosed;
  }

  /** The network breaks. Neither side hears more than that. */
  break(message = "read ECONNRESET"): void {
    this.client.close(new Error(message));
    this.server.close(new Error(message));
  }

  /** @returns true when something has moved */
  move(): boolean {
    const forth = this.#carry(this.client, this.server, this.fromClient);
    return this.#carry(this.server, this.client, this.fromServer) || forth;
  }

  #carry(from: MemoryStream, to: MemoryStream, tap: Tap): boolean {
    let moved = false;
    if (from.untaken > 0 && !to.paused) {
      const bytes = from.take();
      tap.push(bytes);
      to.deliver(bytes);
      moved = true;
    }
    if (from.endedByOwner && from.untaken === 0 && !this.#finSeen.has(from)) {
      this.#finSeen.add(from);
      to.deliverEnd();
      moved = true;
    }
    if (from.destroyedByOwner && !to.isClosed) {
      to.close(null);
      moved = true;
    }
    return moved;
  }
}

/** What answers at an address. */
export type Host =
  /** Accepts: makes the handler of the server's end. Delay: milliseconds that a connection takes. */
  | { readonly kind: "accept"; readonly delay?: number; accept(stream: MemoryStream): ByteStreamHandler }
  | { readonly kind: "refuse" }
  /** Packets go nowhere: the attempt times out. */
  | { readonly kind: "silent" };

/**
 * A network without sockets, on a clock that the test moves: everything happens in `settle`, in turns like those of an event
 * loop.
 */
export class Net {
  readonly clock = new FakeClock();
  readonly links: Link[] = [];
  /** Who listens where, by `host:port`; nobody: refused. */
  readonly hosts = new Map<string, Host>();
  /** Addresses dialled so far, in order. */
  readonly dialled: string[] = [];
  #soon: (() => void)[] = [];
  readonly soon = (run: () => void): void => void this.#soon.push(run);

  readonly dial: Dial = (address, { timeoutMs }, handler) => {
    const label = address.kind === "tcp" ? `${address.host}:${address.port}` : `unix:${address.path}`;
    this.dialled.push(label);
    const host = this.hosts.get(label) ?? { kind: "refuse" };
    if (host.kind === "accept") return this.connect(label, handler, (stream) => host.accept(stream), host.delay).client;
    const stream = new MemoryStream(label);
    if (host.kind === "refuse") {
      this.soon(() => stream.close(new Error(`connect ECONNREFUSED ${label}`)));
      return stream.attach(handler);
    }
    const timeout = () => stream.close(new Error(`connect ${label}: not established within ${timeoutMs} ms`));
    const timer = this.clock.timer(timeout, timeoutMs);
    const closed = (reason: Error | null) => {
      timer.cancel();
      handler.closed(reason);
    };
    return stream.attach({ received: () => {}, drained: () => {}, ended: () => {}, closed });
  };

  /** Connects two ends, at the next turn or `delay` milliseconds later. */
  connect(
    name: string,
    handler: ByteStreamHandler,
    accept: (stream: MemoryStream) => ByteStreamHandler,
    delay = 0,
  ): Link {
    const link = new Link(name);
    this.links.push(link);
    link.client.attach(handler);
    const establish = () => {
      if (link.client.isClosed || link.client.destroyedByOwner) {
        link.server.close(null);
        return;
      }
      link.server.attach(accept(link.server));
      link.client.open();
    };
    if (delay > 0) this.clock.timer(establish, delay);
    else this.soon(establish);
    return link;
  }

  linksTo(label: string): Link[] {
    return this.links.filter((link) => link.client.peer === label);
  }

  get open(): number {
    return this.links.filter((link) => link.open).length;
  }

  /** Runs turns until nothing happens any more. Time stands still. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      quiet = this.turn() ? 0 : quiet + 1;
      // Lets promises and the streams' own microtasks run.
      await new Promise(setImmediate);
    }
  }

  /** One turn: what was planned, then what was written. */
  turn(): boolean {
    const planned = this.#soon;
    this.#soon = [];
    for (const run of planned) run();
    let moved = planned.length > 0;
    for (const link of this.links) if (link.open && link.move()) moved = true;
    return moved;
  }

  /** Moves time in small steps, and settles after each. */
  async advance(ms: number, step = ms): Promise<void> {
    for (let left = ms; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left));
      await this.settle();
    }
  }
}
