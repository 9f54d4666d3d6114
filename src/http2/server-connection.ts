import type { ByteStream } from "../runtime/machine.ts";
import { Connection } from "./connection.ts";
import { EarlyAnswers } from "./early-answers.ts";
import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import { DEFAULT_WINDOW, MAX_WINDOW, Setting } from "./frame.ts";
import { checkHead } from "./head-check.ts";
import type { DecodedHead } from "./hpack/decoder.ts";
import { RateLimit } from "./limits.ts";
import type { ConnectionOptions } from "./link.ts";
import type { Head, Receiver } from "./receiver.ts";
import { Closed, Stream } from "./stream.ts";

/** Who uses a server-side connection. */
export interface ServerEvents {
  /**
   * A request begins. The head is well-formed (RFC 9113 8.3.1), but when its `overflow` is set it lacks the fields that were
   * beyond the limits. It is given to what is returned, too.
   */
  request(stream: Stream, head: DecodedHead): Receiver;
  /** The connection ended by an error of the peer's, for the log. `closed` follows. */
  failed?(message: string): void;
  closed(connection: ServerConnection): void;
}

/** What the PING between the two GOAWAYs of a graceful end carries: "fairlead". */
const drainPing = new TextEncoder().encode("fairlead");

/** Streams over the limit that are forgiven before our SETTINGS are acknowledged: what a client sends within a round trip. */
const UNAWARE = 1_000;

/** The server side of a connection (RFC 9113). */
export class ServerConnection extends Connection {
  readonly #events: ServerEvents;
  readonly #resets: RateLimit;
  #resetsInLife = 0;
  #earlyCredit: number;
  #settingsAcked = false;
  #refusedUnaware = 0;
  /** running: takes streams. warned: GOAWAY(2^31-1) sent, still takes streams. draining: the final GOAWAY was sent. */
  #phase: "running" | "warned" | "draining" = "running";
  #warnedAge = 0;
  #idleAge = 0;
  #lastTaken = 0;
  /** Made when the first is needed: most connections have none. */
  #early: EarlyAnswers | null = null;

  constructor(stream: ByteStream, options: ConnectionOptions, events: ServerEvents) {
    super(options, "server");
    this.#events = events;
    const { limits } = options;
    this.#resets = new RateLimit(limits.resetsPerSecond);
    this.#earlyCredit = limits.earlyResets;
    // RFC 9113 6.9.3: until it has read our SETTINGS a client may send as much as the initial window allows.
    this.firstReceiveWindow = Math.max(limits.streamWindow, DEFAULT_WINDOW);
    this.attach(stream);
    this.begin(
      "",
      [
        [Setting.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams],
        [Setting.INITIAL_WINDOW_SIZE, limits.streamWindow],
        [Setting.MAX_HEADER_LIST_SIZE, limits.maxHeaderListBytes],
      ],
      this.inbound.initialCredit,
    );
  }

  onHeaders(
    id: number,
    endStream: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
    dependsOnItself: boolean,
  ): void {
    // Decoded before anything else: the dynamic table must stay in step whatever becomes of the stream (RFC 9113 4.3).
    const head = this.decode(bytes, start, end);
    const open = this.streams.get(id);
    if (open !== undefined) {
      this.#trailers(open, head, endStream);
      return;
    }
    if ((id & 1) === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a client's stream has an even identifier");
    if (id <= this.history.last) {
      this.strayHeaders(id);
      return;
    }
    this.history.opened(id);
    // After the final GOAWAY: RFC 9113 6.8 lets us ignore streams above the last one that it named.
    if (this.#phase === "draining") {
      this.aside();
      this.history.closed(id, Closed.RESET_BY_US);
      return;
    }
    this.#lastTaken = id;
    if (dependsOnItself) {
      this.#refuse(id, ErrorCode.PROTOCOL_ERROR, "a stream depends on itself");
      return;
    }
    if (this.streams.size >= this.limits.maxConcurrentStreams) {
      this.#refuseOverLimit(id);
      return;
    }
    const facts = head.facts ?? checkHead(head, "request");
    head.facts = facts;
    if (facts.error !== "") {
      this.#refuse(id, ErrorCode.PROTOCOL_ERROR, facts.error);
      return;
    }
    if (endStream && facts.contentLength > 0) {
      this.#refuse(id, ErrorCode.PROTOCOL_ERROR, "the body is not as long as content-length says");
      return;
    }
    this.#begin(id, head, facts.contentLength, endStream);
  }

  #begin(id: number, head: DecodedHead, contentLength: number, endStream: boolean): void {
    const stream = new Stream(this, id, nobody);
    stream.headReceived = true;
    stream.endReceived = endStream;
    stream.bodyLeft = contentLength;
    this.streams.set(id, stream);
    const receiver = this.#events.request(stream, head);
    // When it has been answered already, somebody else takes the rest: see localEnd.
    if (stream.receiver === nobody) stream.receiver = receiver;
    receiver.head(head);
    if (endStream) this.endRemote(stream, null);
  }

