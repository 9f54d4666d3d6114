import { Flag, FRAME_HEADER_BYTES, FrameType, PREFACE } from "../../../src/http2/frame.ts";
import { type DecodedHead, Decoder } from "../../../src/http2/hpack/decoder.ts";
import { concat } from "../../support/memory-stream.ts";

/** One frame as it stood on the wire. */
export interface WireFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array;
  /** Of HEADERS, once its CONTINUATION frames are there. */
  head: DecodedHead | null;
}

/** Reads along one direction of a connection and keeps its frames, so that a test sees what was really sent. */
export class Tap {
  readonly frames: WireFrame[] = [];
  /** Bytes so far. */
  bytes = 0;
  readonly #decoder = new Decoder(4_096, { maxListBytes: 1 << 20, maxFields: 1_024 });
  #held = new Uint8Array(0);
  #prefaceLeft: number;
  /** False: only `bytes` is counted. For tests that move a great deal. */
  keep = true;

  constructor(fromClient: boolean) {
    this.#prefaceLeft = fromClient ? PREFACE.length : 0;
  }

  push(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (!this.keep) return;
    let held = concat([this.#held, bytes]);
    if (this.#prefaceLeft > 0) {
      if (held.length < this.#prefaceLeft) {
        this.#held = held as Uint8Array<ArrayBuffer>;
        return;
      }
      held = held.slice(this.#prefaceLeft);
      this.#prefaceLeft = 0;
    }
    let at = 0;
    while (held.length - at >= FRAME_HEADER_BYTES) {
      const length = (held[at] << 16) | (held[at + 1] << 8) | held[at + 2];
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > held.length) break;
      const view = new DataView(held.buffer, held.byteOffset + at);
      const type = held[at + 3];
      const payload = held.slice(at + FRAME_HEADER_BYTES, end);
      this.frames.push({ type, flags: held[at + 4], id: view.getUint32(5) & 0x7fffffff, payload, head: null });
      if (type === FrameType.HEADERS || type === FrameType.CONTINUATION) this.#decode();
      at = end;
    }
    this.#held = held.slice(at) as Uint8Array<ArrayBuffer>;
  }

  /** Decodes the block that the last frame may have completed. */
  #decode(): void {
    const begin = this.frames.findLastIndex((frame) => frame.type === FrameType.HEADERS);
    const block = this.frames.slice(begin);
    if (((block.at(-1)?.flags ?? 0) & Flag.END_HEADERS) === 0) return;
    const bytes = concat(block.map((frame) => frame.payload));
    block[0].head = this.#decoder.decode(bytes, 0, bytes.length);
  }

  /** Frames of one type, on one stream when it is given. */
  of(type: number, id?: number): WireFrame[] {
    return this.frames.filter((frame) => frame.type === type && (id === undefined || frame.id === id));
  }

  headers(id?: number): WireFrame[] {
    return this.of(FrameType.HEADERS, id);
  }

  /** Error codes of RST_STREAM on a stream. */
  resets(id?: number): number[] {
    return this.of(FrameType.RST_STREAM, id).map(codeOf);
  }

  /** Last-stream-id and code of each GOAWAY. */
  goaways(): { readonly last: number; readonly code: number }[] {
    return this.of(FrameType.GOAWAY).map(({ payload }) => {
      const view = new DataView(payload.buffer, payload.byteOffset);
      return { last: view.getUint32(0), code: view.getUint32(4) };
    });
  }
}

function codeOf({ payload }: WireFrame): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}

export function endsStream(frame: WireFrame): boolean {
  return (frame.flags & Flag.END_STREAM) !== 0;
}
