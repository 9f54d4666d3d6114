import { ChunkedBody, type TakeData } from "./chunked.ts";
import type { Input } from "./input.ts";
import { CHUNKED } from "./request-head.ts";

/** The body of one request: as long as its head says, or in chunks. */
export class RequestBody {
  readonly #chunked: ChunkedBody | null;
  #left: number;

  /** @param length from the request's head */
  constructor(length: number) {
    this.#chunked = length === CHUNKED ? new ChunkedBody() : null;
    this.#left = Math.max(0, length);
  }

  /** Bytes that are still to come, as far as that is known. */
  get left(): number {
    return this.#left;
  }

  /** Takes from the input what belongs to the body. */
  read(input: Input, take: TakeData): "more" | "done" | "malformed" {
    const { bytes, at, end } = input;
    if (this.#chunked !== null) {
      const next = this.#chunked.read(bytes, at, end, take);
      if (next < 0) return "malformed";
      input.at = next;
      return this.#chunked.done ? "done" : "more";
    }
    const until = Math.min(end, at + this.#left);
    this.#left -= until - at;
    input.at = until;
    take(bytes, at, until);
    return this.#left === 0 ? "done" : "more";
  }
}
