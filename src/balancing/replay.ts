import type { Budget } from "../http2/budget.ts";
import type { Head, Receiver } from "../http2/receiver.ts";

/** A call's first piece keeps its chunk alive up to this size; it is copied out of a larger one. */
const KEEP_CHUNK_BYTES = 16_384;
/** Small pieces after the first are joined in buffers of this size and more, up to the size above. */
const JOIN_BYTES = 1_024;

interface Piece {
  readonly bytes: Uint8Array;
  readonly start: number;
  end: number;
  /** A buffer of ours, where `end` to its end is free. Bytes in front of `end` are never written again (Receiver.data). */
  readonly ours: boolean;
}

/**
 * What a call has sent so far, so that it can be sent again to another pod. Bounded: a request that outgrows it is not
 * repeated. While no pod has it yet, it holds the request whatever its size: the client's window and the budget are the bounds then.
 */
export class Replay {
  readonly #budget: Budget;
  readonly #limit: number;
  // Nearly every request is one piece: it needs no array.
  #first: Piece | null = null;
  #rest: Piece[] | null = null;
  #bytes = 0;
  /** Those of them that no pod has yet. */
  #unsent = 0;
  #ended = false;
  #trailers: Head | null = null;
  #complete = true;

  /** @param budget for such copies only: they give way to others, and others must not wait for them. @param limit bytes kept after they were sent */
  constructor(budget: Budget, limit: number) {
    this.#budget = budget;
    this.#limit = limit;
  }

  /** False once a part has been dropped. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * @param sent the bytes have left for a pod: keep them only within the limit
   * @returns false when no pod has them and there is no room for them: the call is to end
   */
  add(bytes: Uint8Array, start: number, end: number, sent: boolean): boolean {
    if (!this.#complete) return true;
    if (!sent) {
      if (this.#budget.full) return false;
      this.#unsent += end - start;
      this.#budget.pin(end - start);
    }
    this.#bytes += end - start;
    this.#budget.hold(end - start);
    if (sent && (this.#bytes > this.#limit || this.#budget.exhausted)) {
      this.drop();
      return true;
    }
    if (this.#first === null) {
      const keep = bytes.buffer.byteLength <= KEEP_CHUNK_BYTES;
      this.#first = keep ? { bytes, start, end, ours: false } : copied(bytes, start, end, end - start);
    } else if (this.#rest === null) this.#rest = [joinable(bytes, start, end, JOIN_BYTES)];
    else this.#append(this.#rest, bytes, start, end);
    return true;
  }

  /** Requests in tiny pieces must not cost a chunk each: a peer could make us hold any multiple of what it sends. */
  #append(rest: Piece[], bytes: Uint8Array, start: number, end: number): void {
    const last = rest[rest.length - 1];
    if (last.ours && last.bytes.length - last.end >= end - start) {
      last.bytes.set(bytes.subarray(start, end), last.end);
      last.end += end - start;
    } else rest.push(joinable(bytes, start, end, Math.min(last.bytes.length * 2, KEEP_CHUNK_BYTES)));
  }

  end(trailers: Head | null): void {
    this.#ended = true;
    this.#trailers = trailers;
  }

  /** Sends all there is, after the head. */
  send(to: Receiver): void {
    if (this.#first !== null) to.data(this.#first.bytes, this.#first.start, this.#first.end);
    if (this.#rest !== null) for (const { bytes, start, end } of this.#rest) to.data(bytes, start, end);
    if (this.#ended) to.end(this.#trailers);
    this.#unpin();
    if (this.#bytes > this.#limit) this.drop();
  }

  #unpin(): void {
    if (this.#unsent === 0) return;
    this.#budget.pin(-this.#unsent);
    this.#unsent = 0;
  }

  /** Nothing will be repeated any more. */
  drop(): void {
    if (!this.#complete) return;
    this.#complete = false;
    this.#unpin();
    this.#budget.release(this.#bytes);
    this.#bytes = 0;
    this.#first = null;
    this.#rest = null;
  }
}

/** What fills most of its chunk stays where it is. */
function joinable(bytes: Uint8Array, start: number, end: number, room: number): Piece {
  if ((end - start) * 2 > bytes.buffer.byteLength) return { bytes, start, end, ours: false };
  return copied(bytes, start, end, Math.max(room, end - start));
}

function copied(bytes: Uint8Array, start: number, end: number, room: number): Piece {
  const copy = new Uint8Array(room);
  copy.set(bytes.subarray(start, end));
  return { bytes: copy, start: 0, end: end - start, ours: true };
}
