import type { ByteStream, ByteStreamHandler } from "../runtime/machine.ts";
import { localAbort, lostAbort, resetAbort } from "./abort.ts";
import type { Budget } from "./budget.ts";
import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import type { Flusher } from "./flusher.ts";
import { DEFAULT_HEADER_TABLE_BYTES, Flag, FrameType, MAX_WINDOW } from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { type DecodedHead, Decoder, HpackError } from "./hpack/decoder.ts";
import { InboundWindow } from "./inbound-window.ts";
import type { Http2Limits } from "./limits.ts";
import { Outbound } from "./outbound.ts";
import { Overdue } from "./overdue.ts";
import { Patience } from "./patience.ts";
import type { Abort, Head } from "./receiver.ts";
import { readSettings } from "./settings.ts";
import { Closed, type Stream } from "./stream.ts";
import { StreamHistory } from "./stream-history.ts";
import { StreamTable } from "./stream-table.ts";

export interface ConnectionOptions {
  readonly flusher: Flusher;
  readonly budget: Budget;
  readonly limits: Http2Limits;
}

/** How long the peer may take to read our GOAWAY and close, until we do. Counted in sweeps: a second less may be meant. */
const GOODBYE_MS = 2_000;

/**
 * What both sides of an HTTP/2 connection have in common: streams, both levels of flow control, settings, ping, errors. The
 * sides differ in who opens streams and in what a head means: see ServerConnection and ClientConnection.
 *
 * Somebody calls {@link sweep} about once a second: all time-outs and rates are counted in sweeps, so nothing here looks at a
 * clock and no event costs a timer.
 */
export abstract class Connection implements FrameSink, ByteStreamHandler {
  readonly limits: Http2Limits;
  readonly budget: Budget;
  readonly outbound: Outbound;
  readonly streams = new StreamTable();
  /** Sweeps since the connection began. */
  sweeps = 0;
  /** Nothing is read any more, and nothing sent but what is queued. */
  over = false;
  /** What the peer may send on a new stream at first. */
  firstReceiveWindow: number;
  protected readonly decoder: Decoder;
  protected readonly history = new StreamHistory();
  /** Bytes were received since the last sweep. */
  protected active = false;
  #stream: ByteStream | null = null;
  readonly #side: "server" | "client";
  readonly #reader: FrameReader;
  readonly #patience: Patience;
  readonly #overdue: Overdue;
  readonly #inbound: InboundWindow;
  #overAge = 0;
  /** What was queued when the connection was over is worth waiting for. */
  #orderly = false;
  #settingsSeen = false;
  #closedReported = false;

