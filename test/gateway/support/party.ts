import { localAbort } from "../../../src/http2/abort.ts";
import type { Abort, Flow, Head, Receiver } from "../../../src/http2/receiver.ts";
import type { Stream } from "../../../src/http2/stream.ts";
import { concat } from "../../support/memory-stream.ts";
import { makeHead } from "./fields.ts";

/** One end of a call that a test plays: writes down what comes, and sends what the test says. */
export class Party implements Receiver, Flow {
  /** What came, in order: `head`, `data` (once for any number in a row), `end`, `abort`. */
  readonly events: string[] = [];
  received: Head | null = null;
  trailers: Head | null = null;
  aborted: Abort | null = null;
  /** Body bytes so far, and what of them was kept. */
  size = 0;
  readonly #chunks: Uint8Array[] = [];
  keep = true;
  /** False: nothing is read, so the sender's window runs dry. */
  #reading = true;
  #unread = 0;
  /** Bytes of ours that have left the engine. */
  left = 0;
  #stream: Stream | null = null;

  attach(stream: Stream): this {
    this.#stream = stream;
    stream.source = this;
    return this;
  }

  get stream(): Stream {
    if (this.#stream === null) throw new Error("this end has no stream yet");
    return this.#stream;
  }

  get body(): Uint8Array {
    return concat(this.#chunks);
  }

  get ended(): boolean {
    return this.events.includes("end");
  }

  get over(): boolean {
    return this.ended || this.aborted !== null;
  }

  get fields(): readonly string[] {
    return this.received?.fields ?? [];
  }

  /** Name-value pairs that end the answer: trailers, or the head of a trailers-only answer. */
  get status(): { readonly code: number; readonly message: string } {
    const fields = this.trailers?.fields ?? this.fields;
    const at = fields.indexOf("grpc-status");
    const messageAt = fields.indexOf("grpc-message");
    return {
      code: at < 0 ? -1 : Number(fields[at + 1]),
      message: messageAt < 0 ? "" : decodeURIComponent(fields[messageAt + 1]),
    };
  }

  // ---- what comes ----

  head(head: Head): void {
    this.events.push("head");
    this.received = head;
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.events.at(-1) !== "data") this.events.push("data");
    this.size += end - start;
    if (this.keep) this.#chunks.push(bytes.slice(start, end));
    if (this.#reading) this.stream.consumed(end - start);
    else this.#unread += end - start;
  }

  end(trailers: Head | null): void {
    this.events.push("end");
    this.trailers = trailers;
  }

  abort(reason: Abort): void {
    this.events.push("abort");
    this.aborted = reason;
  }

  consumed(bytes: number): void {
    this.left += bytes;
  }

  // ---- what the test does ----

  pause(): void {
    this.#reading = false;
  }

  /** Reads so many of the bytes that wait. */
  read(bytes: number): void {
    const take = Math.min(bytes, this.#unread);
    this.#unread -= take;
    if (take > 0) this.stream.consumed(take);
  }

  resume(): void {
    this.#reading = true;
    this.read(this.#unread);
  }

  sendHead(fields: readonly string[], neverIndexed: readonly number[] | null = null): this {
    this.stream.head(makeHead(fields, neverIndexed));
    return this;
  }

  send(bytes: Uint8Array): this {
    this.stream.data(bytes, 0, bytes.length);
    return this;
  }

  finish(trailers: readonly string[] | null = null): this {
    this.stream.end(trailers === null ? null : makeHead(trailers));
    return this;
  }

  reset(code: number): void {
    this.stream.abort(localAbort(code, "the test resets it"));
  }
}
