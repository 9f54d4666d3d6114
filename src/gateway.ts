import { Attempt, type AttemptOwner, type Stages, type Upstream } from "./balancing/attempt.ts";
import type { Backend, PickWaiter } from "./balancing/backend.ts";
import type { Endpoint } from "./balancing/endpoint.ts";
import { Replay } from "./balancing/replay.ts";
import { localAbort } from "./http2/abort.ts";
import type { Budget } from "./http2/budget.ts";
import { ErrorCode } from "./http2/error-code.ts";
import type { Abort, Flow, Head, Receiver } from "./http2/receiver.ts";
import type { Stream } from "./http2/stream.ts";
import type { Request } from "./protocols/classify.ts";
import type { Deadline, Deadlines } from "./protocols/deadlines.ts";
import type { Downstream, Unfit } from "./protocols/downstream.ts";
import { withTimeout } from "./protocols/grpc.ts";
import { isFault, Status, statusOf, statusOfAbort, statusOfHttp, trailers, trailersOnly } from "./protocols/status.ts";
import { formatTimeout } from "./protocols/timeout.ts";
import type { Clock, Log } from "./runtime/machine.ts";

/** What calls need of the gateway that they pass. */
export interface CallParts {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly budget: Budget;
  readonly log: Log;
  readonly access: boolean;
}

const NONE_TRIED: readonly Endpoint[] = [];

/** Attempts that one call may make, the first included (gRFC A6 allows five). */
const MAX_ATTEMPTS = 5;

/** A pod ends a call so much before us at most: its deadline was cut to whole milliseconds. */
const ROUNDING_MS = 1;

/**
 * THE LIFE OF A CALL, from the listener to the pod and back. Before it, entrance.ts has said which protocol, which method and
 * which backend; it takes the request in gRPC's form as a {@link Receiver}, and gives the answer to the client's end of the
 * call, a protocol's response stage or, for gRPC, the stream itself. An {@link Attempt} stands for it at a pod.
 */
export class Call implements Receiver, Flow, AttemptOwner, PickWaiter, Deadline, Unfit {
  readonly #parts: CallParts;
  readonly #downstream: Downstream;
  readonly #request: Request;
  readonly #backend: Backend;
  readonly #stages: Stages | null;
  #attempt: Attempt | null = null;
  /** Takes the request: the attempt's stream, or stages in front of it. */
  #to: Upstream | null = null;
  /** For the log: where the last attempt was made. */
  #lastEndpoint: Endpoint | null = null;
  #attempts = 0;
  /** Endpoints that have refused it, the last one last; null for none, as nearly always. */
  #tried: Endpoint[] | null = null;
  #replay: Replay | null = null;
  #startedAt = 0;
  #expiresAt = Number.POSITIVE_INFINITY;
  #responding = false;
  /** The request has come whole. */
  #requested = false;
  #over = false;
  #waiting = false;
  /** Bytes of the request that the client has got credit for, and those that have left on the current attempt. */
  #credited = 0;
  #left = 0;
  /** Something has come since the idle timeout was last looked at, or request bytes have left. */
  #progress = false;
  /** What {@link #unread} was then. */
  #unreadThen = 0;
  /** The code in a trailers-only head; -1 for none. */
  #headStatus = -1;
  // Deadline
  at = Number.POSITIVE_INFINITY;
  next: Deadline | null = null;
  previous: Deadline | null = null;
  slot = -1;

  /**
   * @param request its `upstream` is set: what goes to the pod
   * @param stages null for a splice
   */
  constructor(
    parts: CallParts,
    downstream: Downstream,
    request: Request,
    backend: Backend,
    stages: Stages | null = null,
  ) {
    this.#parts = parts;
    this.#downstream = downstream;
    this.#request = request;
    this.#backend = backend;
    this.#stages = stages;
  }

