import type { Abort, Flow, Head, Receiver } from "../http2/receiver.ts";

/** Takes a request without a body until it is known what becomes of it. Body bytes are thrown away. */
export class Held implements Receiver {
  readonly #from: Flow;
  readonly #gone: () => void;
  #to: Receiver | null = null;
  #head: Head | null = null;
  #ended = false;
  #aborted = false;

  /** @param gone the client has left while the request was held */
  constructor(from: Flow, gone: () => void = () => {}) {
    this.#from = from;
    this.#gone = gone;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  /** This is what takes it. */
  release(to: Receiver): void {
    if (this.#aborted) return;
    this.#to = to;
    if (this.#head !== null) to.head(this.#head);
    if (this.#ended) to.end(null);
  }

  head(head: Head): void {
    this.#head = head;
    this.#to?.head(head);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#to === null) this.#from.consumed(end - start);
    else this.#to.data(bytes, start, end);
  }

  end(trailers: Head | null): void {
    this.#ended = true;
    this.#to?.end(trailers);
  }

  abort(reason: Abort): void {
    this.#aborted = true;
    if (this.#to === null) this.#gone();
    else this.#to.abort(reason);
  }
}
