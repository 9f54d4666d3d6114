import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import { DEFAULT_MAX_FRAME_BYTES, Flag, FRAME_HEADER_BYTES, FrameType, PREFACE } from "./frame.ts";

/**
 * Takes frames whose syntax has been checked. Methods may throw a {@link ConnectionError}.
 * `flowBytes` of DATA is what counts against the windows: the payload with its padding (RFC 9113 6.1).
 */
export interface FrameSink {
  onData(id: number, endStream: boolean, bytes: Uint8Array, start: number, end: number, flowBytes: number): void;
  /** A whole field block, CONTINUATION frames joined. `dependsOnItself`: see RFC 7540 5.3.1. */
  onHeaders(
    id: number,
    endStream: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
    dependsOnItself: boolean,
  ): void;
  onPriority(id: number, dependsOnItself: boolean): void;
  /** A frame is malformed in a way that ends one stream only. */
  onStreamError(id: number, code: number, message: string): void;
  onReset(id: number, code: number): void;
  /** Pairs of identifier and value, four bytes of value each, at `start` to `end`. */
  onSettings(ack: boolean, bytes: Uint8Array, start: number, end: number): void;
  onPing(ack: boolean, bytes: Uint8Array, start: number): void;
  onGoaway(lastStreamId: number, code: number, debug: string): void;
  onWindowUpdate(id: number, increment: number): void;
  /** A frame of a type that is not known. */
  onUnknown(): void;
}

export interface FrameReaderOptions {
  /** Server side: the client's preface comes first. */
  readonly expectPreface: boolean;
  readonly maxContinuationFrames: number;
  /** Bytes of a field block as it stands on the wire. */
  readonly maxBlockBytes: number;
}

function protocolError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, message);
}

function frameSizeError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, message);
}

