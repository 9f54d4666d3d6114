import type { ByteStream } from "../runtime/machine.ts";
import type { Flushable, Flusher } from "./flusher.ts";
import { DEFAULT_MAX_FRAME_BYTES, DEFAULT_WINDOW, Flag, FRAME_HEADER_BYTES, FrameType } from "./frame.ts";
import { Encoder } from "./hpack/encoder.ts";
import { Output } from "./output.ts";
import type { Head } from "./receiver.ts";
import type { Stream } from "./stream.ts";

/** Above this a turn's output goes out in the middle of the turn, so that one busy turn does not hold it all in memory. */
const FLUSH_BYTES = 131_072;
/** So much of our answers may wait for a peer that does not read, before we stop reading from it. */
const PAUSE_BYTES = 65_536;

/** The sending half of a connection: what waits for the windows or the socket, and the flush at the end of each turn. */
export class Outbound implements Flushable {
  readonly output = new Output();
  readonly encoder = new Encoder();
  /** Streams with bytes that wait for a window or for the socket; they are sent in turns. */
  readonly waiting = new Set<Stream>();
  /** Bytes that we may send on all streams together. */
  sendWindow = DEFAULT_WINDOW;
  /** What a new stream may send at first. */
  peerStreamWindow = DEFAULT_WINDOW;
  readonly maxFrame = DEFAULT_MAX_FRAME_BYTES;
  /** Nothing more is sent. */
  closed = false;
  /** Reading has been stopped, until the socket has room again. */
  paused = false;
  /** See {@link Flushable}. */
  readonly broken: (error: unknown) => void;
  readonly #flusher: Flusher;
  #stream: ByteStream | null = null;
  #flushPlanned = false;

  constructor(flusher: Flusher, broken: (error: unknown) => void) {
    this.#flusher = flusher;
    this.broken = broken;
  }

  attach(stream: ByteStream): void {
    this.#stream = stream;
    this.output.attach(stream);
  }

  /** There is something to send at the end of this turn. */
  wake(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    this.#flusher.add(this);
  }

  flush(): void {
    this.#flushPlanned = false;
    if (this.closed) return;
    if (this.output.blocked) {
      this.#considerPause();
      return;
    }
    if (this.waiting.size > 0) this.#pump();
    this.output.flush();
  }

  /**
   * A peer that makes us answer and does not read gets no more of our attention until it has read. Not before that:
   * bodies are bounded by windows anyway, and two sides that both stop reading while their output is blocked wait for each
   * other for ever. RFC 9113 5.2.2: "the receiver MUST read from the TCP receive buffer in a timely fashion. Failure to do
   * so could lead to a deadlock".
   */
  #considerPause(): void {
    if (this.paused || this.output.position < PAUSE_BYTES) return;
    this.paused = true;
    this.#stream?.pause();
  }

  /** The socket has room again. */
  drained(): void {
    this.output.blocked = false;
    if (this.paused) this.#resume();
    this.wake();
  }

  #resume(): void {
    this.paused = false;
    this.#stream?.resume();
  }

  /**
   * Sends waiting bytes, a frame of each stream in turn, so that a large body does not hold up the small ones. A stream that
   * has sent goes to the end of the row, and so the turns go on with the next stream when the connection's window opens
   * again, however little.
   */
  #pump(): void {
    const { output, waiting } = this;
    for (const stream of waiting) {
      if (stream.pump()) {
        waiting.delete(stream);
        waiting.add(stream);
      }
      if (output.position >= FLUSH_BYTES) {
        output.flush();
        if (output.blocked) return;
      }
    }
  }

  /** Encodes a head as HEADERS (and CONTINUATION). @returns where in the output the flags of the HEADERS frame stand */
  writeHead(id: number, head: Head, flags: number): number {
    const { output, maxFrame } = this;
    const bound = this.encoder.bound(head);
    // Room for everything at once: what was written before stays where it is until the block is complete.
    output.reserve(bound + FRAME_HEADER_BYTES * (2 + bound / maxFrame));
    const at = output.position;
    output.position = this.encoder.encode(head, output.buffer, at + FRAME_HEADER_BYTES);
    const length = output.position - at - FRAME_HEADER_BYTES;
    if (length <= maxFrame) output.header(at, length, FrameType.HEADERS, flags | Flag.END_HEADERS, id);
    else output.splitBlock(at, id, flags, maxFrame);
    this.wake();
    return at + 4;
  }

  windowUpdate(id: number, increment: number): void {
    this.output.windowUpdate(id, increment);
    this.wake();
  }

  reset(id: number, code: number): void {
    this.output.rstStream(id, code);
    this.wake();
  }

  goaway(lastStreamId: number, code: number, debug: string): void {
    this.output.goaway(lastStreamId, code, debug);
    this.wake();
  }

  /** @param payload 8 bytes from `start` on */
  ping(flags: number, payload: Uint8Array, start: number): void {
    this.output.frame(8, FrameType.PING, flags, 0);
    this.output.bytes(payload.subarray(start, start + 8));
    this.wake();
  }

  /** Sends what is queued, then FIN; what the peer still sends is read and thrown away. */
  finish(): void {
    this.output.flush();
    this.closed = true;
    this.#stream?.end();
    if (this.paused) this.#resume();
  }
}
