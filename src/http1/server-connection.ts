import { localAbort, lostAbort } from "../http2/abort.ts";
import { ErrorCode } from "../http2/error-code.ts";
import type { Flushable } from "../http2/flusher.ts";
import { Output } from "../http2/output.ts";
import type { Abort, Head, Receiver } from "../http2/receiver.ts";
import type { Sweepable } from "../http2/sweeper.ts";
import type { ByteStream, ByteStreamHandler } from "../runtime/machine.ts";
import { Backlog } from "./backlog.ts";
import { Exchange, type ExchangeOwner } from "./exchange.ts";
import { Goodbye } from "./goodbye.ts";
import { HeadReader } from "./head-reader.ts";
import { Input } from "./input.ts";
import type { Http1Options } from "./options.ts";
import { RequestBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import { type CommonFields, writeContinue, writeProblem } from "./response-head.ts";

/** Who uses a connection. */
export interface Http1Events {
  /** A request begins. The head is given to what is returned, too. */
  request(exchange: Exchange, head: Head): Receiver;
  /** The connection ended by an error of the peer's, for the log. `closed` follows. */
  failed?(message: string): void;
  closed(connection: Http1Connection): void;
}

/** Bytes of a request's body that may be under way to the pod before more is read. */
const READ_AHEAD_BYTES = 262_144;
/** Bytes of further requests that may wait here for the answer to this one, before no more is read. */
const PIPELINED_BYTES = 65_536;
/** Requests of one connection that are begun in a turn of the event loop. Half a millisecond, where an answer costs next to nothing. */
const TURN_REQUESTS = 100;
/** An age that begins with the next sweep: what has just begun is not as old as the time since the last one. */
const JUST_NOW = -1;
/** What a client may still send of a request that was answered, before its connection is given up rather than read to the end. */
const DISCARD_BYTES = 262_144;

/**
 * The server side of an HTTP/1.1 connection (RFC 9112): one request after the other, a pipelined one when the one before it has been
 * answered. Somebody calls {@link sweep} about once a second: all time-outs are counted in sweeps.
 */
export class Http1Connection implements ByteStreamHandler, ExchangeOwner, Flushable, Sweepable {
  readonly output = new Output();
  readonly common: CommonFields;
  readonly #stream: ByteStream;
  readonly #options: Http1Options;
  readonly #events: Http1Events;
  readonly #backlog: Backlog;
  readonly #goodbye: Goodbye;
  readonly #heads: HeadReader;
  readonly #input = new Input();
  readonly #take = (bytes: Uint8Array, start: number, end: number): void => this.#give(bytes, start, end);
  readonly #whenFree = (): void => this.#readOn();
  /** The request that is read or answered. */
  #exchange: Exchange | null = null;
  /** Its body is whole. */
  #requested = true;
  #body: RequestBody | null = null;
  /** The client may hold the body back until it is told to go on, or answered. */
  #unsure = false;
  /** Bytes of the body that were given to the call and have not left. */
  #inFlight = 0;
  #discarded = 0;
  /** Requests since the last flush. */
  #begun = 0;
  #reading = false;
  #paused = false;
  #dirty = false;
  /** What the time counts that {@link sweep} adds up: a head to come whole, or the next request to begin. */
  #waiting: "head" | "request" = "head";
  #age = 0;
  /** said: the next answer to begin is the last, and says so. now: the same, and what is between two requests ends. */
  #leaving: "no" | "said" | "now" = "no";
  /** Nothing is read any more, and nothing sent but what is queued. */
  #over = false;
  #closed = false;

  /** @param secure the stream is TLS */
  constructor(stream: ByteStream, secure: boolean, options: Http1Options, events: Http1Events) {
    const { limits } = options;
    this.#stream = stream;
    this.#options = options;
    this.common = options.common;
    this.#events = events;
    this.#backlog = new Backlog(stream, this.output, limits, options.budget);
    this.#goodbye = new Goodbye(limits.headTimeout);
    // Twice the limit, so that the gateway can say in the client's own protocol that a head is too large.
    this.#heads = new HeadReader(secure ? "https" : "http", 2 * limits.maxHeaderListBytes, 2 * limits.maxHeaderFields);
    this.output.attach(stream);
  }

  get peer(): string {
    return this.#stream.peer;
  }

  /** A request is being read or answered. */
  get busy(): boolean {
    return this.#exchange !== null;
  }

  // ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  received(bytes: Uint8Array): void {
    this.#goodbye.heard = true;
    if (this.#over) return;
    this.#input.add(bytes);
    this.#read();
  }

  /** Reads on as far as it goes: to the end of what has come, or of a request that is not answered yet. */
  #read(): void {
    // Called by an answer that came while the request was being given to the call: the loop below goes on by itself.
    if (this.#reading) return;
    this.#reading = true;
    try {
      const input = this.#input;
      while (!this.#over && input.length > 0) if (!this.#readPart()) break;
      input.tidy();
      if (this.#exchange === null) this.#headBegun();
    } catch (error) {
      this.broken(error);
    } finally {
      this.#reading = false;
    }
    this.#pauseOrGoOn();
  }

  /** A head, or what there is of a body. @returns false when there is nothing to be read for now */
  #readPart(): boolean {
    if (this.#exchange === null) return !this.#waits && this.#readHead();
    if (this.#requested || this.#body === null) return false;
    const read = this.#body.read(this.#input, this.#take);
    if (this.#over) return false;
    if (read === "malformed") this.#fail(400, "the chunked body is malformed");
    else if (read === "done") this.#endRequest();
    return true;
  }

  /**
   * The next request waits: while the client does not read its answers it gets no more of them, as they would pile up here; and in one
   * turn it gets so many, as others want to be served.
   */
  get #waits(): boolean {
    return this.output.blocked || this.#begun >= TURN_REQUESTS;
  }

  #readHead(): boolean {
    const head = this.#heads.read(this.#input);
    if (head === null) return false;
    if ("problem" in head) {
      this.#fail(head.status, head.problem);
      return false;
    }
    this.#begin(head);
    return true;
  }

  #begin(request: RequestHead): void {
    const exchange = new Exchange(this, request);
    this.#begun++;
    this.#exchange = exchange;
    this.#requested = false;
    this.#body = request.length === 0 ? null : new RequestBody(request.length);
    this.#inFlight = 0;
    this.#discarded = 0;
    this.#age = 0;
    // RFC 9110 10.1.1: no 100 (Continue) when the body has begun to come.
    this.#unsure = request.expectsContinue && this.#input.length === 0;
    const receiver = this.#events.request(exchange, request.head);
    exchange.receiver = receiver;
    receiver.head(request.head);
    if (request.length === 0) this.#endRequest();
    else if (this.#unsure && !exchange.begun && !this.#over) {
      this.#unsure = false;
      writeContinue(this.output);
      this.wake();
    }
  }

  #give(bytes: Uint8Array, start: number, end: number): void {
    const exchange = this.#exchange;
    if (exchange === null || this.#over) return;
    if (exchange.over) {
      this.#discarded += end - start;
      if (this.#discarded > DISCARD_BYTES) this.#finish();
      return;
    }
    this.#inFlight += end - start;
    exchange.receiver?.data(bytes, start, end);
  }

  #endRequest(): void {
    const exchange = this.#exchange as Exchange;
    this.#requested = true;
    if (exchange.over) this.#next();
    else exchange.receiver?.end(null);
  }

  left(bytes: number): void {
    this.#inFlight -= bytes;
    if (this.#paused) this.#readOn();
  }

  #readOn(): void {
    if (this.#paused && !this.#closed && !this.#shallWait()) this.#resume();
  }

  #pauseOrGoOn(): void {
    if (!this.#over && !this.#paused && this.#shallWait()) {
      this.#paused = true;
      this.#stream.pause();
    } else this.#readOn();
  }

  #shallWait(): boolean {
    if (this.#over) return false;
    if (this.#exchange === null) return this.#waits && this.#input.length > PIPELINED_BYTES;
    if (this.#requested) return this.#input.length > PIPELINED_BYTES;
    if (this.#exchange.over || this.#inFlight <= 0) return false;
    const { budget } = this.#options;
    if (!budget.exhausted) return this.#inFlight > READ_AHEAD_BYTES;
    // What this request holds must leave first, or that of others.
    budget.whenFree(this.#whenFree);
    return true;
  }

  #resume(): void {
    this.#paused = false;
    this.#stream.resume();
  }

  // ── Answering ───────────────────────────────────────────────────────────────────────────────────────────────────────

  wake(): void {
    if (this.#dirty || this.#closed) return;
    this.#dirty = true;
    this.#options.flusher.add(this);
  }

  flush(): void {
    this.#dirty = false;
    if (this.#closed) return;
    const more = this.#begun >= TURN_REQUESTS;
    this.#begun = 0;
    this.#exchange?.begin();
    // What waits for the socket waits here: its sender has had no credit for it.
    if (this.output.blocked && !this.#over) return;
    this.output.flush();
    this.#backlog.count();
    if (!this.output.blocked) this.#exchange?.credit();
    if (more && this.#exchange === null) this.#read();
  }

  drained(): void {
    this.output.blocked = false;
    this.#backlog.count();
    if (this.#over) return;
    this.#exchange?.credit();
    this.wake();
    if (this.#exchange === null) this.#read();
  }

  ending(whole: boolean): boolean {
    if (this.#leaving !== "no") return true;
    // A client that waits for 100 (Continue) need not send the body after its answer, and then does not say so.
    if (this.#unsure) return true;
    if (this.#requested || this.#body === null) return false;
    // The answer of a stream begins while the request is coming in chunks, and then that ends first, mostly.
    return (whole || !this.#body.chunked) && this.#body.exceeds(DISCARD_BYTES, this.#input);
  }

  answered(close: boolean): void {
    this.wake();
    if (close) this.#finish();
    else if (this.#requested) this.#next();
    else {
      // The rest of the request is read, so that the connection serves the next one.
      this.#age = 0;
      if (this.#paused) this.#resume();
    }
  }

  /** Ready for the next request, of which some may be here. */
  #next(): void {
    this.#exchange?.credit();
    this.#exchange = null;
    this.#body = null;
    this.#waiting = "request";
    this.#age = 0;
    if (this.#leaving === "now") this.#finish();
    else if (!this.#reading) this.#read();
  }

  /** The first bytes of a head have come: the rest must come in time. */
  #headBegun(): void {
    if (this.#waiting === "head" || this.#input.length === 0) return;
    this.#waiting = "head";
    this.#age = JUST_NOW;
  }

  brokeOff(visible: boolean): void {
    if (visible) this.#finish();
    else this.destroy();
  }

  // ── Ends ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What the client sent is no request, or no body: it is told, and nothing more is read, as nobody knows where the next one begins. */
  #fail(status: number, problem: string): void {
    this.#events.failed?.(`HTTP/1.1 ${status}: ${problem}`);
    const exchange = this.#exchange;
    const begun = exchange?.begun === true;
    exchange?.lost(localAbort(ErrorCode.PROTOCOL_ERROR, problem));
    if (!begun) writeProblem(this.output, status, problem, this.common);
    this.#finish();
  }

  /** Sends what is there, then FIN. What the client still sends is read and thrown away, so that it sees the answer and no reset. */
  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.output.flush();
    this.#stream.end();
    if (this.#paused) this.#resume();
  }

  /** The client sent FIN. Whoever ends its half of a connection under an open call has gone: the pod hears of it at once. */
  ended(): void {
    if (this.#over) return;
    const exchange = this.#exchange;
    this.#finish();
    exchange?.lost(lostAbort("the client closed the connection"));
  }

  closed(reason: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#over = true;
    this.#options.budget.forget(this.#whenFree);
    this.#backlog.close();
    this.#lose(lostAbort(reason === null ? "connection closed" : `connection lost: ${reason.message}`));
    this.#events.closed(this);
  }

  #lose(reason: Abort): void {
    try {
      this.#exchange?.lost(reason);
    } catch (error) {
      this.#events.failed?.(`internal error: ${error instanceof Error ? error.stack : String(error)}`);
    }
    this.#exchange = null;
  }

  /** An exception that nobody meant: this connection ends, and the process goes on. */
  broken(error: unknown): void {
    this.#events.failed?.(`internal error: ${error instanceof Error ? error.stack : String(error)}`);
    this.#over = true;
    this.#lose(localAbort(ErrorCode.INTERNAL_ERROR, "internal error"));
    this.destroy();
  }

  /** Throws everything away at once. */
  destroy(): void {
    this.#over = true;
    this.#stream.destroy();
  }

  /** Takes no further request: an idle connection ends now, a busy one with its answer. */
  drain(): void {
    this.#leaving = "now";
    // A request whose head has begun to come is answered: HTTP/1.1 cannot say that it was not taken.
    if (this.#exchange === null && this.#input.length === 0) this.#finish();
  }

  /** The next answer is the last and says so, as HTTP/1.1 has no other way to send a client elsewhere without losing a request. */
  retire(): void {
    if (this.#leaving === "no") this.#leaving = "said";
  }

  // ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  sweep(ms: number): void {
    this.output.sweep();
    this.#age = this.#age === JUST_NOW ? 0 : this.#age + ms;
    const { limits } = this.#options;
    if (this.#over) {
      if (this.#goodbye.sweep(ms, this.#backlog)) this.destroy();
    } else if (this.#backlog.stalled(ms)) {
      this.#lose(lostAbort("the client took no data for too long"));
      this.destroy();
    } else if (this.#exchange === null) {
      // Its turn comes when it has its answers.
      if (this.#backlog.queued > 0) this.#age = 0;
      if (this.#age > (this.#waiting === "head" ? limits.headTimeout : this.common.idleMs)) this.destroy();
    } else if (this.#exchange.over && this.#age > limits.headTimeout) {
      // Answered, and the rest of the request does not come.
      this.#finish();
    }
  }
}
