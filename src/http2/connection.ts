import { localAbort, resetAbort } from "./abort.ts";
import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import { DEFAULT_HEADER_TABLE_BYTES, Flag, FrameType, MAX_WINDOW } from "./frame.ts";
import { FrameReader, type FrameSink } from "./frame-reader.ts";
import { type DecodedHead, Decoder, HpackError } from "./hpack/decoder.ts";
import { InboundWindow } from "./inbound-window.ts";
import { type ConnectionOptions, Link } from "./link.ts";
import { Patience } from "./patience.ts";
import type { Abort, Head } from "./receiver.ts";
import { readSettings } from "./settings.ts";
import { Closed, type Stream } from "./stream.ts";
import { StreamHistory } from "./stream-history.ts";
import { StreamTable } from "./stream-table.ts";

/** How long a stream may stall while the budget is exhausted: the second sweep ends it. */
const PRESSED_MS = 1_000;

/**
 * What both sides of an HTTP/2 connection have in common: streams, both levels of flow control, settings, ping, errors. The
 * sides differ in who opens streams and in what a head means: see ServerConnection and ClientConnection.
 */
export abstract class Connection extends Link implements FrameSink {
  readonly streams = new StreamTable();
  /** What the peer may send on a new stream at first. */
  firstReceiveWindow: number;
  /** What the server takes as a request's header list; Infinity until it says. */
  peerMaxHeaderListBytes = Number.POSITIVE_INFINITY;
  protected readonly decoder: Decoder;
  protected readonly history = new StreamHistory();
  protected readonly reader: FrameReader;
  readonly inbound: InboundWindow;
  readonly #peer: "server" | "client";
  readonly #patience: Patience;
  #settingsSeen = false;

  constructor(options: ConnectionOptions, side: "server" | "client") {
    super(options);
    this.#peer = side === "server" ? "client" : "server";
    this.firstReceiveWindow = options.limits.streamWindow;
    this.#patience = new Patience(options.limits, this.outbound.output);
    this.inbound = new InboundWindow(options.limits.connectionWindow, options.budget, (bytes) =>
      this.outbound.windowUpdate(0, bytes),
    );
    this.decoder = new Decoder(DEFAULT_HEADER_TABLE_BYTES, {
      maxListBytes: options.limits.maxHeaderListBytes,
      maxFields: options.limits.maxHeaderFields,
    });
    this.reader = new FrameReader(this, {
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
  /** True for streams that nobody has opened yet. */
  protected abstract isIdle(id: number): boolean;

  // ── Streams ────────────────────────────────────────────────────────────────────────────────────────────────────────────

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
    // Of a stream that has ended by itself, the rest will leave; of others it is thrown away.
    if (how !== Closed.ENDED) this.inbound.left(stream.unread);
    this.streamClosed(stream);
  }

  /**
   * The server has said that it does not take so large a head. Some end the whole connection for one (grpc-java does from a
   * quarter above its 8 KiB on), and with it the calls of everybody else. Nothing was sent of the stream.
   */
  headTooLarge(stream: Stream, bytes: number): void {
    this.closeStream(stream, Closed.RESET_BY_US);
    const message = `request head of ${bytes} bytes, the endpoint takes ${this.peerMaxHeaderListBytes}`;
    stream.receiver.abort({ by: "local", code: ErrorCode.ENHANCE_YOUR_CALM, unprocessed: true, message });
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
    this.inbound.take(flowBytes);
    const length = end - start;
    if (length === 0 && !endStream) this.#patience.emptyData();
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.inbound.left(flowBytes);
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
    this.#patience.aside();
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
      this.#patience.aside();
      return;
    }
    this.resetReceived(stream);
    this.closeStream(stream, Closed.RESET_BY_PEER);
    stream.receiver.abort(resetAbort(code));
  }

  /** Where the server side counts resets. May throw. */
  protected resetReceived(_stream: Stream): void {}

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
    this.#patience.aside();
    this.#stray(id, "HEADERS");
  }

  /** See {@link Patience.aside}. */
  protected aside(): void {
    this.#patience.aside();
  }

  onUnknown(): void {
    this.#patience.aside();
  }

  onSettings(ack: boolean, bytes: Uint8Array, start: number, end: number): void {
    if (ack) {
      this.#patience.aside();
      this.overdue.settingsAcked();
      return;
    }
    this.#patience.settings();
    const changed = readSettings(bytes, start, end, this.#peer);
    const { headerTableSize, maxConcurrentStreams, initialWindowSize, maxHeaderListSize } = changed;
    // A client's is advice that a splice cannot follow: an answer that is too large for it is the client's to refuse.
    if (maxHeaderListSize !== null && this.#peer === "server") this.peerMaxHeaderListBytes = maxHeaderListSize;
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
      this.#patience.aside();
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
      this.#patience.aside();
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

  // ── Time and end ────────────────────────────────────────────────────────────────────────────────────────────────────

  override sweep(ms: number): void {
    this.#patience.sweep();
    super.sweep(ms);
    if (!this.over) for (const stream of this.outbound.waiting) this.#sweepStalled(stream, ms);
  }

  /** CVE-2019-9511: a peer that opens its window byte by byte. Only real progress counts. */
  #sweepStalled(stream: Stream, ms: number): void {
    stream.stalledFor += ms;
    const { stallTimeout, stallBytes } = this.limits;
    if (stream.stalledFor <= stallTimeout) {
      // Connections get no credit while the process holds too much, so those who hold it must not have a minute.
      const greedy = this.budget.exhausted && stream.queued > stallBytes && stream.stalledFor > PRESSED_MS;
      if (!greedy) return;
    }
    this.resetStream(stream, ErrorCode.ENHANCE_YOUR_CALM);
    stream.receiver.abort(localAbort(ErrorCode.ENHANCE_YOUR_CALM, "the peer took no data for too long"));
  }

  protected override stop(): void {
    super.stop();
    this.inbound.close();
  }
}
