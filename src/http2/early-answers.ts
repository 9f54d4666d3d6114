import { ErrorCode } from "./error-code.ts";
import type { Head, Receiver } from "./receiver.ts";
import type { Stream } from "./stream.ts";

/**
 * Sweeps that a client has to end its request after its answer has ended: the second comes one to two seconds later. It is more
 * than a round trip to anywhere, and little enough for a client that waits for the stream to be over.
 */
const PATIENCE_SWEEPS = 2;

/**
 * Streams of a server whose answer has ended before their request. RFC 9113 8.1 lets a server say with RST_STREAM(NO_ERROR)
 * that it wants no more of the request, and "clients MUST NOT discard responses as a result of receiving such a RST_STREAM".
 * Some do when both come in one read (curl 7.88), and nearly all are about to end the request by themselves. So the stream
 * stays open for a moment, what still comes is thrown away, and the RST_STREAM is for those who go on: when the window that
 * they were given is used up, since nothing more would come, or after {@link PATIENCE_SWEEPS}.
 */
export class EarlyAnswers {
  /** With the sweep that is their last. */
  readonly #streams = new Map<Stream, number>();

  /** The answer has ended and the request has not. What comes of it goes nowhere from here on. */
  add(stream: Stream): void {
    if (stream.receiveWindow <= 0) {
      stream.connection.resetStream(stream, ErrorCode.NO_ERROR);
      return;
    }
    this.#streams.set(stream, stream.connection.sweeps + PATIENCE_SWEEPS);
    stream.unwanted = true;
    stream.receiver = new Rest(stream, this.#streams);
  }

  /** Called after each sweep of the connection. */
  sweep(): void {
    for (const [stream, last] of this.#streams) {
      if (!stream.closed && stream.connection.sweeps < last) continue;
      this.#streams.delete(stream);
      if (!stream.closed) stream.connection.resetStream(stream, ErrorCode.NO_ERROR);
    }
  }

  /** Nothing is waited for any more: the connection is to end. */
  resetAll(): void {
    for (const stream of this.#streams.keys()) {
      if (!stream.closed) stream.connection.resetStream(stream, ErrorCode.NO_ERROR);
    }
    this.#streams.clear();
  }
}

/** Takes the rest of a request that nobody wants. */
class Rest implements Receiver {
  readonly #stream: Stream;
  readonly #streams: Map<Stream, number>;

  constructor(stream: Stream, streams: Map<Stream, number>) {
    this.#stream = stream;
    this.#streams = streams;
  }

  head(_head: Head): void {}

  data(_bytes: Uint8Array, start: number, end: number): void {
    const stream = this.#stream;
    // The connection's window is for the other streams: these bytes have left. The stream's own gets no more.
    stream.consumed(end - start);
    if (stream.receiveWindow > 0 || stream.endReceived) return;
    this.#streams.delete(stream);
    stream.connection.resetStream(stream, ErrorCode.NO_ERROR);
  }

  end(): void {
    this.#streams.delete(this.#stream);
    // What had come before the answer ended, and has not left, is thrown away as a RST_STREAM would do it.
    this.#stream.connection.inbound.left(this.#stream.unread);
  }

  abort(): void {
    this.#streams.delete(this.#stream);
  }
}
