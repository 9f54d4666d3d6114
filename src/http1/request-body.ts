import { ChunkedBody, type TakeData } from "./chunked.ts";
import type { Input } from "./input.ts";
import { CHUNKED } from "./request-head.ts";

/** `0 CRLF CRLF`: how nearly every chunked body ends. */
const LAST_CHUNK = [0x30, 0x0d, 0x0a, 0x0d, 0x0a];

/** The body of one request: as long as its head says, or in chunks. */
export class RequestBody {
  readonly #chunked: ChunkedBody | null;
  #left: number;

  /** @param length from the request's head */
  constructor(length: number) {
    this.#chunked = length === CHUNKED ? new ChunkedBody() : null;
    this.#left = Math.max(0, length);
  }

  get chunked(): boolean {
    return this.#chunked !== null;
  }

  /**
   * True when more is to come than so many bytes, or may be: of chunks nobody knows, unless what is here looks like their end.
   * When it only looks so, more is read than was meant.
   */
  exceeds(bytes: number, input: Input): boolean {
    if (this.#chunked === null) return this.#left > bytes;
    const from = input.end - LAST_CHUNK.length;
    return from < input.at || LAST_CHUNK.some((byte, i) => input.bytes[from + i] !== byte);
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
