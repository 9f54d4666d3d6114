import type { Connection } from "./connection.ts";
import { Flag } from "./frame.ts";
import type { Outbound } from "./outbound.ts";
import type { Abort, Flow, Head, Receiver } from "./receiver.ts";

/** How a stream ended; remembered for a while after it is gone (RFC 9113 5.1, closed). */
export const Closed = { ENDED: 1, RESET_BY_PEER: 2, RESET_BY_US: 3 } as const;

/** The first waiting piece keeps the chunk that it came in up to this size, and any piece a chunk that it mostly fills. */
const KEEP_CHUNK_BYTES = 16_384;
/** Small pieces after the first are joined in buffers of this size and more, up to the size above. */
const JOIN_BYTES = 1_024;

interface Piece {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
  /** A buffer of ours, where `end` to its end is free. */
  readonly ours: boolean;
}

/**
 * One HTTP/2 stream, either side. As a {@link Receiver} it takes what is to be sent to the peer; what the peer sends goes to
 * `receiver`. As a {@link Flow} it takes word that the peer's bytes have left.
 *
 * The hot path writes these fields directly: a call costs two of these objects and nothing else here.
 */
export class Stream implements Receiver, Flow {
  readonly id: number;
  readonly connection: Connection;
  readonly #out: Outbound;
  readonly #firstReceiveWindow: number;
  /** Takes what the peer sends. */
  receiver: Receiver;
  /** Told when bytes given to `data` have left. */
  source: Flow | null = null;
  /** Bytes that we may send; negative after the peer shrank the initial window (RFC 9113 6.9.2). */
  sendWindow: number;
  /** Bytes that the peer may send. */
  receiveWindow: number;
  /** Bytes that have left and that the peer has had no credit for yet. */
  uncredited = 0;
  /** Body bytes still announced by the peer's content-length; -1 when it gave none. */
  bodyLeft = -1;
  headSent = false;
  localEnded = false;
  headReceived = false;
  /** The peer's END_STREAM has arrived; `remoteEnded`: and the receiver has been told, or is being told. */
  endReceived = false;
  remoteEnded = false;
  /** What still comes of the peer's direction is thrown away, and gets no more credit. */
  unwanted = false;
  closed = false;
  /** The connection's sweep (about one a second) in which the stream began. */
  readonly bornAt: number;
  /** Milliseconds, counted in sweeps, since `stallBytes` were last sent while bytes were waiting. */
  stalledFor = 0;
  stallProgress = 0;
  #queue: Piece[] | null = null;
  #queued = 0;
  #trailers: Head | null = null;
  #ending = false;
  /** Where this stream's last HEADERS or DATA frame has its flags, valid under `#flagsSerial` of the output. */
  #flagsAt = 0;
  #flagsSerial = -1;
  /** Where this stream's last DATA frame ends, under the same serial; -1 when HEADERS came after it. */
  #dataEnd = -1;

  constructor(connection: Connection, id: number, receiver: Receiver) {
    this.connection = connection;
    this.#out = connection.outbound;
    this.id = id;
    this.receiver = receiver;
    this.sendWindow = connection.outbound.peerStreamWindow;
    this.#firstReceiveWindow = connection.firstReceiveWindow;
    this.receiveWindow = this.#firstReceiveWindow;
    this.bornAt = connection.sweeps;
  }

  /** The other end of the connection, for logs. */
  get peer(): string {
    return this.connection.peer;
  }

  /** Bytes of the peer's that have arrived and not left. */
  get unread(): number {
    return this.#firstReceiveWindow - this.receiveWindow - this.uncredited;
  }

  /** Bytes that wait for a window or for the socket. */
  get queued(): number {
    return this.#queued;
  }

  head(head: Head): void {
    if (this.closed || this.localEnded) return;
    const most = this.connection.peerMaxHeaderListBytes;
    if (most !== Number.POSITIVE_INFINITY && listBytes(head) > most) {
      this.connection.headTooLarge(this, listBytes(head));
      return;
    }
    this.headSent = true;
    this.#writeHead(head, 0);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length === 0 || this.closed || this.localEnded || this.#ending) return;
    const out = this.#out;
    if (
      this.#queue !== null ||
      length > this.sendWindow ||
      length > out.sendWindow ||
      out.output.blocked ||
      length > out.maxFrame
    ) {
      this.#enqueue(bytes, start, end);
      return;
    }
    this.sendWindow -= length;
    out.sendWindow -= length;
    this.#writeData(bytes, start, end, 0);
    this.source?.consumed(length);
  }

