import type { ClientConnection } from "../http2/client-connection.ts";
import type { Address, Clock, Random, Timer } from "../runtime/machine.ts";
import { backoff } from "./backoff.ts";
import type { Candidate } from "./policy.ts";

/** What happens to a connection that is being opened, and later to the connection. */
export interface DialEvents {
  /** HTTP/2 is spoken; streams may be opened. */
  ready(connection: ClientConnection): void;
  capacity(connection: ClientConnection): void;
  /** The pod takes no calls any more on this connection (MAX_CONCURRENT_STREAMS 0), or takes some again. */
  turned(connection: ClientConnection): void;
  /** Many calls were cancelled on it. Clients do that, and the pod would end the connection with the calls of all. */
  worn(connection: ClientConnection): void;
  /** @param inOrder without an error */
  goaway(connection: ClientConnection, message: string, inOrder: boolean): void;
  /** Failed to connect, or over. The message is empty for an orderly end. */
  closed(connection: ClientConnection, message: string): void;
}

/** Opens an HTTP/2 connection to an endpoint. Events may only come after it has returned. */
export type OpenConnection = (address: Address, events: DialEvents) => ClientConnection;

/** A picked call that wants a stream. */
export interface StreamWaiter {
  /** A stream can be opened on this connection, now. */
  opened(connection: ClientConnection): void;
  /** There will be none: nothing of the call has left this process. */
  refused(message: string): void;
}