  /** The stages of a call, in their order. Everything after the pick is driven by the pod's and the client's events. */
  head(_head: Head): void {
    this.#startedAt = this.#parts.clock.now();
    if (!this.#watch()) return; //                                        until when (protocols/deadlines.ts)
    this.#replay = new Replay(this.#parts.budget, this.#backend.settings.retryBuffer); // what a retry repeats
    this.#try(); //                                                       which pod, counted (balancing/), and on to it (http2/)
  }

  // ── Until when ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @returns false when the call has ended already */
  #watch(): boolean {
    const request = this.#request;
    if (Number.isNaN(request.timeout)) {
      this.#fail(Status.INVALID_ARGUMENT, "downstream head: the timeout is malformed");
      return false;
    }
    const { maxTimeout, idleTimeout } = this.#backend.settings;
    const timeout = maxTimeout === null ? request.timeout : Math.min(request.timeout, maxTimeout);
    this.#expiresAt = this.#startedAt + timeout;
    this.at = idleTimeout === null ? this.#expiresAt : Math.min(this.#expiresAt, this.#startedAt + idleTimeout);
    if (timeout <= 0) {
      this.#fail(Status.DEADLINE_EXCEEDED, "the deadline had passed when the call arrived");
      return false;
    }
    if (this.at !== Number.POSITIVE_INFINITY) this.#parts.deadlines.add(this);
    return true;
  }

  expired(): void {
    const now = this.#parts.clock.now();
    if (now >= this.#expiresAt) {
      this.#expire(Status.DEADLINE_EXCEEDED, `deadline exceeded after ${Math.round(now - this.#startedAt)} ms`);
      return;
    }
    const idleTimeout = this.#backend.settings.idleTimeout ?? 0;
    const unread = this.#unread();
    if (!this.#progress && unread === this.#unreadThen) {
      this.#expire(Status.UNAVAILABLE, `no byte of the call moved for ${idleTimeout} ms (idle timeout)`);
      return;
    }
    this.#progress = false;
    this.#unreadThen = unread;
    this.at = Math.min(this.#expiresAt, now + idleTimeout);
    this.#parts.deadlines.add(this);
  }

  /** Bytes of the answer that wait for the client. Without new ones they only become fewer, and that is progress, too. */
  #unread(): number {
    const stream = this.#attempt?.stream ?? null;
    return stream === null ? 0 : stream.connection.limits.streamWindow - stream.receiveWindow - stream.uncredited;
  }

  #expire(code: number, what: string): void {
    const attempt = this.#attempt;
    const where = attempt === null ? this.#where("while no endpoint was ready") : this.#at(attempt);
    attempt?.cancel(ErrorCode.CANCEL, "deadline");
    // Its time so far is the least that this pod would have taken; unless the client has not even sent its request.
    if (this.#requested) attempt?.answered(false);
    else attempt?.withdrawn();
    this.#attempt = null;
    this.#fail(code, `${what}, ${where}`);
  }

  // ── Which pod ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #try(): void {
    const backend = this.#backend;
    const request = this.#request;
    const endpoint = backend.pick(request.path, this.#tried ?? NONE_TRIED);
    if (endpoint === undefined) {
      this.#wait(backend);
      return;
    }
    this.#attempts++;
    this.#lastEndpoint = endpoint;
    this.#left = 0;
    const attempt = new Attempt(this, backend, endpoint, request.path, this.#parts.clock);
    this.#attempt = attempt;
    this.#to = null;
    if (this.#stages === null) endpoint.request(attempt);
    else this.#stages.prepare(attempt);
  }

  #wait(backend: Backend): void {
    const hopeless = backend.hopeless();
    if (hopeless !== null) {
      this.#fail(Status.UNAVAILABLE, `upstream pick, ${hopeless}`);
      return;
    }
    this.#waiting = backend.wait(this);
    if (!this.#waiting) {
      this.#fail(
        Status.RESOURCE_EXHAUSTED,
        `upstream pick, backend ${backend.settings.name}: ${backend.settings.maxPending} calls wait for an endpoint already`,
      );
    }
  }

  /** An endpoint has become ready. */
  retry(): void {
    this.#waiting = false;
    this.#try();
  }

