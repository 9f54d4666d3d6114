/**
 * The seam that carries everything: one direction of a call, pushed, never buffered whole. The HTTP/2 engine, the
 * protocol stages and the adapters for HTTP/1.1 and fetch all speak it.
 */

/**
 * A header list as a flat array: name, value, name, value, in wire order, pseudo-fields first. Names are lower case. Both
 * are latin1 strings: one character per byte. Flat, because a list of pairs costs an object per field on the hot path.
 */
export type Fields = readonly string[];

/**
 * One header section. The HPACK decoder hands out the *same object* again when the peer repeats the same block, so a Head
 * is never modified, and what is derived from it (classification, route, encoded bytes) can be remembered on it.
 */
export interface Head {
  readonly fields: Fields;
  /** Positions in `fields` (of the name) that came never-indexed and must be sent so (RFC 7541 7.1.3); null for none. */
  readonly neverIndexed: readonly number[] | null;
  /** For whoever receives the head first; see above. Undefined until set. */
  memo: unknown;
}

/** Why a direction ended before its end. */
export interface Abort {
  /** Who ended it: the peer by RST_STREAM, the peer's connection (GOAWAY or lost), or we ourselves by a limit or by choice. */
  readonly by: "reset" | "connection" | "local";
  /** The HTTP/2 error code that was received or is to be sent (RFC 9113 7). */
  readonly code: number;
  /** True when the peer surely has not processed the stream: REFUSED_STREAM, or above GOAWAY's last-stream-id (RFC 9113 8.7). */
  readonly unprocessed: boolean;
  /** What happened, for messages and logs: lower case, no full stop. */
  readonly message: string;
}

/**
 * One direction of a call: head once, data any number of times, then end or abort, in that order. Nothing follows those, but
 * that an HTTP/2 stream tells its receiver by `abort` also after `end` when its other direction is broken off.
 */
export interface Receiver {
  head(head: Head): void;
  /**
   * Bytes `start` to `end` of `bytes`. Nobody writes to them again, so a consumer may keep them, at the price of the whole
   * chunk's memory: keep small chunks, copy out of large ones. Offsets instead of a view, because creating a view costs more
   * than handling a small message.
   */
  data(bytes: Uint8Array, start: number, end: number): void;
  /**
   * @param trailers null when there are none. `head` and `end(null)` in one run become one HEADERS frame with END_STREAM
   * (gRPC's trailers-only), and `data` and `end(null)` one DATA frame.
   */
  end(trailers: Head | null): void;
  abort(reason: Abort): void;
}

/** The consumer says when bytes have left, and only then does the producer's window open again. */
export interface Flow {
  consumed(bytes: number): void;
}