/** `host:port`, IPv6 in brackets; `unix:path`. The identity of an endpoint. */
export function labelOf(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Who looks after the endpoints of a backend. */
export interface EndpointOwner {
  /** `ready` may have changed. */
  readiness(endpoint: Endpoint): void;
  /** A connection was refused or closed by the pod: the name may point elsewhere by now. */
  lost(endpoint: Endpoint, message: string): void;
  /** A draining endpoint has no calls and no connections left. */
  drained(endpoint: Endpoint): void;
}

export interface EndpointParts {
  readonly open: OpenConnection;
  readonly clock: Clock;
  readonly random: Random;
  readonly owner: EndpointOwner;
}

/** A connection that lived shorter than this, and brought no response, ended by a fault of the pod's: the next one waits. */
const SHORT_LIFE_MS = 1_000;
/** Connections to one pod at most. Each carries as many calls as the pod allows. */
const MAX_CONNECTIONS = 64;

/**
 * One pod address: its connections, and the calls that wait for one. Keeps at least one connection open, ahead of need,
 * and opens another when the pod's MAX_CONCURRENT_STREAMS is reached.
 */
export class Endpoint implements Candidate {
  readonly address: Address;
  /** `host:port` or `unix:path`. */
  readonly label: string;
  outstanding = 0;
  slot = -1;
  /** Calls picked so far. */
  picks = 0;
  connectFailures = 0;
  /** Why the last connection could not be made or was lost; empty before that. */
  lastError = "";
  draining = false;
  /** Grows when the pod behind the address may be another one than before: a connection was made while there was none. */
  generation = 0;
  readonly #parts: EndpointParts;
  readonly #connections: ClientConnection[] = [];
  /** Dialled, not ready yet. */
  readonly #dialling = new Set<ClientConnection>();
  #waiters: StreamWaiter[] = [];
  #failures = 0;
  #readyAt = 0;
  #retry: Timer | null = null;

  constructor(address: Address, parts: EndpointParts) {
    this.address = address;
    this.label = labelOf(address);
    this.#parts = parts;
  }

  get state(): "connecting" | "ready" | "backoff" | "draining" {
    if (this.draining) return "draining";
    if (this.ready) return "ready";
    // A pod that is connected and shut may open any moment, whatever became of a further connection.
    return this.#retry === null || this.#isShut() ? "connecting" : "backoff";
  }

  /** True when a call can be sent, at once or when another one ends. */
  get ready(): boolean {
    if (this.draining) return false;
    for (const connection of this.#connections) if (connection.usable) return true;
    return false;
  }

  get connections(): number {
    return this.#connections.length + this.#dialling.size;
  }

  /** Opens the first connection. Also for an endpoint that was draining and has come back. */
  start(): void {
    this.draining = false;
    if (!this.ready) this.#connect();
  }

  /** Gives the waiter a stream's place at once, or as soon as there is one. */
  request(waiter: StreamWaiter): void {
    const connection = this.#free();
    if (connection !== null) {
      waiter.opened(connection);
      return;
    }
    if (!this.ready && (this.#retry !== null || this.#dialling.size === 0)) {
      // Lost since the pick, or shut. Another pod may take the call; nobody waits for a back-off.
      waiter.refused(this.#retry !== null ? this.lastError : this.#whyShut());
      return;
    }
    this.#waiters.push(waiter);
    this.#widen();
  }

  /** The waiter has gone. */
  withdraw(waiter: StreamWaiter): void {
    const at = this.#waiters.indexOf(waiter);
    if (at >= 0) this.#waiters.splice(at, 1);
  }

  /** The pod has left the set: no new calls; ends when the last one has. */
  drain(): void {
    this.draining = true;
    this.#cancelRetry();
    this.#refuseWaiters(`${this.label} has left the backend`);
    for (const connection of this.#dialling) connection.destroy();
    for (const connection of [...this.#connections]) connection.drain();
    this.#reportDrained();
  }

  /** Ends everything at once. */
  close(): void {
    this.draining = true;
    this.#cancelRetry();
    this.#refuseWaiters("this side is closing");
    for (const connection of [...this.#dialling, ...this.#connections]) connection.destroy();
  }

  #free(): ClientConnection | null {
    for (const connection of this.#connections) if (connection.capacity > 0) return connection;
    return null;
  }

  #connect(): void {
    this.#cancelRetry();
    const { open } = this.#parts;
    const connection = open(this.address, {
      ready: (made) => this.#ready(made),
      capacity: () => this.#serve(),
      turned: () => this.#turned(),
      worn: () => this.#widen(),
      goaway: (left, message, inOrder) => this.#goaway(left, message, inOrder),
      closed: (gone, message) => this.#closed(gone, message),
    });
    this.#dialling.add(connection);
  }

  /** More calls wait than the connections under way will carry: another one. */
  #widen(): void {
    if (this.draining || this.#dialling.size > 0 || this.#retry !== null) return;
    // A pod that takes no calls on one connection would take none on the next.
    if (this.#isShut()) return;
    if (this.#connections.length < MAX_CONNECTIONS) this.#connect();
  }

  #ready(connection: ClientConnection): void {
    this.#dialling.delete(connection);
    if (!this.ready) this.generation++;
    this.#connections.push(connection);
    this.#readyAt = this.#parts.clock.now();
    if (this.draining) connection.drain();
    else for (const other of [...this.#connections]) if (other.worn) other.drain();
    this.#turned();
    this.#serve();
  }

  /** Those that wait need not wait here while the pod takes no calls at all. */
  #turned(): void {
    this.#parts.owner.readiness(this);
    if (!this.ready && this.#dialling.size === 0) this.#refuseWaiters(this.#whyShut());
  }

  #isShut(): boolean {
    return this.#connections.some((connection) => connection.shut);
  }

  #whyShut(): string {
    return `${this.label} takes no calls for now (MAX_CONCURRENT_STREAMS 0)`;
  }

  /** Calls that wait go to connections with room. */
  #serve(): void {
    while (this.#waiters.length > 0) {
      const connection = this.#free();
      if (connection === null) {
        this.#widen();
        return;
      }
      (this.#waiters.shift() as StreamWaiter).opened(connection);
    }
  }

  #goaway(connection: ClientConnection, message: string, inOrder: boolean): void {
    this.lastError = message;
    this.#parts.owner.lost(this, message);
    this.#replace(connection.useful, inOrder);
  }

  #closed(connection: ClientConnection, message: string): void {
    const wasDialled = this.#dialling.delete(connection);
    const at = this.#connections.indexOf(connection);
    if (at >= 0) this.#connections.splice(at, 1);
    if (message !== "") this.lastError = message;
    else if (wasDialled || this.lastError === "") this.lastError = "the pod closed the connection";
    if (this.draining) {
      this.#reportDrained();
      return;
    }
    if (wasDialled) {
      this.connectFailures++;
      if (!this.ready) this.#failures++;
      this.#later();
    }
    if (wasDialled || message !== "") this.#parts.owner.lost(this, this.lastError);
    // It may have been answered after its GOAWAY.
    if (connection.useful) this.#failures = 0;
    this.#replace(connection.useful);
  }

  /** The last usable connection has gone: a new one, at once unless the pod keeps throwing us out. */
  #replace(useful: boolean, inOrder = false): void {
    if (this.draining || this.ready) return;
    this.#parts.owner.readiness(this);
    if (this.#dialling.size > 0) return;
    if (this.#retry === null) {
      const fine = useful || this.#parts.clock.now() - this.#readyAt >= SHORT_LIFE_MS;
      // Servers say goodbye before they answer a connection's last call, which may be its first: once in a row that is no fault.
      if (fine || (inOrder && this.#failures === 0)) {
        this.#failures = fine ? 0 : 1;
        this.#connect();
        return;
      }
      this.#failures++;
      this.#later();
    }
    this.#refuseWaiters(this.lastError);
  }

  /** No attempt to connect for a while, also when it was for one connection more than those that there are. */
  #later(): void {
    if (this.#retry !== null || this.draining) return;
    const { clock, random } = this.#parts;
    // A pod that serves us well and takes no further connection is asked again in a second.
    const failures = this.ready ? 1 : Math.max(1, this.#failures);
    this.#retry = clock.timer(
      () => {
        this.#retry = null;
        const worn = this.#connections.some((connection) => connection.worn && connection.usable);
        if ((!this.ready || worn || this.#waiters.length > 0) && !this.#isShut()) this.#connect();
      },
      backoff(failures, random),
    );
  }

  #cancelRetry(): void {
    this.#retry?.cancel();
    this.#retry = null;
  }

  #refuseWaiters(message: string): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.refused(message);
  }

  #reportDrained(): void {
    if (this.draining && this.outstanding === 0 && this.connections === 0) this.#parts.owner.drained(this);
  }

  /** The policy has uncounted a call of this endpoint. */
  uncounted(): void {
    if (this.draining) this.#reportDrained();
  }
}