  /** None has. */
  fail(message: string): void {
    this.#waiting = false;
    this.#fail(Status.UNAVAILABLE, `upstream pick, ${message}`);
  }

  // ── Towards the pod ─────────────────────────────────────────────────────────────────────────────────────────────────

  opened(attempt: Attempt, stream: Stream): void {
    const to = this.#stages === null ? stream : this.#stages.join(attempt, stream);
    this.#to = to;
    to.source = this;
    this.#downstream.source = to;
    to.head(this.#upstreamHead());
    // The pod may not take so large a head; the call is on its way to another one then, or over.
    if (this.#to === to) this.#replay?.send(to);
  }

  /** The deadline that goes on to the pod is cut by the time that was spent here, to the millisecond. */
  #upstreamHead(): Head {
    const request = this.#request;
    const upstream = request.upstream as Head;
    if (this.#expiresAt === Number.POSITIVE_INFINITY) return upstream;
    // Not worked out of `#expiresAt`: sums of fractional times do not come out even, and 100 ms would go on as 99.
    const timeout = Math.min(request.timeout, this.#backend.settings.maxTimeout ?? Number.POSITIVE_INFINITY);
    const spent = this.#parts.clock.now() - this.#startedAt;
    if (spent < 1 && timeout === request.timeout) return upstream;
    return withTimeout(upstream, formatTimeout(Math.max(timeout - spent, 1e-3)));
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    this.#progress = true;
    const to = this.#to;
    if (this.#replay?.add(bytes, start, end, to !== null) === false) this.#overfull();
    else to?.data(bytes, start, end);
  }

  /** Clients could have a body here for each call that waits, and make calls wait by keeping the pods' streams busy (invariant 7). */
  #overfull(): void {
    this.#attempt?.cancel(ErrorCode.CANCEL, "no room for the request");
    this.#attempt?.withdrawn();
    this.#attempt = null;
    const message = "requests that wait for an endpoint hold too much already (maxBufferedBytes)";
    this.#fail(Status.RESOURCE_EXHAUSTED, `upstream pick, ${this.#where(message)}`);
  }

  end(trailers: Head | null): void {
    if (this.#over) return;
    this.#progress = true;
    this.#requested = true;
    this.#replay?.end(trailers);
    this.#to?.end(trailers);
  }

  /** Bytes of the request have left for the pod. A second attempt sends again what the client has had credit for. */
  consumed(bytes: number): void {
    this.#progress = true;
    this.#left += bytes;
    if (this.#left <= this.#credited) return;
    this.#downstream.consumed(this.#left - this.#credited);
    this.#credited = this.#left;
  }

  /** The client has reset the call, or is gone: neither an error nor a strike against the pod (invariant 9). */
  abort(_reason: Abort): void {
    if (this.#over) return;
    this.#attempt?.cancel(ErrorCode.CANCEL, "cancelled by the client");
    this.#attempt?.withdrawn();
    this.#finish(Status.CANCELLED);
  }

  unfit(code: number): void {
    if (this.#over) return;
    const attempt = this.#attempt;
    attempt?.cancel(ErrorCode.CANCEL, "the answer is of no use to the client");
    attempt?.answered(isFault(code));
    this.#finish(code);
  }

  // ── Back to the client ──────────────────────────────────────────────────────────────────────────────────────────────

  responseHead(_attempt: Attempt, head: Head): void {
    this.#progress = true;
    this.#responding = true;
    this.#replay?.drop();
    this.#downstream.head(head);
    this.#headStatus = statusOf(head.fields) ?? -1;
    this.#httpStatus = head.fields[1];
  }
  #httpStatus = "200";

  responseData(_attempt: Attempt, bytes: Uint8Array, start: number, end: number): void {
    this.#progress = true;
    this.#downstream.data(bytes, start, end);
  }

  responseEnd(attempt: Attempt, trailers: Head | null): void {
    const code =
      (trailers === null ? null : statusOf(trailers.fields)) ??
      (this.#headStatus >= 0 ? this.#headStatus : statusOfHttp(Number(this.#httpStatus)));
    // A method that does not exist has no usual time: clients could make up a thousand, and there is room for no more.
    if (code === Status.UNIMPLEMENTED) attempt.withdrawn();
    else attempt.answered(isFault(code));
    this.#finish(code);
    this.#downstream.end(trailers);
  }

  /** The pod reset the call, its connection was lost, or none could be made. */
  failed(attempt: Attempt, reason: Abort): void {
    if (this.#over) return;
    const tooLate = reason.code === ErrorCode.CANCEL && this.#parts.clock.now() >= this.#expiresAt - ROUNDING_MS;
    if (reason.unprocessed) attempt.withdrawn();
    else attempt.faulted();
    this.#attempt = null;
    this.#to = null;
    if (reason.unprocessed && this.#repeatable()) {
      attempt.backend.retries++;
      this.#tried ??= [];
      this.#tried.push(attempt.endpoint);
      this.#try();
      return;
    }
    const code = tooLate ? Status.DEADLINE_EXCEEDED : statusOfAbort(reason);
    if (this.#responding && reason.by === "reset" && !tooLate) {
      // The response has begun and the pod broke it off: the client hears exactly that (invariant 8).
      this.#finish(code);
      this.#downstream.abort(localAbort(reason.code, reason.message));
      return;
    }
    const stage = attempt.stream === null ? "connect" : this.#responding ? "body" : "head";
    const why = reason.unprocessed && !this.#responding ? this.#whyNotRepeated() : "";
    this.#fail(code, `upstream ${stage}, ${this.#at(attempt)}: ${reason.message}${why}`);
  }

  /** A message could not be translated. */
  gaveUp(_attempt: Attempt, code: number, message: string): void {
    if (!this.#over) this.#fail(code, message);
  }

  /** Surely unprocessed, all of the request still here, and not tried too often (gRFC A6, transparent retries). */
  #repeatable(): boolean {
    return !this.#responding && this.#replay?.complete === true && this.#attempts < MAX_ATTEMPTS;
  }

  #whyNotRepeated(): string {
    if (this.#attempts >= MAX_ATTEMPTS) return `, tried ${MAX_ATTEMPTS} times`;
    return ", not repeated: the request is larger than retryBuffer";
  }

  // ── The end ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #at(attempt: Attempt): string {
    return this.#where(`endpoint ${attempt.endpoint.label}`);
  }

  #where(what: string): string {
    return `backend ${this.#backend.settings.name}, ${what}`;
  }

  /** An error of our own: trailers-only, or trailers when the response has begun. */
  #fail(code: number, message: string): void {
    const responding = this.#responding;
    const downstream = this.#downstream;
    this.#finish(code);
    if (downstream.failed !== undefined) downstream.failed(code, message);
    else if (responding) downstream.end(trailers(code, message));
    else {
      // A protocol's stage takes the status out of it and makes an answer of its own.
      const { protocol, contentType } = this.#request;
      downstream.head(trailersOnly(code, message, protocol === "grpc" ? contentType : undefined));
      downstream.end(null);
    }
  }

  #finish(code: number): void {
    this.#over = true;
    this.#replay?.drop();
    if (this.slot >= 0) this.#parts.deadlines.remove(this);
    if (this.#waiting) this.#backend.withdraw(this);
    this.#backend.calls[code]++;
    if (this.#parts.access) this.#log(code);
  }

  #log(code: number): void {
    const { clock, log } = this.#parts;
    log.info("call", {
      // Paths come from clients, who repeat a long one for a byte.
      path: this.#request.path.slice(0, 200),
      protocol: this.#request.protocol,
      backend: this.#backend.settings.name,
      endpoint: this.#lastEndpoint?.label ?? null,
      code,
      attempts: this.#attempts,
      ms: Math.round((clock.now() - this.#startedAt) * 1e3) / 1e3,
      peer: this.#downstream.peer,
    });
  }
}