  /** A second HEADERS frame on an open stream. */
  #trailers(stream: Stream, head: DecodedHead, endStream: boolean): void {
    if (stream.remoteEnded) {
      this.streamError(stream, ErrorCode.STREAM_CLOSED, "HEADERS after the end of the stream");
      return;
    }
    // RFC 9113 8.1: a field section after the body carries END_STREAM.
    if (!endStream) {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR, "trailers without END_STREAM");
      return;
    }
    const facts = checkHead(head, "trailers");
    if (facts.error !== "" || head.overflow !== "") {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR, facts.error || "too many trailers");
      return;
    }
    if (stream.bodyLeft > 0) {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR, "the body is not as long as content-length says");
      return;
    }
    this.endRemote(stream, head);
  }

  #refuse(id: number, code: number, message: string): void {
    this.history.closed(id, Closed.RESET_BY_US);
    this.onStreamError(id, code, message);
  }

  #refuseOverLimit(id: number): void {
    this.history.closed(id, Closed.RESET_BY_US);
    // Before it knows our limit a client may open many streams in good faith (RFC 9113 6.5.2).
    if (this.#settingsAcked || ++this.#refusedUnaware > UNAWARE)
      this.onStreamError(id, ErrorCode.REFUSED_STREAM, "too many concurrent streams");
    else {
      this.outbound.reset(id, ErrorCode.REFUSED_STREAM);
    }
  }

  override onSettings(ack: boolean, bytes: Uint8Array, start: number, end: number): void {
    if (ack) {
      this.#settingsAcked = true;
      this.firstReceiveWindow = this.limits.streamWindow;
    }
    super.onSettings(ack, bytes, start, end);
  }

  protected settingsChanged(): void {}

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id > this.history.last;
  }

  protected lastPeerStreamId(): number {
    return this.#lastTaken;
  }

  /**
   * The response has ended before the request: see {@link EarlyAnswers}. When END_STREAM has arrived and the receiver has only
   * not been told yet, there is nothing left to wait for.
   */
  localEnd(stream: Stream): void {
    if (stream.endReceived) this.closeStream(stream, Closed.ENDED);
    else {
      this.#early ??= new EarlyAnswers();
      this.#early.add(stream);
    }
  }

  protected remoteEnd(): void {}

  /**
   * CVE-2023-44487, rapid reset. Only resets of streams younger than about a second count against the rate: a client whose
   * deadlines expire together resets many old ones in good faith. A stream whose answer has ended may be reset as well as ended.
   */
  protected override resetReceived(stream: Stream): void {
    if (stream.localEnded) return;
    if (++this.#resetsInLife > this.limits.resetsPerConnection) this.drain();
    if (this.sweeps - stream.bornAt > 1) return;
    if (this.#resets.exceeded()) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many streams were reset");
    if (!stream.headSent && --this.#earlyCredit < 0) this.drain();
  }

  protected streamClosed(stream: Stream): void {
    this.#idleAge = 0;
    // An answered call earns back what a hasty reset cost.
    if (stream.localEnded && this.#earlyCredit < this.limits.earlyResets) this.#earlyCredit++;
    if (this.#phase === "draining" && this.streams.size === 0) this.finish();
  }

  /**
   * Ends gracefully (RFC 9113 6.8): GOAWAY(2^31-1) and a PING; when that comes back, or one or two seconds later, every stream that the
   * client had sent is here, and the final GOAWAY names the last one. The connection ends with its last stream.
   */
  drain(): void {
    if (this.#phase !== "running" || this.over) return;
    this.#phase = "warned";
    this.outbound.goaway(MAX_WINDOW, ErrorCode.NO_ERROR, "");
    this.outbound.ping(0, drainPing, 0);
  }

  /** GOAWAY loses no stream, so that it need not wait for one. */
  retire(): void {
    this.drain();
  }

  protected pingAcked(bytes: Uint8Array, start: number): void {
    if (this.#phase === "warned" && drainPing.every((byte, i) => bytes[start + i] === byte)) this.#finalGoaway();
  }

  get busy(): boolean {
    return this.streams.size > 0;
  }

  #finalGoaway(): void {
    this.#early?.resetAll();
    this.#phase = "draining";
    this.outbound.goaway(this.#lastTaken, ErrorCode.NO_ERROR, "");
    if (this.streams.size === 0) this.finish();
  }

  /**
   * The client means to go. Its GOAWAY speaks of streams that we would open, and binds it to nothing (RFC 9113 6.8): ours tells it
   * that what it opens from here on is not taken, or such a call would wait for ever.
   */
  onGoaway(): void {
    this.aside();
    if (this.#phase !== "draining") this.#finalGoaway();
  }

  override sweep(ms: number): void {
    this.#resets.sweep();
    super.sweep(ms);
    if (this.over) return;
    this.#early?.sweep();
    if (this.#phase === "warned") {
      this.#warnedAge += ms;
      // The first sweep may come right after the warning.
      if (this.#warnedAge >= 2_000) this.#finalGoaway();
      return;
    }
    const { connectionIdleTimeout } = this.limits;
    if (this.streams.size > 0 || connectionIdleTimeout === null) return;
    this.#idleAge += ms;
    if (this.#idleAge > connectionIdleTimeout) this.drain();
  }

  protected failed(message: string): void {
    this.#events.failed?.(message);
  }

  protected connectionClosed(): void {
    this.#events.closed(this);
  }
}

/** Stands in a stream until its real receiver is known. */
const nobody: Receiver = {
  head(_head: Head): void {},
  data(): void {},
  end(): void {},
  abort(): void {},
};
