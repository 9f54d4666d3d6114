import type { ClientConnection } from "../http2/client-connection.ts";
import type { Abort, Head, Receiver } from "../http2/receiver.ts";
import type { Stream } from "../http2/stream.ts";
import type { Clock } from "../runtime/machine.ts";
import type { Backend } from "./backend.ts";
import type { Endpoint, StreamWaiter } from "./endpoint.ts";

/** Who makes attempts: a call. */
export interface AttemptOwner {
  /** There is a stream: send the request on it. */
  opened(attempt: Attempt, stream: Stream): void;
  responseHead(attempt: Attempt, head: Head): void;
  responseData(attempt: Attempt, bytes: Uint8Array, start: number, end: number): void;
  responseEnd(attempt: Attempt, trailers: Head | null): void;
  /** The pod's stream ended early, or there was none. */
  failed(attempt: Attempt, reason: Abort): void;
}

/**
 * One try of a call at one endpoint, from the pick to the done. It is counted when it is made, connecting included
 * (invariant 1), and uncounts exactly once (invariant 2).
 */
export class Attempt implements Receiver, StreamWaiter {
  readonly backend: Backend;
  readonly endpoint: Endpoint;
  readonly path: string;
  /** On the gateway's clock, milliseconds. */
  readonly startedAt: number;
  stream: Stream | null = null;
  headAt = 0;
  /** DATA frames of the response: with more than one it is a stream, as far as the time of the call is concerned. */
  frames = 0;
  readonly #owner: AttemptOwner;
  readonly #clock: Clock;
  #over = false;

  /** The endpoint was picked, and so counted, just now. */
  constructor(owner: AttemptOwner, backend: Backend, endpoint: Endpoint, path: string, clock: Clock) {
    this.#owner = owner;
    this.backend = backend;
    this.endpoint = endpoint;
    this.path = path;
    this.#clock = clock;
    this.startedAt = clock.now();
  }

  // ── The endpoint's answer to our request for a stream ───────────────────────────────────────────────────────────────

  opened(connection: ClientConnection): void {
    const stream = connection.open(this);
    this.stream = stream;
    this.#owner.opened(this, stream);
  }

  refused(message: string): void {
    this.#owner.failed(this, { by: "connection", code: 0, unprocessed: true, message });
  }

  // ── The response ────────────────────────────────────────────────────────────────────────────────────────────────────

  head(head: Head): void {
    this.headAt = this.#clock.now();
    this.#owner.responseHead(this, head);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.frames++;
    this.#owner.responseData(this, bytes, start, end);
  }

  end(trailers: Head | null): void {
    this.#owner.responseEnd(this, trailers);
  }

  abort(reason: Abort): void {
    this.#owner.failed(this, reason);
  }

  // ── The end ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The pod answered. @param fault it answered that it is in trouble */
  answered(fault: boolean): void {
    this.#done((this.frames > 1 ? this.headAt : this.#clock.now()) - this.startedAt, fault);
  }

  /** The pod failed: its time is what it took to fail. */
  faulted(): void {
    this.#done(this.#clock.now() - this.startedAt, true);
  }

  /** The call says nothing about the pod: the client left, or the pod did not process it. */
  withdrawn(): void {
    this.#done(-1, false);
  }

  /** Ends the pod's stream, or the wait for one. The owner hears nothing more of it. */
  cancel(code: number, message: string): void {
    if (this.stream === null) this.endpoint.withdraw(this);
    else this.stream.abort({ by: "local", code, unprocessed: false, message });
  }

  #done(elapsed: number, fault: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.backend.done(this.endpoint, this.path, elapsed, fault);
  }
}
