import { Connection } from "./connection.ts";
import { ErrorCode, errorCodeName } from "./error-code.ts";
import { MAX_WINDOW, PREFACE, Setting } from "./frame.ts";
import { checkHead } from "./head-check.ts";
import { Keepalive, type KeepaliveOptions } from "./keepalive.ts";
import type { ConnectionOptions } from "./link.ts";
import type { Receiver } from "./receiver.ts";
import { Stream } from "./stream.ts";

/** What happens to a client-side connection, as values: policy lives with the owner. */
export interface ClientEvents {
  /** The server's SETTINGS have arrived: it speaks HTTP/2, and streams may be opened. */
  ready(connection: ClientConnection): void;
  /** A stream more may be opened than before. */
  capacity(connection: ClientConnection): void;
  /** The server takes no streams any more ({@link ClientConnection.shut}), or takes some again. */
  turned?(connection: ClientConnection): void;
  /** The server takes no new streams on this connection; those that it has not seen were aborted as unprocessed. */
  goaway(connection: ClientConnection, code: number, debug: string): void;
  /** See {@link ClientConnection.worn}; told once, when it becomes so. */
  worn?(connection: ClientConnection): void;
  /** Over. The reason is empty for an orderly end. */
  closed(connection: ClientConnection, reason: string): void;
}

export interface ClientOptions extends ConnectionOptions {
  readonly keepalive: KeepaliveOptions;
  /** Streams at once until the server has said how many (RFC 9113 6.5.2 sets no bound; gRPC implementations assume 100). */
  readonly assumedConcurrentStreams: number;
  /** The first stream's ID: 1 when left out. For tests of what happens when IDs run out. */
  readonly firstStreamId?: number;
}

/**
 * Servers end connections on which too many streams are reset (CVE-2023-44487): nghttp2, and with it node:http2, above 1,000 and 33 a
 * second; Netty, where it is on, above 200 in 30 s. A connection is worn before the strictest of them has enough.
 */
const WORN_RESETS = 100;
/** How many are forgotten a second: 200 in 30 s. */
const FORGOTTEN_RESETS = 6;
/**
 * How long a server that has given the connection up may be silent. RFC 9113 5.4.1: after a GOAWAY for an error it "MUST close the TCP
 * connection"; node:http2 leaves it open after a COMPRESSION_ERROR, and answers nothing more, not even PING.
 */
const GIVEN_UP_MS = 5_000;

/** The client side of a connection (RFC 9113). */
export class ClientConnection extends Connection {
  /** A response has come over it: the server works, whatever ends the connection later. */
  useful = false;
  readonly #events: ClientEvents;
  readonly #keepalive: Keepalive;
  #maxStreams: number;
  #nextId: number;
  #ready = false;
  #goingAway = false;
  #resets = 0;
  /** So many streams were reset that the server may soon end the connection: it should be replaced, and drained then. */
  worn = false;
  #reason = "";
  /** The server has given the connection up: why. */
  #givenUp = "";
  /** Milliseconds of silence since then. */
  #silent = 0;

  constructor(options: ClientOptions, events: ClientEvents) {
    super(options, "client");
    this.#events = events;
    this.#keepalive = new Keepalive(options.keepalive);
    this.#maxStreams = options.assumedConcurrentStreams;
    this.#nextId = options.firstStreamId ?? 1;
  }

  /** The byte stream is established: talking starts. */
  opened(): void {
    this.begin(
      PREFACE,
      [
        [Setting.ENABLE_PUSH, 0],
        [Setting.INITIAL_WINDOW_SIZE, this.limits.streamWindow],
        [Setting.MAX_HEADER_LIST_SIZE, this.limits.maxHeaderListBytes],
      ],
      this.inbound.initialCredit,
    );
  }

