import type { ByteStream, ByteStreamHandler } from "../runtime/machine.ts";
import type { Budget } from "./budget.ts";
import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import type { Flusher } from "./flusher.ts";
import {
  DEFAULT_HEADER_TABLE_BYTES,
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_WINDOW,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  MAX_WINDOW,
  Setting,
} from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { type DecodedHead, Decoder, HpackError } from "./hpack/decoder.ts";
import { Encoder } from "./hpack/encoder.ts";
import { type Http2Limits, RateLimit } from "./limits.ts";
import { Output } from "./output.ts";
import type { Abort, Head } from "./receiver.ts";
import { Closed, localAbort, resetAbort, type Stream } from "./stream.ts";
import { StreamHistory } from "./stream-history.ts";

export interface ConnectionOptions {
  readonly flusher: Flusher;
  readonly budget: Budget;
  readonly limits: Http2Limits;
}

/** Above this a turn's output goes out in the middle of the turn, so that one busy turn does not hold it all in memory. */
const FLUSH_BYTES = 131_072;

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
  readonly output = new Output();
  readonly streams = new Map<number, Stream>();
  /** Streams with bytes that wait for a window or for the socket; sent in turns. */
  readonly waiting = new Set<Stream>();
  /** Sweeps since the connection began. */
  sweeps = 0;
  /** What the peer's SETTINGS allow. */
  peerStreamWindow = DEFAULT_WINDOW;
  peerMaxFrame = DEFAULT_MAX_FRAME_BYTES;
  /** Bytes that we may send on all streams together. */
  sendWindow = DEFAULT_WINDOW;
  /** Nothing is read any more, and nothing sent but what is queued. */
  over = false;
  protected readonly decoder: Decoder;
  protected readonly encoder = new Encoder();
  protected readonly history = new StreamHistory();
  /** Bytes were received since the last sweep. */
  protected active = false;
  #stream: ByteStream | null = null;
  readonly #reader: FrameReader;
  readonly #flusher: Flusher;
  #flushPlanned = false;
  #receiveWindow = DEFAULT_WINDOW;
  #uncredited = 0;
  #settingsUnacked = 0;
  #settingsAge = 0;
  #incompleteAge = 0;
  #overAge = 0;
  #blockedAge = 0;
  #dataFramesAtSweep = 0;
  #pings = 0;
  #windowUpdates = 0;
  readonly #settings: RateLimit;
  readonly #emptyData: RateLimit;
  #provoked = 0;
  #closedReported = false;
  readonly #credit = (): void => this.#giveCredit();

  constructor(options: ConnectionOptions, side: "server" | "client") {
    this.limits = options.limits;
    this.budget = options.budget;
    this.#flusher = options.flusher;
    this.#settings = new RateLimit(options.limits.settingsPerSecond);
    this.#emptyData = new RateLimit(options.limits.emptyDataPerSecond);
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
    this.output.attach(stream);
  }

  /** Starts talking: `preface` is sent as it is, then our SETTINGS and the connection window. */
  protected begin(preface: string, settings: readonly (readonly [number, number])[]): void {
    for (let i = 0; i < preface.length; i++) this.output.buffer[this.output.position++] = preface.charCodeAt(i);
    this.output.settings(settings);
    this.#settingsUnacked++;
    this.#receiveWindow = Math.max(this.limits.connectionWindow, DEFAULT_WINDOW);
    if (this.#receiveWindow > DEFAULT_WINDOW) this.output.windowUpdate(0, this.#receiveWindow - DEFAULT_WINDOW);
    this.wake();
  }

  // ── The byte stream's events ────────────────────────────────────────────────────────────────────────────────────────

  received(bytes: Uint8Array): void {
    if (this.over) return;
    this.active = true;
    try {
      this.#reader.read(bytes);
    } catch (error) {
      // Anything but a ConnectionError is a mistake of ours: this connection ends, the process goes on.
      this.fail(
        error instanceof ConnectionError
          ? error
          : new ConnectionError(ErrorCode.INTERNAL_ERROR, error instanceof Error ? (error.stack ?? "") : String(error)),
      );
    }
  }

  drained(): void {
    this.output.blocked = false;
    this.#blockedAge = 0;
    if (!this.over) this.#stream?.resume();
    this.wake();
  }

  /** The peer sent FIN. Whoever ends its half of a connection under open calls has gone: they are cancelled at once. */
  ended(): void {
    if (this.over) return;
    this.finish();
    this.#abortAll(connectionLost("the peer closed the connection"));
  }

  closed(reason: Error | null): void {
    if (this.#closedReported) return;
    this.#closedReported = true;
    this.over = true;
    this.budget.forget(this.#credit);
    this.#reader.stop();
    this.#abortAll(connectionLost(reason === null ? "connection closed" : `connection lost: ${reason.message}`));
    this.connectionClosed(reason);
  }

  // ── Sending ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** There is something to send at the end of this turn. */
  wake(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    this.#flusher.add(this);
  }

  flush(): void {
    this.#flushPlanned = false;
    if (this.#closedReported) return;
    if (this.waiting.size > 0) this.#pump();
    this.output.flush();
    // A peer that makes us answer faster than it reads gets no more of our attention until it has read.
    if (this.output.blocked && !this.over) this.#stream?.pause();
  }

  /** Sends waiting bytes, a frame of each stream in turn, so that a large body does not hold up the small ones. */
  #pump(): void {
    let more = true;
    while (more && !this.output.blocked) {
      more = false;
      for (const stream of this.waiting) {
        if (stream.pump()) more = true;
        if (this.output.position >= FLUSH_BYTES) {
          this.output.flush();
          if (this.output.blocked) return;
        }
      }
    }
  }

  /** Encodes a head as HEADERS (and CONTINUATION). @returns where in the output the flags of the HEADERS frame stand */
  writeHead(id: number, head: Head, flags: number): number {
    const { output } = this;
    const bound = this.encoder.bound(head);
    output.reserve(FRAME_HEADER_BYTES + bound + FRAME_HEADER_BYTES * (2 + bound / this.peerMaxFrame));
    const at = output.position;
    output.position = this.encoder.encode(head, output.buffer, at + FRAME_HEADER_BYTES);
    const length = output.position - at - FRAME_HEADER_BYTES;
    if (length <= this.peerMaxFrame) output.header(at, length, FrameType.HEADERS, flags | Flag.END_HEADERS, id);
    else output.splitBlock(at, id, flags, this.peerMaxFrame);
    this.wake();
    return at + 4;
  }

  /** RST_STREAM; the stream is gone at once. */
  resetStream(stream: Stream, code: number): void {
    this.output.rstStream(stream.id, code);
    this.wake();
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

  /** Ends the connection for an error: GOAWAY, FIN, and every stream aborted (RFC 9113 5.4.1). */
  fail(error: ConnectionError): void {
    if (this.over) return;
    this.over = true;
    this.#reader.stop();
    this.output.goaway(this.lastPeerStreamId(), error.code, error.message.slice(0, 200));
    this.#finish();
    this.#abortAll({ by: "connection", code: error.code, unprocessed: false, message: error.describe() });
    this.failed(error);
  }

  /** For the owner's log. */
  protected failed(_error: ConnectionError): void {}

  /** Ends the connection in order: GOAWAY was sent and no stream is left. */
  protected finish(): void {
    if (this.over) return;
    this.over = true;
    this.#finish();
  }

  #finish(): void {
    this.output.flush();
    this.#stream?.end();
    this.#stream?.resume();
  }

  /** Throws everything away at once. */
  destroy(): void {
    this.over = true;
    if (this.#stream === null) this.closed(null);
    else this.#stream.destroy();
  }

  /** Every stream ends as with a lost connection. */
  protected abortAllLost(message: string): void {
    this.#abortAll(connectionLost(message));
  }

  #abortAll(reason: Abort): void {
    for (const stream of [...this.streams.values()]) this.abortStream(stream, reason);
  }

  /** Ends a stream without sending anything, and tells its receiver. */
  protected abortStream(stream: Stream, reason: Abort): void {
    if (stream.closed) return;
    this.closeStream(stream, Closed.RESET_BY_US);
    stream.receiver.abort(reason);
  }

  // ── Frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  onData(id: number, endStream: boolean, bytes: Uint8Array, start: number, end: number, flowBytes: number): void {
    this.#receiveWindow -= flowBytes;
    if (this.#receiveWindow < 0) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection window allows");
    }
    // Invariant 7: credit for the connection on receipt, so that a call that stalls does not stall the others.
    this.#uncredited += flowBytes;
    if (this.#uncredited >= this.limits.connectionWindow >>> 1) this.#giveCredit();
    const length = end - start;
    if (length === 0 && !endStream && this.#emptyData.exceeded()) throw calm("too many empty DATA frames");
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
    if (length > 0) stream.receiver.data(bytes, start, end);
    if (endStream) this.endRemote(stream, null);
  }

  /** The peer's direction ends here, with or without trailers. */
  protected endRemote(stream: Stream, trailers: Head | null): void {
    if (stream.closed) return;
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
    if (stream !== undefined) this.streamError(stream, code, message);
    else {
      this.#provoke();
      this.output.rstStream(id, code);
      this.wake();
    }
  }

  /** The peer broke a rule on one stream: RST_STREAM, and the receiver is told (RFC 9113 5.4.2). */
  protected streamError(stream: Stream, code: number, message: string): void {
    this.#provoke();
    this.resetStream(stream, code);
    stream.receiver.abort(localAbort(code, message));
  }

  /** CVE-2025-8671: a peer that makes us reset streams keeps us busy without being counted as concurrent. */
  #provoke(): void {
    if (++this.#provoked > this.limits.provokedResets) throw calm("too many stream errors");
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
      if (this.#settingsUnacked > 0) this.#settingsUnacked--;
      this.#settingsAge = 0;
      return;
    }
    if (this.#settings.exceeded()) throw calm("too many SETTINGS frames");
    let maxConcurrent: number | null = null;
    for (let at = start; at < end; at += 6) {
      const id = (bytes[at] << 8) | bytes[at + 1];
      const value = ((bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5]) >>> 0;
      if (id === Setting.MAX_CONCURRENT_STREAMS) maxConcurrent = value;
      else this.#applySetting(id, value);
    }
    this.output.frame(0, FrameType.SETTINGS, Flag.ACK, 0);
    const first = !this.#settingsSeen;
    this.#settingsSeen = true;
    this.settingsChanged(maxConcurrent, first);
    this.wake();
  }
  #settingsSeen = false;

  #applySetting(id: number, value: number): void {
    switch (id) {
      case Setting.HEADER_TABLE_SIZE:
        this.encoder.setPeerMaxTableSize(value);
        break;
      case Setting.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1");
        break;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW) {
          throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE is too large");
        }
        this.#changeStreamWindows(value);
        break;
      case Setting.MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME_BYTES || value > 0xffffff) {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE is out of range");
        }
        // Larger frames are allowed to us, not owed: small ones let streams take turns.
        break;
      default:
      // RFC 9113 6.5.2: unknown settings are ignored; MAX_HEADER_LIST_SIZE is advice that a splice cannot follow.
    }
  }

  /** RFC 9113 6.9.2: the difference applies to every stream, and may make a window negative. */
  #changeStreamWindows(value: number): void {
    const difference = value - this.peerStreamWindow;
    this.peerStreamWindow = value;
    for (const stream of this.streams.values()) {
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
    // Every DATA frame that we send earns the peer one PING: grpc-go and gRPC C-core measure bandwidth by pings.
    if (++this.#pings > this.limits.pingsPerSecond + this.#dataFramesSinceSweep()) throw calm("too many PING frames");
    this.output.frame(8, FrameType.PING, Flag.ACK, 0);
    this.output.bytes(bytes.subarray(start, start + 8));
    this.wake();
  }

  onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0");
      // As for PING: peers give credit for what they got, so what we send earns updates.
      if (++this.#windowUpdates > this.limits.windowUpdatesPerSecond + this.#dataFramesSinceSweep()) {
        throw calm("too many WINDOW_UPDATE frames");
      }
      this.sendWindow += increment;
      if (this.sendWindow > MAX_WINDOW) {
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
    if (this.waiting.size > 0) this.wake();
  }

  #dataFramesSinceSweep(): number {
    return this.output.dataFrames - this.#dataFramesAtSweep;
  }

  #giveCredit(): void {
    if (this.#uncredited === 0 || this.over) return;
    if (this.budget.exhausted) {
      this.budget.whenFree(this.#credit);
      return;
    }
    this.output.windowUpdate(0, this.#uncredited);
    this.#receiveWindow += this.#uncredited;
    this.#uncredited = 0;
    this.wake();
  }

  // ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** About once a second, `ms` being the time since the last one. */
  sweep(ms: number): void {
    this.sweeps++;
    this.#pings = 0;
    this.#windowUpdates = 0;
    this.#dataFramesAtSweep = this.output.dataFrames;
    this.#settings.sweep();
    this.#emptyData.sweep();
    if (this.over) {
      // Two seconds for the peer to read our GOAWAY and close; then we do.
      this.#overAge += ms;
      if (this.#overAge >= 2_000) this.#stream?.destroy();
      return;
    }
    if (this.#sweepTimeouts(ms)) return;
    for (const stream of this.waiting) this.#sweepStalled(stream, ms);
    this.active = false;
  }

  /** @returns true when the connection has ended */
  #sweepTimeouts(ms: number): boolean {
    this.#incompleteAge = this.#reader.incomplete ? this.#incompleteAge + ms : 0;
    if (this.#incompleteAge > this.limits.headTimeout) {
      return this.#timeout(ErrorCode.ENHANCE_YOUR_CALM, "a header block or the first SETTINGS took too long");
    }
    if (this.#settingsUnacked > 0) this.#settingsAge += ms;
    if (this.#settingsAge > this.limits.settingsAckTimeout) {
      return this.#timeout(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS were not acknowledged in time");
    }
    if (this.output.blocked) {
      this.#blockedAge += ms;
      // The socket has taken nothing for so long: not even a GOAWAY would leave.
      if (this.#blockedAge > this.limits.stallTimeout) {
        this.destroy();
        return true;
      }
    }
    return false;
  }

  #timeout(code: number, message: string): true {
    this.fail(new ConnectionError(code, message));
    return true;
  }

  /** CVE-2019-9511: a peer that opens its window byte by byte. Only real progress counts. */
  #sweepStalled(stream: Stream, ms: number): void {
    stream.stalledSweeps += ms;
    if (stream.stalledSweeps <= this.limits.stallTimeout) return;
    this.resetStream(stream, ErrorCode.ENHANCE_YOUR_CALM);
    stream.receiver.abort(localAbort(ErrorCode.ENHANCE_YOUR_CALM, "the peer took no data for too long"));
  }
}

function connectionLost(message: string): Abort {
  return { by: "connection", code: ErrorCode.INTERNAL_ERROR, unprocessed: false, message };
}

function calm(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, message);
}
