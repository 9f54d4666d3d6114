import type { Flow, Receiver } from "../http2/receiver.ts";

/**
 * The client's end of a call: takes the answer as a {@link Receiver}, and word of request bytes that have left as a
 * {@link Flow}. An HTTP/2 stream is one, a fetch request another, and a protocol's response stage in front of either.
 */
export interface Downstream extends Receiver, Flow {
  /** Told when bytes given to `data` have left. */
  source: Flow | null;
  /** The client's address, for logs; empty when unknown. */
  readonly peer: string;
}
