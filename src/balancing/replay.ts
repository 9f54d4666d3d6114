import type { Budget } from "../http2/budget.ts";
import type { Head, Receiver } from "../http2/receiver.ts";

/** Chunks up to this size are kept as they are; pieces of larger ones are copied out. */
const KEEP_CHUNK_BYTES = 16_384;

interface Piece {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * What a call has sent so far, so that it can be sent again to another pod. Bounded: a request that outgrows it is not
 * repeated. While no pod has it yet, it holds the request whatever its size: the client's window is the bound then.
 */
export class Replay {
  readonly #budget: Budget;
  readonly #limit: number;
  // Nearly every request is one piece: it needs no array.
  #first: Piece | null = null;
  #rest: Piece[] | null = null;
  #bytes = 0;
  #ended = false;
  #trailers: Head | null = null;
  #complete = true;

  /** @param limit bytes kept after they were sent */
  constructor(budget: Budget, limit: number) {
    this.#budget = budget;
    this.#limit = limit;
  }

  /** False once a part has been dropped. */
  get complete(): boolean {
    return this.#complete;
  }

  /** @param sent the bytes have left for a pod: keep them only within the limit */
  add(bytes: Uint8Array, start: number, end: number, sent: boolean): void {
    if (!this.#complete) return;
    this.#bytes += end - start;
    this.#budget.hold(end - start);
    if (sent && this.#bytes > this.#limit) {
      this.drop();
      return;
    }
    const keep = bytes.buffer.byteLength <= KEEP_CHUNK_BYTES;
    const piece = keep
      ? { bytes, start, end }
      : { bytes: new Uint8Array(bytes.subarray(start, end)), start: 0, end: end - start };
    if (this.#first === null) this.#first = piece;
    else if (this.#rest === null) this.#rest = [piece];
    else this.#rest.push(piece);
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
    if (this.#bytes > this.#limit) this.drop();
  }

  /** Nothing will be repeated any more. */
  drop(): void {
    if (!this.#complete) return;
    this.#complete = false;
    this.#budget.release(this.#bytes);
    this.#bytes = 0;
    this.#first = null;
    this.#rest = null;
  }
}
