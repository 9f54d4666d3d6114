import { errorCodeName } from "../../../src/http2/error-code.ts";
import type { Abort, Flow, Head, Receiver } from "../../../src/http2/receiver.ts";
import { fieldsText } from "./read-frames.ts";

/**
 * Takes one direction of a call and writes it down, one line an event: `head :status: 200`, `data "hello"`, `data 100 bytes`,
 * `end`, `end grpc-status: 0`, `abort reset CANCEL`, with ` (unprocessed)` where that is so. What comes in a wrong order is a
 * mistake of the engine's, and thrown. An abort may follow the end: the stream's other direction is still open then.
 */
export class Recorder implements Receiver {
  readonly events: string[] = [];
  /** Bytes so far. */
  received = 0;
  abortReason: Abort | null = null;
  /** Given every byte back at once; null to let the test say when bytes have left. */
  flow: Flow | null = null;
  #state: "new" | "open" | "ended" | "aborted" = "new";

  head(head: Head): void {
    if (this.#state !== "new") throw new Error("a second head");
    this.#state = "open";
    this.events.push(`head ${fieldsText(head.fields)}`);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state !== "open") throw new Error("data without an open stream");
    const length = end - start;
    if (length === 0) throw new Error("no data");
    this.received += length;
    const text = length <= 20 ? JSON.stringify(String.fromCharCode(...bytes.subarray(start, end))) : `${length} bytes`;
    this.events.push(`data ${text}`);
    this.flow?.consumed(length);
  }

  end(trailers: Head | null): void {
    if (this.#state !== "open") throw new Error("an end without an open stream");
    this.#state = "ended";
    this.events.push(trailers === null ? "end" : `end ${fieldsText(trailers.fields)}`);
  }

  abort(reason: Abort): void {
    if (this.#state === "aborted") throw new Error("a second abort");
    this.#state = "aborted";
    this.abortReason = reason;
    this.events.push(`abort ${reason.by} ${errorCodeName(reason.code)}${reason.unprocessed ? " (unprocessed)" : ""}`);
  }
}
