import type { ByteStream, ByteStreamHandler } from "../runtime/machine.ts";
import { lostAbort } from "./abort.ts";
import type { Budget } from "./budget.ts";
import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import type { Flusher } from "./flusher.ts";
import type { FrameReader } from "./frame-reader.ts";
import type { Http2Limits } from "./limits.ts";
import { Outbound } from "./outbound.ts";
import { Overdue } from "./overdue.ts";
import type { Abort } from "./receiver.ts";

export interface ConnectionOptions {
  readonly flusher: Flusher;
  readonly budget: Budget;
  readonly limits: Http2Limits;
}

/** How long the peer may take to read our GOAWAY and close, until we do. Counted in sweeps: a second less may be meant. */
const GOODBYE_MS = 2_000;

/**
 * The life of a connection's byte stream: how talking begins, what is overdue, and all the ways in which it ends. What the
 * frames mean is {@link Connection}'s.
 *
 * Somebody calls {@link sweep} about once a second: all time-outs and rates are counted in sweeps, so nothing here looks at a
 * clock and no event costs a timer.
 */
export abstract class Link implements ByteStreamHandler {
  readonly limits: Http2Limits;
  readonly budget: Budget;
  readonly outbound: Outbound;
  /** Sweeps since the connection began. */
  sweeps = 0;
  /** Nothing is read any more, and nothing sent but what is queued. */
  over = false;
  /** Bytes were received since the last sweep. */
  protected active = false;
  protected readonly overdue: Overdue;
  #stream: ByteStream | null = null;
  #overAge = 0;
  /** What was queued when the connection was over is worth waiting for. */
  #orderly = false;
  #closedReported = false;

  constructor(options: ConnectionOptions) {
    this.limits = options.limits;
    this.budget = options.budget;
    this.outbound = new Outbound(options.flusher, (error) => this.broken(error));
    this.overdue = new Overdue(options.limits, this.outbound.output);
  }

  protected abstract readonly reader: FrameReader;
  /** Ends every stream with an ID above `above` (0 when left out) without sending anything. Does not throw. */
  protected abstract abortAll(reason: Abort, above?: number): void;
  /** Highest stream ID of the peer that was or may be processed, for GOAWAY. */
  protected abstract lastPeerStreamId(): number;
  /** Once, last of all. */
  protected abstract connectionClosed(reason: Error | null): void;
  /** For the owner's log. */
  protected abstract failed(message: string): void;

  /** The other end, for logs. */
  get peer(): string {
    return this.#stream?.peer ?? "";
  }

  /** Names the byte stream, before its first event. */
  attach(stream: ByteStream): void {
    this.#stream = stream;
    this.outbound.attach(stream);
  }

  /** Starts talking: `preface` is sent as it is, then our SETTINGS and what the connection window has above the initial one. */
  protected begin(preface: string, settings: readonly (readonly [number, number])[], credit: number): void {
    const { output } = this.outbound;
    for (let i = 0; i < preface.length; i++) output.buffer[output.position++] = preface.charCodeAt(i);
    output.settings(settings);
    this.overdue.settingsSent();
    if (credit > 0) output.windowUpdate(0, credit);
    this.outbound.wake();
  }

  // ── The byte stream's events ────────────────────────────────────────────────────────────────────────────────────────

  received(bytes: Uint8Array): void {
    if (this.over) return;
    this.active = true;
    try {
      this.reader.read(bytes);
    } catch (error) {
      if (error instanceof ConnectionError) this.fail(error);
      else this.broken(error);
    }
  }

  drained(): void {
    this.outbound.drained();
  }

  /** The peer sent FIN. Whoever ends its half of a connection under open calls has gone: they are cancelled at once. */
  ended(): void {
    if (this.over) return;
    this.finish();
    this.abortAll(lostAbort("the peer closed the connection"));
  }

  closed(reason: Error | null): void {
    if (this.#closedReported) return;
    this.#closedReported = true;
    this.stop();
    this.outbound.closed = true;
    this.abortAll(lostAbort(reason === null ? "connection closed" : `connection lost: ${reason.message}`));
    this.connectionClosed(reason);
  }

  // ── Ends ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Reading ends here. */
  protected stop(): void {
    this.over = true;
    this.reader.stop();
  }

  /** Ends the connection for an error: GOAWAY, FIN, and every stream aborted (RFC 9113 5.4.1). */
  fail(error: ConnectionError): void {
    if (this.over) return;
    this.stop();
    this.outbound.goaway(this.lastPeerStreamId(), error.code, error.message.slice(0, 200));
    this.outbound.finish();
    this.abortAll({ by: "connection", code: error.code, unprocessed: false, message: error.describe() });
    this.failed(error.describe());
  }

  /** An exception that nobody meant: this connection ends, the process goes on, and the peer learns no more than that. */
  broken(error: unknown): void {
    this.fail(new ConnectionError(ErrorCode.INTERNAL_ERROR, "internal error"));
    this.failed(`internal error: ${error instanceof Error ? error.stack : String(error)}`);
  }

  /** Ends the connection in order: GOAWAY was sent and no stream is left. */
  protected finish(): void {
    if (this.over) return;
    this.stop();
    this.#orderly = true;
    this.outbound.finish();
  }

  /** The peer does not answer: every stream ends, and what is queued is thrown away. */
  protected lose(message: string): void {
    this.stop();
    this.abortAll(lostAbort(message));
    this.failed(message);
    this.destroy();
  }

  /** Throws everything away at once. */
  destroy(): void {
    this.stop();
    if (this.#stream === null) this.closed(null);
    else this.#stream.destroy();
  }

  // ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** About once a second, `ms` being the time since the last one. */
  sweep(ms: number): void {
    this.sweeps++;
    this.outbound.output.sweep();
    if (this.over) {
      this.#sweepOver(ms);
      return;
    }
    const overdue = this.overdue.sweep(ms, this.reader);
    if (overdue !== null) {
      this.fail(overdue);
      return;
    }
    if (this.overdue.blocked(ms, this.#stream?.queued() ?? 0)) {
      this.lose("the peer took no data for too long");
      return;
    }
    this.active = false;
  }

  /** Waits for the peer to close, and for what is queued to leave when the end was an orderly one; then closes. */
  #sweepOver(ms: number): void {
    this.#overAge += ms;
    const queued = this.#orderly && this.#stream !== null && this.#stream.queued() > 0;
    if (this.#overAge >= (queued ? this.limits.stallTimeout : GOODBYE_MS)) this.destroy();
  }
}
