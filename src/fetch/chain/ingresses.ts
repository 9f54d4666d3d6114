import type { Clock, Random } from "../../runtime/machine.ts";

/** How long an ingress that could not be reached is asked last: about as long as a load balancer takes to see it itself. */
const AVOID_MS = 5_000;

export interface Ingress {
  /** Origin and path prefix, without a slash at the end. */
  readonly url: string;
  /** Calls of this isolate that have not ended. */
  outstanding: number;
  /** On the clock: until then it is asked only when there is no other. */
  avoidedUntil: number;
}

/** The gateways that calls may go to, as this isolate knows them. */
export class Ingresses {
  readonly all: readonly Ingress[];
  readonly #clock: Pick<Clock, "now">;
  readonly #random: Random;

  constructor(urls: readonly string[], clock: Pick<Clock, "now">, random: Random) {
    this.all = urls.map((url) => ({ url, outstanding: 0, avoidedUntil: Number.NEGATIVE_INFINITY }));
    this.#clock = clock;
    this.#random = random;
  }

  /** In the order in which they are to be asked: those that answer, the least busy one first, equals in random order. */
  order(): Ingress[] {
    const now = this.#clock.now();
    return this.all
      .map((ingress) => ({ ingress, avoided: ingress.avoidedUntil > now ? 1 : 0, draw: this.#random() }))
      .sort((a, b) => a.avoided - b.avoided || a.ingress.outstanding - b.ingress.outstanding || a.draw - b.draw)
      .map(({ ingress }) => ingress);
  }

  avoid(ingress: Ingress): void {
    ingress.avoidedUntil = this.#clock.now() + AVOID_MS;
  }

  answered(ingress: Ingress): void {
    ingress.avoidedUntil = Number.NEGATIVE_INFINITY;
  }
}