  /** Streams that may be opened now. */
  get capacity(): number {
    if (!this.#ready || this.#goingAway || this.over) return 0;
    return Math.max(0, this.#maxStreams - this.streams.size);
  }

  /** True while the connection can take streams, now or once some have ended. */
  get usable(): boolean {
    return this.#ready && !this.#goingAway && !this.over && this.#maxStreams > 0;
  }

  /** The server said MAX_CONCURRENT_STREAMS 0, for "short durations" (RFC 9113 6.5.2): no end of a stream makes room. */
  get shut(): boolean {
    return this.#ready && !this.#goingAway && !this.over && this.#maxStreams === 0;
  }

  /** Opens a stream; `head` must be called on it at once, before another is opened. Only while `capacity` is above 0. */
  open(receiver: Receiver): Stream {
    const id = this.#nextId;
    this.#nextId += 2;
    this.history.opened(id);
    const stream = new Stream(this, id, receiver);
    this.streams.set(id, stream);
    // RFC 9113 5.1.1: stream identifiers cannot be reused; when they run out, a new connection is needed.
    if (this.#nextId > MAX_WINDOW) this.#leave(ErrorCode.NO_ERROR, "stream identifiers are used up");
    return stream;
  }

  /** No new streams; ends when the last one has. */
  drain(): void {
    this.#goingAway = true;
    if (this.streams.size === 0) this.#goodbye();
  }

  #goodbye(): void {
    if (this.over) return;
    this.outbound.goaway(0, ErrorCode.NO_ERROR, "");
    this.finish();
  }

  onHeaders(id: number, endStream: boolean, bytes: Uint8Array, start: number, end: number): void {
    const head = this.decode(bytes, start, end);
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.strayHeaders(id);
      return;
    }
    if (stream.remoteEnded) {
      this.streamError(stream, ErrorCode.STREAM_CLOSED, "HEADERS after the end of the stream");
      return;
    }
    if (head.overflow !== "") {
      this.streamError(stream, ErrorCode.ENHANCE_YOUR_CALM, `header list over the limit of ${head.overflow}`);
      return;
    }
    if (stream.headReceived) {
      const facts = head.facts ?? checkHead(head, "trailers");
      // Remembered only when it is well-formed: what is wrong as trailers may be right as a response.
      if (facts.error === "") head.facts = facts;
      // A block of trailers and one of a response are never equal: the latter begins with :status.
      if (facts.error !== "" || facts.status !== 0 || !endStream) {
        this.streamError(stream, ErrorCode.PROTOCOL_ERROR, facts.error || "malformed trailers");
        return;
      }
      if (stream.bodyLeft > 0) {
        this.streamError(stream, ErrorCode.PROTOCOL_ERROR, "the body is not as long as content-length says");
        return;
      }
      this.endRemote(stream, head);
      return;
    }
    const facts = head.facts ?? checkHead(head, "response");
    if (facts.error === "") head.facts = facts;
    if (facts.error !== "" || facts.status === 0) {
      this.streamError(stream, ErrorCode.PROTOCOL_ERROR, facts.error || "malformed response");
      return;
    }
    // RFC 9113 8.1: "zero or more informational (1xx) responses" come before the final one. None concerns an RPC.
    if (facts.status < 200) {
      if (endStream) this.streamError(stream, ErrorCode.PROTOCOL_ERROR, "an informational response ends the stream");
      return;
    }
    stream.headReceived = true;
    this.useful = true;
    if (facts.status !== 204 && facts.status !== 304) stream.bodyLeft = endStream ? -1 : facts.contentLength;
    stream.receiver.head(head);
    if (endStream) this.endRemote(stream, null);
  }

  protected settingsChanged(maxConcurrentStreams: number | null, first: boolean): void {
    const before = this.capacity;
    const wasShut = this.shut;
    if (maxConcurrentStreams !== null) this.#maxStreams = maxConcurrentStreams;
    if (first) {
      this.#ready = true;
      this.#events.ready(this);
      return;
    }
    if (this.shut !== wasShut) this.#events.turned?.(this);
    if (this.capacity > before) this.#events.capacity(this);
  }

  protected isIdle(id: number): boolean {
    return (id & 1) === 0 || id >= this.#nextId;
  }

  protected lastPeerStreamId(): number {
    return 0;
  }

  localEnd(): void {}

  /** The response is complete and the request is not: the server does not want the rest (RFC 9113 8.1). */
  protected remoteEnd(stream: Stream): void {
    this.resetStream(stream, ErrorCode.NO_ERROR);
  }

  protected streamClosed(): void {
    if (this.#goingAway) {
      if (this.streams.size === 0) this.#goodbye();
    } else if (this.#ready && !this.over) this.#events.capacity(this);
  }

  onGoaway(lastStreamId: number, code: number, debug: string): void {
    if (code === ErrorCode.ENHANCE_YOUR_CALM && debug.includes("too_many_pings")) this.#keepalive.tooManyPings();
    const reason = `GOAWAY ${errorCodeName(code)}${debug === "" ? "" : ` (${debug})`}`;
    // A server that only wants fewer PINGs may answer what it has.
    if (code !== ErrorCode.NO_ERROR && code !== ErrorCode.ENHANCE_YOUR_CALM) this.#givenUp = reason;
    this.#leave(code, debug);
    // RFC 9113 6.8: streams above the last identifier were not processed and may safely be tried elsewhere.
    this.abortAll({ by: "connection", code, unprocessed: true, message: reason }, lastStreamId);
    if (this.streams.size === 0) this.#goodbye();
  }

  #leave(code: number, debug: string): void {
    this.#goingAway = true;
    this.#events.goaway(this, code, debug);
  }

  protected pingAcked(): void {
    this.#keepalive.acked();
  }

  /** Without GOAWAY before it, the end of what the server sends is a loss. */
  override ended(): void {
    if (!this.over && !this.#goingAway) this.#reason = "the peer closed the connection";
    super.ended();
  }

  override resetStream(stream: Stream, code: number): void {
    super.resetStream(stream, code);
    // Those that clients cause. A pod whose own mistakes make us reset its calls may end its connection if it likes.
    if (code !== ErrorCode.CANCEL || ++this.#resets < WORN_RESETS || this.worn) return;
    this.worn = true;
    this.#events.worn?.(this);
  }

  override sweep(ms: number): void {
    this.#resets = Math.max(0, this.#resets - (FORGOTTEN_RESETS * ms) / 1_000);
    const active = this.active;
    super.sweep(ms);
    // While nothing is read, no answer can come.
    if (this.over || !this.#ready || this.outbound.paused) return;
    if (this.#givenUp !== "") {
      this.#silent = active ? 0 : this.#silent + ms;
      if (this.#silent < GIVEN_UP_MS) return;
      this.lose(`${this.#givenUp}, and nothing after it`);
      return;
    }
    switch (this.#keepalive.sweep(ms, active, this.streams.size > 0)) {
      case "ping":
        this.outbound.ping(0, new Uint8Array(8), 0);
        break;
      case "dead":
        this.lose("keepalive ping was not answered");
        break;
    }
  }

  protected failed(message: string): void {
    this.#reason ||= message;
  }

  protected connectionClosed(reason: Error | null): void {
    this.#events.closed(this, this.#reason || (reason?.message ?? ""));
  }
}