  constructor(options: ConnectionOptions, side: "server" | "client") {
    this.limits = options.limits;
    this.budget = options.budget;
    this.#side = side;
    this.firstReceiveWindow = options.limits.streamWindow;
    this.outbound = new Outbound(options.flusher, (error) => this.broken(error));
    this.#patience = new Patience(options.limits, this.outbound.output);
    this.#inbound = new InboundWindow(options.limits.connectionWindow, options.budget, (bytes) =>
      this.outbound.windowUpdate(0, bytes),
    );
    this.decoder = new Decoder(DEFAULT_HEADER_TABLE_BYTES, {
      maxListBytes: options.limits.maxHeaderListBytes,
      maxFields: options.limits.maxHeaderFields,
    });
    this.#reader = new FrameReader(this, {
      expectPreface: side === "server",
      maxContinuationFrames: options.limits.maxContinuationFrames,
      // On the wire a block is never longer than the list it stands for, but for a few bytes a field.
      maxBlockBytes: options.limits.maxHeaderListBytes * 2,
    });
    this.#overdue = new Overdue(options.limits, this.#reader, this.outbound.output);
  }

  abstract onHeaders(
    id: number,
    endStream: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
    self: boolean,
  ): void;
  abstract onGoaway(lastStreamId: number, code: number, debug: string): void;
  /** The peer acknowledged a PING; `start` is where its 8 bytes stand. */
  protected abstract pingAcked(bytes: Uint8Array, start: number): void;
  /** The peer's settings have changed. `first`: these are the ones every connection begins with. */
  protected abstract settingsChanged(maxConcurrentStreams: number | null, first: boolean): void;
  /** We have ended our direction of a stream whose other direction is open. */
  abstract localEnd(stream: Stream): void;
  /** The peer has ended its direction and the receiver knows; ours is open. */
  protected abstract remoteEnd(stream: Stream): void;
  /** A stream is gone from `streams`. */
  protected abstract streamClosed(stream: Stream): void;
  /** Once, last of all. */
  protected abstract connectionClosed(reason: Error | null): void;
  /** Highest stream ID of the peer that was or may be processed, for GOAWAY. */
  protected abstract lastPeerStreamId(): number;

  /** The other end, for logs. */
  get peer(): string {
    return this.#stream?.peer ?? "";
  }

  /** Names the byte stream, before its first event. */
  attach(stream: ByteStream): void {
    this.#stream = stream;
    this.outbound.attach(stream);
  }

  /** Starts talking: `preface` is sent as it is, then our SETTINGS and the connection window. */
  protected begin(preface: string, settings: readonly (readonly [number, number])[]): void {
    const { output } = this.outbound;
    for (let i = 0; i < preface.length; i++) output.buffer[output.position++] = preface.charCodeAt(i);
    output.settings(settings);
    this.#overdue.settingsSent();
    if (this.#inbound.initialCredit > 0) output.windowUpdate(0, this.#inbound.initialCredit);
    this.outbound.wake();
  }

  // ── The byte stream's events ────────────────────────────────────────────────────────────────────────────────────────

  received(bytes: Uint8Array): void {
    if (this.over) return;
    this.active = true;
    try {
      this.#reader.read(bytes);
    } catch (error) {
      if (error instanceof ConnectionError) this.fail(error);
      else this.broken(error);
    }
  }

  drained(): void {
    this.#overdue.drained();
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
    this.#stop();
    this.outbound.closed = true;
    this.abortAll(lostAbort(reason === null ? "connection closed" : `connection lost: ${reason.message}`));
    this.connectionClosed(reason);
  }

  // ── Ends ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** RST_STREAM; the stream is gone at once. */
  resetStream(stream: Stream, code: number): void {
    this.outbound.reset(stream.id, code);
    this.closeStream(stream, Closed.RESET_BY_US);
  }

  closeStream(stream: Stream, how: number): void {
    if (stream.closed) return;
    stream.closed = true;
    this.streams.delete(stream.id);
    stream.dispose();
    this.history.closed(stream.id, how);
    this.streamClosed(stream);
  }

  /** Reading and giving credit end here. */
  #stop(): void {
    this.over = true;
    this.#reader.stop();
    this.#inbound.close();
  }

  /** Ends the connection for an error: GOAWAY, FIN, and every stream aborted (RFC 9113 5.4.1). */
  fail(error: ConnectionError): void {
    if (this.over) return;
    this.#stop();
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

  /** For the owner's log. */
  protected failed(_message: string): void {}

  /** Ends the connection in order: GOAWAY was sent and no stream is left. */
  protected finish(): void {
    if (this.over) return;
    this.#stop();
    this.#orderly = true;
    this.outbound.finish();
  }

  /** The peer does not answer: every stream ends, and what is queued is thrown away. */
  protected lose(message: string): void {
    this.#stop();
    this.abortAll(lostAbort(message));
    this.failed(message);
    this.destroy();
  }

  /** Throws everything away at once. */
  destroy(): void {
    this.#stop();
    if (this.#stream === null) this.closed(null);
    else this.#stream.destroy();
  }

  /** Ends every stream with an ID above `above`, without sending anything. A receiver that throws keeps no other from hearing. */
  protected abortAll(reason: Abort, above = 0): void {
    for (const stream of this.streams.values()) {
      if (stream.closed || stream.id <= above) continue;
      try {
        this.closeStream(stream, Closed.RESET_BY_US);
        stream.receiver.abort(reason);
      } catch (error) {
        this.failed(`internal error: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
  }

  // ── Frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  onData(id: number, endStream: boolean, bytes: Uint8Array, start: number, end: number, flowBytes: number): void {
    this.#inbound.take(flowBytes);
    const length = end - start;
    if (length === 0 && !endStream) this.#patience.emptyData();
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.#stray(id, "DATA");
      return;
    }
    if (stream.remoteEnded) {
      this.streamError(stream, ErrorCode.STREAM_CLOSED, "DATA after the end of the stream");
      return;
    }
    if (!stream.headReceived) {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR, "DATA before HEADERS");
      return;
    }
    stream.receiveWindow -= flowBytes;
    if (stream.receiveWindow < 0) {
      this.streamError(stream, ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the stream's window allows");
      return;
    }
    if (flowBytes > length) stream.consumed(flowBytes - length);
    if (stream.bodyLeft !== -1) {
      const left = stream.bodyLeft - length;
      if (left < 0 || (endStream && left !== 0)) {
        this.streamError(stream, ErrorCode.PROTOCOL_ERROR, "the body is not as long as content-length says");
        return;
      }
      stream.bodyLeft = left;
    }
    if (endStream) stream.endReceived = true;
    if (length > 0) stream.receiver.data(bytes, start, end);
    if (endStream) this.endRemote(stream, null);
  }

  /** The peer's direction ends here, with or without trailers. */
  protected endRemote(stream: Stream, trailers: Head | null): void {
    if (stream.closed) return;
    stream.endReceived = true;
    stream.remoteEnded = true;
    stream.receiver.end(trailers);
    if (stream.closed) return;
    if (stream.localEnded) this.closeStream(stream, Closed.ENDED);
    else this.remoteEnd(stream);
  }

  /** Decodes a field block. @throws ConnectionError COMPRESSION_ERROR */
  protected decode(bytes: Uint8Array, start: number, end: number): DecodedHead {
    try {
      return this.decoder.decode(bytes, start, end);
    } catch (error) {
      if (error instanceof HpackError) throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, error.message);
      throw error;
    }
  }

  onPriority(id: number, dependsOnItself: boolean): void {
    // Priorities are deprecated (RFC 9113 5.3.2) and ignored, but RFC 7540 5.3.1 forbids a stream to depend on itself.
    if (dependsOnItself) this.onStreamError(id, ErrorCode.PROTOCOL_ERROR, "a stream depends on itself");
  }

  onStreamError(id: number, code: number, message: string): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) {
      this.streamError(stream, code, message);
      return;
    }
    // RFC 9113 6.4: "RST_STREAM frames MUST NOT be sent for a stream in the "idle" state."
    if (this.isIdle(id)) throw new ConnectionError(code, message);
    this.#patience.provoked();
    this.outbound.reset(id, code);
  }

  /** The peer broke a rule on one stream: RST_STREAM, and the receiver is told (RFC 9113 5.4.2). */
  protected streamError(stream: Stream, code: number, message: string): void {
    this.#patience.provoked();
    this.resetStream(stream, code);
    stream.receiver.abort(localAbort(code, message));
  }

  onReset(id: number, code: number): void {
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on an idle stream");
      return;
    }
    this.resetReceived(stream);
    this.closeStream(stream, Closed.RESET_BY_PEER);
    stream.receiver.abort(resetAbort(code));
  }

  /** Where the server side counts resets. May throw. */
  protected resetReceived(_stream: Stream): void {}

  /** True for streams that nobody has opened yet. */
  protected abstract isIdle(id: number): boolean;

  /** DATA or HEADERS on a stream that is not there. */
  #stray(id: number, frame: string): void {
    if (this.isIdle(id)) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `${frame} on an idle stream`);
    // RFC 9113 5.1: frames that were under way when we reset the stream are ignored; anything else after its end is an error.
    const fate = this.history.fate(id);
    if (fate === Closed.RESET_BY_US) return;
    // RFC 9113 5.1.1: "An endpoint that receives an unexpected stream identifier MUST respond with [...] PROTOCOL_ERROR."
    if (fate === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `${frame} on a stream that was skipped`);
    throw new ConnectionError(ErrorCode.STREAM_CLOSED, `${frame} on a closed stream`);
  }

  /** A HEADERS frame for a stream that is not there and not new: like {@link #stray}, but its block was decoded already. */
  protected strayHeaders(id: number): void {
    this.#stray(id, "HEADERS");
  }

  onSettings(ack: boolean, bytes: Uint8Array, start: number, end: number): void {
    if (ack) {
      this.#overdue.settingsAcked();
      return;
    }
    this.#patience.settings();
    const { headerTableSize, maxConcurrentStreams, initialWindowSize } = readSettings(
      bytes,
      start,
      end,
      this.#side === "server" ? "client" : "server",
    );
    if (headerTableSize !== null) this.outbound.encoder.setPeerMaxTableSize(headerTableSize);
    if (initialWindowSize !== null) this.#changeStreamWindows(initialWindowSize);
    this.outbound.output.frame(0, FrameType.SETTINGS, Flag.ACK, 0);
    this.outbound.wake();
    const first = !this.#settingsSeen;
    this.#settingsSeen = true;
    this.settingsChanged(maxConcurrentStreams, first);
  }

  /** RFC 9113 6.9.2: the difference applies to every stream, and may make a window negative. */
  #changeStreamWindows(value: number): void {
    const difference = value - this.outbound.peerStreamWindow;
    this.outbound.peerStreamWindow = value;
    for (const stream of this.streams.values()) {
      if (stream.localEnded) continue;
      stream.sendWindow += difference;
      if (stream.sendWindow > MAX_WINDOW) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE makes a window too large");
      }
    }
  }

  onPing(ack: boolean, bytes: Uint8Array, start: number): void {
    if (ack) {
      this.pingAcked(bytes, start);
      return;
    }
    this.#patience.ping();
    this.outbound.ping(Flag.ACK, bytes, start);
  }

  onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
      this.#patience.windowUpdate();
      this.outbound.sendWindow += increment;
      if (this.outbound.sendWindow > MAX_WINDOW) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection window is too large");
      }
    } else {
      const stream = this.streams.get(id);
      if (stream === undefined) {
        if (this.isIdle(id)) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream");
        return;
      }
      if (increment === 0) {
        this.streamError(stream, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
        return;
      }
      stream.sendWindow += increment;
      if (stream.sendWindow > MAX_WINDOW) {
        this.streamError(stream, ErrorCode.FLOW_CONTROL_ERROR, "the stream's window is too large");
        return;
      }
    }
    if (this.outbound.waiting.size > 0) this.outbound.wake();
  }

  // ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** About once a second, `ms` being the time since the last one. */
  sweep(ms: number): void {
    this.sweeps++;
    this.#patience.sweep();
    this.outbound.output.sweep();
    if (this.over) {
      this.#sweepOver(ms);
      return;
    }
    const overdue = this.#overdue.sweep(ms);
    if (overdue !== null) {
      this.fail(overdue);
      return;
    }
    if (this.#overdue.blocked(ms)) {
      this.lose("the peer took no data for too long");
      return;
    }
    for (const stream of this.outbound.waiting) this.#sweepStalled(stream, ms);
    this.active = false;
  }

  /** Waits for the peer to close, and for what is queued to leave when the end was an orderly one; then closes. */
  #sweepOver(ms: number): void {
    this.#overAge += ms;
    const queued = this.#orderly && this.#stream !== null && this.#stream.queued() > 0;
    if (this.#overAge >= (queued ? this.limits.stallTimeout : GOODBYE_MS)) this.destroy();
  }

  /** CVE-2019-9511: a peer that opens its window byte by byte. Only real progress counts. */
  #sweepStalled(stream: Stream, ms: number): void {
    stream.stalledFor += ms;
    if (stream.stalledFor <= this.limits.stallTimeout) return;
    this.resetStream(stream, ErrorCode.ENHANCE_YOUR_CALM);
    stream.receiver.abort(localAbort(ErrorCode.ENHANCE_YOUR_CALM, "the peer took no data for too long"));
  }
}