  end(trailers: Head | null): void {
    if (this.closed || this.localEnded || this.#ending) return;
    if (this.#queue !== null) {
      this.#ending = true;
      this.#trailers = trailers;
      return;
    }
    this.#finish(trailers);
  }

  /** Resets the stream with `reason.code`. The receiver is not called any more. */
  abort(reason: Abort): void {
    if (this.closed) return;
    this.connection.resetStream(this, reason.code);
  }

  consumed(bytes: number): void {
    this.uncredited += bytes;
    this.connection.inbound.left(bytes);
    if (this.endReceived || this.closed || this.unwanted) return;
    // Half a window at a time: fewer frames, and the peer never runs dry while we keep up.
    if (this.uncredited >= this.connection.limits.streamWindow >>> 1) {
      this.#out.windowUpdate(this.id, this.uncredited);
      this.receiveWindow += this.uncredited;
      this.uncredited = 0;
    }
  }

  /**
   * Sends one frame's worth of what is waiting, if the windows allow.
   * @returns true when it has, and more is waiting
   */
  pump(): boolean {
    const out = this.#out;
    const queue = this.#queue;
    if (queue === null) return false;
    const piece = queue[0];
    const room = Math.min(this.sendWindow, out.sendWindow, out.maxFrame);
    const left = piece.end - piece.start;
    const take = Math.min(left, room);
    if (take <= 0) return false;
    const last = take === left && queue.length === 1;
    this.sendWindow -= take;
    out.sendWindow -= take;
    this.#writeData(piece.bytes, piece.start, piece.start + take, 0);
    piece.start += take;
    if (piece.start === piece.end) queue.shift();
    this.#progress(take);
    if (last) {
      this.#queue = null;
      out.waiting.delete(this);
      if (this.#ending) this.#finish(this.#trailers);
    }
    this.source?.consumed(take);
    return !last && !this.closed;
  }

  /** Drops what is waiting; called by the connection when the stream is over. */
  dispose(): void {
    if (this.#queue === null) return;
    this.#queue = null;
    this.#out.waiting.delete(this);
    this.connection.budget.release(this.#queued);
    this.#queued = 0;
  }

  #progress(bytes: number): void {
    this.#queued -= bytes;
    this.connection.budget.release(bytes);
    this.stallProgress += bytes;
    if (this.stallProgress >= this.connection.limits.stallBytes || this.#queued === 0) {
      this.stallProgress = 0;
      this.stalledFor = 0;
    }
  }

  #enqueue(bytes: Uint8Array, start: number, end: number): void {
    if (this.#queue === null) {
      const keep = bytes.buffer.byteLength <= KEEP_CHUNK_BYTES;
      this.#queue = [keep ? { bytes, start, end, ours: false } : pieceOf(bytes, start, end, 0)];
      this.#out.waiting.add(this);
    } else append(this.#queue, bytes, start, end);
    this.#queued += end - start;
    this.connection.budget.hold(end - start);
    this.#out.wake();
  }

  #writeHead(head: Head, flags: number): void {
    this.#flagsAt = this.#out.writeHead(this.id, head, flags);
    // A request without a body is not ended by its HEADERS: "implementations MUST send an empty DATA frame with this flag
    // set" (gRPC PROTOCOL-HTTP2, Requests), and grpc-go waits for that frame for ever (1.76, streams without a message).
    this.#flagsSerial = head.fields[0] === ":status" ? this.#out.output.serial : -1;
    this.#dataEnd = -1;
  }

  #writeData(bytes: Uint8Array, start: number, end: number, flags: number): void {
    const { output, maxFrame } = this.#out;
    // Tiny frames that come together do not go on as tiny frames.
    const last = this.#dataEnd === output.position && this.#flagsSerial === output.serial && flags === 0;
    if (!last || !output.extendData(this.#flagsAt - 4, bytes, start, end, maxFrame)) {
      output.data(this.id, bytes, start, end, flags);
      this.#flagsAt = output.position - (end - start) - 5;
      this.#flagsSerial = output.serial;
    }
    this.#dataEnd = output.position;
    this.#out.wake();
  }

  #finish(trailers: Head | null): void {
    this.localEnded = true;
    if (trailers !== null) this.#writeHead(trailers, Flag.END_STREAM);
    else if (this.#flagsSerial === this.#out.output.serial) {
      // The last frame of this stream has not been flushed: END_STREAM goes onto it.
      this.#out.output.buffer[this.#flagsAt] |= Flag.END_STREAM;
    } else this.#writeData(emptyBytes, 0, 0, Flag.END_STREAM);
    if (this.remoteEnded) this.connection.closeStream(this, Closed.ENDED);
    else this.connection.localEnd(this);
  }
}

const emptyBytes = new Uint8Array(0);

/** RFC 9113 6.5.2: "the uncompressed size of field lines [...] plus an overhead of 32 octets for each field line". */
function listBytes({ fields }: Head): number {
  let bytes = fields.length * 16;
  for (let i = 0; i < fields.length; i++) bytes += fields[i].length;
  return bytes;
}

/** Bodies in tiny pieces must not cost a chunk and an object each: a peer could make us hold any multiple of its window. */
function append(queue: Piece[], bytes: Uint8Array, start: number, end: number): void {
  const last = queue[queue.length - 1];
  if (last.ours && last.bytes.length - last.end >= end - start) {
    last.bytes.set(bytes.subarray(start, end), last.end);
    last.end += end - start;
  } else {
    const room = last.ours ? Math.min(last.bytes.length * 2, KEEP_CHUNK_BYTES) : JOIN_BYTES;
    queue.push(pieceOf(bytes, start, end, room));
  }
}

/** What fills most of its chunk stays where it is. @param room of the copy, at least */
function pieceOf(bytes: Uint8Array, start: number, end: number, room: number): Piece {
  const length = end - start;
  if (length * 2 > bytes.buffer.byteLength) return { bytes, start, end, ours: false };
  const copy = new Uint8Array(Math.max(room, length));
  copy.set(bytes.subarray(start, end));
  return { bytes: copy, start: 0, end: length, ours: true };
}
