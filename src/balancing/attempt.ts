import type { ClientConnection } from "../http2/client-connection.ts";
import { ErrorCode } from "../http2/error-code.ts";
import type { Abort, Flow, Head, Receiver } from "../http2/receiver.ts";
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
  /** A stage of ours ended the attempt; it is done and cancelled already. */
  gaveUp(attempt: Attempt, code: number, message: string): void;
}

/** What takes a request on its way to the pod: a stream, or a stage in front of one. */
export interface Upstream extends Receiver, Flow {
  /** Told when bytes given to `data` have left. */
  source: Flow | null;
}

/** Stand between a call and its attempts' streams, for calls whose messages are changed on the way to this very pod: see json/. */
export interface Stages {
  /** A pod was picked: calls `attempt.request` now or later, or `attempt.giveUp`. */
  prepare(attempt: Attempt): void;
  /** There is a stream on which nothing has been sent. @returns what takes the request; the answer goes to `attempt` */
  join(attempt: Attempt, stream: Stream): Upstream;
}

/**
 * One try of a call at one endpoint, from the pick to the done. It is counted when it is made, connecting included
 * (invariant 1), and uncounts exactly once (invariant 2).
 */
export class Attempt implements Receiver, StreamWaiter {
  readonly backend: Backend;
  readonly endpoint: Endpoint;
  readonly path: string;
  /** On the gateway's clock, milliseconds: when the pod was picked, or when preparations for it were done. */
  startedAt: number;
  stream: Stream | null = null;
  headAt = 0;
  /** DATA frames of the response: with more than one it is a stream, as far as the time of the call is concerned. */
  frames = 0;
  /** Told when the attempt is over, once, however it ended: {@link Stages} let go of what they hold. */
  ended: (() => void) | null = null;
  readonly #owner: AttemptOwner;
  readonly #clock: Clock;
  /** The endpoint's generation that {@link Stages} have prepared for; -1 when it does not matter. */
  #generation = -1;
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

  get over(): boolean {
    return this.#over;
  }

  // ── The endpoint's answer to our request for a stream ───────────────────────────────────────────────────────────────

  /** Asks for a stream, after preparations. @param generation of the endpoint, that they were made for; -1 for any */
  request(generation: number): void {
    if (this.#over) return;
    this.#generation = generation;
    this.startedAt = this.#clock.now();
    if (this.endpoint.draining) this.refused(`${this.endpoint.label} has left the backend`);
    else this.endpoint.request(this);
  }

  opened(connection: ClientConnection): void {
    if (this.#generation >= 0 && this.#generation !== this.endpoint.generation) {
      this.refused("the pod was replaced while the call was prepared");
      return;
    }
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

  /** Ends the attempt by our own doing. @param fault the pod's answer was at fault */
  giveUp(code: number, message: string, fault: boolean): void {
    if (this.#over) return;
    this.cancel(ErrorCode.CANCEL, message);
    if (fault) this.faulted();
    else this.withdrawn();
    this.#owner.gaveUp(this, code, message);
  }

  #done(elapsed: number, fault: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.ended?.();
    this.backend.done(this.endpoint, this.path, elapsed, fault);
  }
}
