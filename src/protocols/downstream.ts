import type { Flow, Receiver } from "../http2/receiver.ts";

/** What a response stage tells when it cannot use the pod's answer: a call. */
export interface Unfit {
  /** The client has been told already; the pod's stream is to end. No effect once the call is over. @param code gRPC's */
  unfit(code: number): void;
}

/**
 * The client's end of a call: takes the answer as a {@link Receiver}, and word of request bytes that have left as a
 * {@link Flow}. An HTTP/2 stream is one, a fetch request another, and a protocol's response stage in front of either.
 */
export interface Downstream extends Receiver, Flow {
  /** Told when bytes given to `data` have left. */
  source: Flow | null;
  /** Takes an error of the call's own, the last that it hears of it. Left out: such errors are answers like the pod's. */
  readonly failed?: ((code: number, message: string) => void) | undefined;
  /** The client's address, for logs; empty when unknown. */
  readonly peer: string;
}