/** The length of the payload of the frame that begins at `at`. */
function uint24(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/**
 * Cuts a byte stream into frames, in place, and checks everything about a frame that needs no state of streams (RFC 9113 4,
 * 6). Holds at most one incomplete frame and one incomplete field block.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #options: FrameReaderOptions;
  #prefaceLeft: number;
  #firstFrame = true;
  /** First SETTINGS and field blocks read to their end. */
  completed = 0;
  /** The beginning of a frame whose end has not arrived, in a buffer of its own; `#partialLength` bytes of it are there. */
  #partial: Uint8Array | null = null;
  #partialLength = 0;
  /** The field block under way: 0 for none. Only CONTINUATION of this stream may follow (RFC 9113 6.10). */
  #blockId = 0;
  #blockEndStream = false;
  #blockDependsOnItself = false;
  #block: Uint8Array[] = [];
  #blockBytes = 0;
  #stopped = false;

  constructor(sink: FrameSink, options: FrameReaderOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#prefaceLeft = options.expectPreface ? PREFACE.length : 0;
  }

  /**
   * True while something has begun whose end the peer owes us: preface, first SETTINGS, or a field block. `completed` tells
   * whether it is still the same one.
   */
  get incomplete(): boolean {
    if (this.#firstFrame || this.#blockId !== 0) return true;
    return this.#partial !== null && this.#partialLength > 3 && this.#partial[3] === FrameType.HEADERS;
  }

  /** Throws away what follows. */
  stop(): void {
    this.#stopped = true;
    this.#partial = null;
    this.#block = [];
  }

  /** @throws {@link ConnectionError} */
  read(chunk: Uint8Array): void {
    let at = 0;
    if (this.#prefaceLeft > 0) at = this.#readPreface(chunk);
    if (this.#partial !== null) at = this.#completePartial(chunk, at);
    const length = chunk.length;
    while (length - at >= FRAME_HEADER_BYTES && !this.#stopped) {
      const payload = uint24(chunk, at);
      if (payload > DEFAULT_MAX_FRAME_BYTES) this.#tooLarge(payload);
      const end = at + FRAME_HEADER_BYTES + payload;
      if (end > length) break;
      this.#frame(chunk, at, end);
      at = end;
    }
    if (at < length && !this.#stopped) this.#keep(chunk, at);
  }

  /**
   * RFC 9113 4.2: "A frame size error in a frame that could alter the state of the entire connection MUST be treated as a
   * connection error". We do not read past a frame that is too large, so every one ends the connection.
   */
  #tooLarge(payload: number): never {
    if (this.#firstFrame) throw frameSizeError("what arrived is not HTTP/2");
    throw frameSizeError(`frame of ${payload} bytes, at most ${DEFAULT_MAX_FRAME_BYTES} allowed`);
  }

  /**
   * Keeps the beginning of a frame, which does not end in this chunk: in a buffer of its own, because a chunk may be 64 KiB
   * large, and in a fresh one, because consumers may keep a frame's bytes (see Receiver.data).
   */
  #keep(chunk: Uint8Array, at: number): void {
    const have = chunk.length - at;
    const partial = new Uint8Array(FRAME_HEADER_BYTES + (have < FRAME_HEADER_BYTES ? 0 : uint24(chunk, at)));
    partial.set(chunk.subarray(at));
    this.#partial = partial;
    this.#partialLength = have;
  }

  #readPreface(chunk: Uint8Array): number {
    const done = PREFACE.length - this.#prefaceLeft;
    const take = Math.min(this.#prefaceLeft, chunk.length);
    for (let i = 0; i < take; i++) {
      if (chunk[i] !== PREFACE.charCodeAt(done + i)) throw protocolError("not an HTTP/2 connection preface");
    }
    this.#prefaceLeft -= take;
    return take;
  }

  /** Fills up the frame that the last chunk left incomplete, and handles it. @returns where the next frame starts in `chunk` */
  #completePartial(chunk: Uint8Array, from: number): number {
    let at = from;
    let partial = this.#partial as Uint8Array;
    let have = this.#partialLength;
    while (have < FRAME_HEADER_BYTES && at < chunk.length) partial[have++] = chunk[at++];
    if (have >= FRAME_HEADER_BYTES) {
      const payload = uint24(partial, 0);
      if (payload > DEFAULT_MAX_FRAME_BYTES) this.#tooLarge(payload);
      const whole = FRAME_HEADER_BYTES + payload;
      if (partial.length < whole) {
        const frame = new Uint8Array(whole);
        frame.set(partial);
        partial = frame;
      }
      const take = Math.min(whole - have, chunk.length - at);
      partial.set(chunk.subarray(at, at + take), have);
      have += take;
      at += take;
      if (have === whole) {
        this.#partial = null;
        this.#frame(partial, 0, whole);
        return at;
      }
    }
    this.#partial = partial;
    this.#partialLength = have;
    return at;
  }

  #frame(bytes: Uint8Array, at: number, end: number): void {
    const type = bytes[at + 3];
    const flags = bytes[at + 4];
    const id = uint32(bytes, at + 5) & 0x7fffffff;
    const start = at + FRAME_HEADER_BYTES;
    if (this.#firstFrame) {
      // RFC 9113 3.4: both sides send a SETTINGS frame first.
      if (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)
        throw protocolError("the first frame is not SETTINGS");
      this.#firstFrame = false;
      this.completed++;
    }
    if (this.#blockId !== 0 && (type !== FrameType.CONTINUATION || id !== this.#blockId)) {
      throw protocolError("a field block was interrupted by another frame");
    }
    switch (type) {
      case FrameType.DATA:
        this.#data(id, flags, bytes, start, end);
        break;
      case FrameType.HEADERS:
        this.#headers(id, flags, bytes, start, end);
        break;
      case FrameType.PRIORITY:
        if (id === 0) throw protocolError("PRIORITY on stream 0");
        if (end - start !== 5) this.#sink.onStreamError(id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is not 5 bytes long");
        else this.#sink.onPriority(id, (uint32(bytes, start) & 0x7fffffff) === id);
        break;
      case FrameType.RST_STREAM:
        if (id === 0) throw protocolError("RST_STREAM on stream 0");
        if (end - start !== 4) throw frameSizeError("RST_STREAM is not 4 bytes long");
        this.#sink.onReset(id, uint32(bytes, start));
        break;
      case FrameType.SETTINGS:
        if (id !== 0) throw protocolError("SETTINGS on a stream");
        if ((end - start) % 6 !== 0) throw frameSizeError("SETTINGS length is not a multiple of 6");
        if ((flags & Flag.ACK) !== 0 && end !== start) throw frameSizeError("SETTINGS acknowledgement with a payload");
        this.#sink.onSettings((flags & Flag.ACK) !== 0, bytes, start, end);
        break;
      case FrameType.PUSH_PROMISE:
        // RFC 9113 8.4: a client cannot push, and we set ENABLE_PUSH to 0 towards servers.
        throw protocolError("PUSH_PROMISE is not allowed here");
      case FrameType.PING:
        if (id !== 0) throw protocolError("PING on a stream");
        if (end - start !== 8) throw frameSizeError("PING is not 8 bytes long");
        this.#sink.onPing((flags & Flag.ACK) !== 0, bytes, start);
        break;
      case FrameType.GOAWAY:
        this.#goaway(id, bytes, start, end);
        break;
      case FrameType.WINDOW_UPDATE:
        if (end - start !== 4) throw frameSizeError("WINDOW_UPDATE is not 4 bytes long");
        this.#sink.onWindowUpdate(id, uint32(bytes, start) & 0x7fffffff);
        break;
      case FrameType.CONTINUATION:
        this.#continuation(flags, bytes, start, end);
        break;
      default:
        // RFC 9113 4.1: "Implementations MUST ignore and discard frames of unknown types."
        this.#sink.onUnknown();
    }
  }

  #data(id: number, flags: number, bytes: Uint8Array, start: number, end: number): void {
    if (id === 0) throw protocolError("DATA on stream 0");
    const flowBytes = end - start;
    if ((flags & Flag.PADDED) !== 0) {
      const padding = flowBytes === 0 ? 256 : bytes[start++];
      if (padding > end - start) throw protocolError("DATA padding is longer than the frame");
      end -= padding;
    }
    this.#sink.onData(id, (flags & Flag.END_STREAM) !== 0, bytes, start, end, flowBytes);
  }

  #headers(id: number, flags: number, bytes: Uint8Array, start: number, end: number): void {
    if (id === 0) throw protocolError("HEADERS on stream 0");
    let dependsOnItself = false;
    if ((flags & Flag.PADDED) !== 0) {
      const padding = end === start ? 256 : bytes[start++];
      if (padding > end - start) throw protocolError("HEADERS padding is longer than the frame");
      end -= padding;
    }
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - start < 5) throw frameSizeError("HEADERS is too short for its priority fields");
      dependsOnItself = (uint32(bytes, start) & 0x7fffffff) === id;
      start += 5;
    }
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.completed++;
      this.#sink.onHeaders(id, endStream, bytes, start, end, dependsOnItself);
      return;
    }
    this.#blockId = id;
    this.#blockEndStream = endStream;
    this.#blockDependsOnItself = dependsOnItself;
    this.#addToBlock(bytes, start, end);
  }

  #continuation(flags: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#blockId === 0) throw protocolError("CONTINUATION without a field block");
    this.#addToBlock(bytes, start, end);
    if ((flags & Flag.END_HEADERS) === 0) return;
    const block = new Uint8Array(this.#blockBytes);
    let at = 0;
    for (const piece of this.#block) {
      block.set(piece, at);
      at += piece.length;
    }
    const id = this.#blockId;
    this.#blockId = 0;
    this.#block = [];
    this.#blockBytes = 0;
    this.completed++;
    this.#sink.onHeaders(id, this.#blockEndStream, block, 0, block.length, this.#blockDependsOnItself);
  }

  #addToBlock(bytes: Uint8Array, start: number, end: number): void {
    this.#blockBytes += end - start;
    // VU#421644: CONTINUATION frames without end. Empty ones count as well.
    if (this.#block.length > this.#options.maxContinuationFrames || this.#blockBytes > this.#options.maxBlockBytes) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "field block in too many pieces or too large");
    }
    this.#block.push(new Uint8Array(bytes.subarray(start, end)));
  }

  #goaway(id: number, bytes: Uint8Array, start: number, end: number): void {
    if (id !== 0) throw protocolError("GOAWAY on a stream");
    if (end - start < 8) throw frameSizeError("GOAWAY is shorter than 8 bytes");
    let debug = "";
    // For logs only: enough to recognise `too_many_pings` and a sentence.
    for (let i = start + 8; i < end && i < start + 8 + 128; i++) debug += String.fromCharCode(bytes[i]);
    this.#sink.onGoaway(uint32(bytes, start) & 0x7fffffff, uint32(bytes, start + 4), debug);
  }
}
