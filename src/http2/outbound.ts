import type { ByteStream } from "../runtime/machine.ts";
import type { Flusher } from "./flusher.ts";
import { DEFAULT_MAX_FRAME_BYTES, DEFAULT_WINDOW, Flag, FRAME_HEADER_BYTES, FrameType } from "./frame.ts";
import { Encoder } from "./hpack/encoder.ts";
import { Output } from "./output.ts";
import type { Head } from "./receiver.ts";
import type { Stream } from "./stream.ts";

/** Above this a turn's output goes out in the middle of the turn, so that one busy turn does not hold it all in memory. */
const FLUSH_BYTES = 131_072;

/** The sending half of a connection: what waits for the windows or the socket, and the flush at the end of each turn. */
export class Outbound {
  readonly output = new Output();
  readonly encoder = new Encoder();
  /** Streams with bytes that wait for a window or for the socket; they are sent in turns. */
  readonly waiting = new Set<Stream>();
  /** Bytes that we may send on all streams together. */
  sendWindow = DEFAULT_WINDOW;
  /** What a new stream may send at first. */
  peerStreamWindow = DEFAULT_WINDOW;
  readonly maxFrame = DEFAULT_MAX_FRAME_BYTES;
  closed = false;
  readonly #flusher: Flusher;
  #stream: ByteStream | null = null;
  #flushPlanned = false;

  constructor(flusher: Flusher) {
    this.#flusher = flusher;
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
    if (this.waiting.size > 0) this.#pump();
    this.output.flush();
    // A peer that makes us answer faster than it reads gets no more of our attention until it has read.
    if (this.output.blocked) this.#stream?.pause();
  }

  /** The socket has room again. */
  drained(): void {
    this.output.blocked = false;
    this.#stream?.resume();
    this.wake();
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
    this.#stream?.end();
    this.#stream?.resume();
  }
}
