/** Times in milliseconds. */
export interface KeepaliveOptions {
  /** Silence of a connection with open streams after which a PING asks whether the peer is still there. */
  readonly time: number;
  /** How long the answer may take. */
  readonly timeout: number;
  /** Least time between two PINGs without anything but their answers received in between. */
  readonly minimumGap: number;
}

/**
 * grpc-go's servers allow one PING in five minutes and forgive two more (gRFC A8 and grpc-go's EnforcementPolicy), counted
 * anew whenever they send something: so one PING after a short silence, and the next after the gap.
 */
export const defaultKeepalive: KeepaliveOptions = { time: 20_000, timeout: 10_000, minimumGap: 300_000 };

/** Decides when to send PING, and when a peer is dead. Fed once a sweep. */
export class Keepalive {
  readonly #options: KeepaliveOptions;
  #gap: number;
  #silent = 0;
  /** Milliseconds since the last PING without other signs of life; Infinity when there was one. */
  #sincePing = Number.POSITIVE_INFINITY;
  #waiting = -1;

  constructor(options: KeepaliveOptions) {
    this.#options = options;
    this.#gap = options.minimumGap;
  }

  acked(): void {
    this.#waiting = -1;
  }

  /** gRFC A8: on `too_many_pings` the time between pings is doubled. */
  tooManyPings(): void {
    this.#gap *= 2;
  }

  /**
   * @param active something was received since the last sweep
   * @param busy streams are open
   */
  sweep(ms: number, active: boolean, busy: boolean): "nothing" | "ping" | "dead" {
    this.#sincePing += ms;
    if (this.#waiting >= 0) {
      this.#waiting += ms;
      if (active) this.#waiting = -1;
      else if (this.#waiting > this.#options.timeout) return "dead";
      else return "nothing";
    }
    if (active) {
      // The answer to our own PING is no reason to send the next one.
      if (this.#silent < this.#options.time) this.#sincePing = Number.POSITIVE_INFINITY;
      this.#silent = 0;
      return "nothing";
    }
    this.#silent += ms;
    const due = busy ? this.#silent >= this.#options.time : this.#silent >= this.#gap;
    if (!due || this.#sincePing < this.#gap) return "nothing";
    this.#sincePing = 0;
    this.#waiting = 0;
    return "ping";
  }
}
