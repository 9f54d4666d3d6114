import type { Random } from "../../src/runtime/machine.ts";
import { type Clients, exponential } from "../balance/simulation.ts";

export interface PopulationOptions {
  readonly clients: number;
  readonly gateways: number;
  /** Calls a second of one client, over its busy and its idle times. */
  readonly rate: number;
  /** Mean length of a busy time in milliseconds, and the fraction of the time that a client is busy. Both times are exponential. */
  readonly busyMs: number;
  readonly busyFraction: number;
  /** So many clients are busy all the time and make this share of all calls; the others make the rest. */
  readonly heavy?: { readonly clients: number; readonly share: number };
}

/**
 * Clients that are busy and idle by turns, and call as a Poisson process while they are busy. Each keeps one connection to one
 * gateway, drawn once, so that gateways have unequally many clients, as behind a load balancer of connections.
 */
export class Population implements Clients {
  gateway = 0;
  /** Calls made by each gateway's clients so far. */
  readonly calls: Float64Array;
  /** Clients of each gateway. */
  readonly connections: Float64Array;
  private readonly gatewayOf: Uint16Array;
  /** All clients; those that are busy stand first. */
  private readonly order: Uint32Array;
  private busy: number;
  /** Per millisecond and client: calls while busy, ends of busy times, ends of idle times. */
  private readonly calling: number;
  private readonly leaving: number;
  private readonly joining: number;
  private readonly heavy: { readonly clients: number; readonly share: number };

  constructor(options: PopulationOptions, random: Random) {
    const { clients, gateways, rate, busyMs, busyFraction, heavy = { clients: 0, share: 0 } } = options;
    this.gatewayOf = Uint16Array.from({ length: clients }, () => Math.floor(random() * gateways));
    this.order = Uint32Array.from({ length: clients }, (_, client) => client);
    // Gateways are drawn, so whoever comes first is as good as any.
    this.busy = Math.round(clients * busyFraction);
    this.calling = rate / 1000 / busyFraction;
    this.leaving = 1 / busyMs;
    this.joining = (this.leaving * busyFraction) / (1 - busyFraction);
    this.heavy = heavy;
    this.calls = new Float64Array(gateways);
    this.connections = new Float64Array(gateways);
    for (const gateway of this.gatewayOf) this.connections[gateway]++;
  }

  next(random: Random): number {
    const { order, calling, leaving, joining } = this;
    for (let gap = 0; ; ) {
      const calls = this.busy * calling;
      const leaves = this.busy * leaving;
      const joins = (order.length - this.busy) * joining;
      gap += exponential(1 / (calls + leaves + joins), random);
      const drawn = random() * (calls + leaves + joins);
      if (drawn < calls) {
        const { clients, share } = this.heavy;
        const caller =
          share > 0 && random() < share ? Math.floor(random() * clients) : order[Math.floor(random() * this.busy)];
        this.gateway = this.gatewayOf[caller];
        this.calls[this.gateway]++;
        return gap;
      }
      if (drawn < calls + leaves) this.swap(Math.floor(random() * this.busy), --this.busy);
      else this.swap(this.busy + Math.floor(random() * (order.length - this.busy)), this.busy++);
    }
  }

  private swap(a: number, b: number): void {
    const { order } = this;
    const client = order[a];
    order[a] = order[b];
    order[b] = client;
  }
}
