import type { Output } from "../http2/output.ts";
import type { Abort, Flow, Head, Receiver } from "../http2/receiver.ts";
import type { RequestHead } from "./request-head.ts";
import { type CommonFields, type Framing, lengthOf, putText, saysClose, writeHead } from "./response-head.ts";

/** What an exchange needs of its connection. */
export interface ExchangeOwner {
  readonly output: Output;
  readonly peer: string;
  readonly common: CommonFields;
  /** There is something to send at the end of this turn. */
  wake(): void;
  /** Request bytes have left. */
  left(bytes: number): void;
  /**
   * True when no request can follow this one: what is left of it is too long to be read and thrown away, or the end is near.
   * @param whole the answer is all there
   */
  ending(whole: boolean): boolean;
  /** The answer is whole. @param close the connection ends with it */
  answered(close: boolean): void;
  /** The answer broke off. @param visible the client can tell that bytes are missing */
  brokeOff(visible: boolean): void;
}

/** A data of up to so many bytes waits for the answer's end, which tells its length; longer ones go out in chunks at once. */
const WAIT_BYTES = 65_536;

const badGateway: Head = { fields: [":status", "502"], neverIndexed: null, memo: undefined };

/** RFC 9110 15.3.5 and 15.4.5: these have no body. */
function isBodyless(status: string): boolean {
  return status === "204" || status === "304";
}

/**
 * One request and its answer: the client's end of a call. Writes the answer; its head is held until the first data has been followed
 * by the end or by something else, because an answer that came whole has a length, and others are chunked.
 */
export class Exchange implements Receiver, Flow {
  source: Flow | null = null;
  /** Takes the request. */
  receiver: Receiver | null = null;
  readonly request: RequestHead;
  readonly #owner: ExchangeOwner;
  /** Not yet written. */
  #head: Head | null = null;
  #headGiven = false;
  /** The first data, held with the head. */
  #first: Uint8Array | null = null;
  #firstStart = 0;
  #firstEnd = 0;
  #framing: Framing = "none";
  #close = false;
  /** Answer bytes whose sender has had no credit yet. */
  #uncredited = 0;
  /** The answer is whole or has broken off, or nobody waits for it. */
  over = false;

  constructor(owner: ExchangeOwner, request: RequestHead) {
    this.#owner = owner;
    this.request = request;
  }

  get peer(): string {
    return this.#owner.peer;
  }

  /** An answer has begun. */
  get begun(): boolean {
    return this.#headGiven;
  }

  consumed(bytes: number): void {
    // Of an answered request the rest is thrown away, and the connection may have another one by now.
    if (!this.over) this.#owner.left(bytes);
  }

  // ── The answer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  head(head: Head): void {
    if (this.over) return;
    this.#head = head;
    this.#headGiven = true;
    this.#owner.wake();
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.over || length === 0) return;
    if (this.request.bodyless) {
      this.source?.consumed(length);
      return;
    }
    this.#uncredited += length;
    this.#owner.wake();
    if (this.#head !== null) {
      if (this.#first === null && length <= WAIT_BYTES) {
        this.#first = bytes;
        this.#firstStart = start;
        this.#firstEnd = end;
        return;
      }
      this.begin();
    }
    this.#write(bytes, start, end);
  }

  /** Writes what is held: the answer goes on, and its length is not known. To be called before a flush. */
  begin(): void {
    const head = this.#head;
    if (head === null) return;
    const length = lengthOf(head);
    const unknown = this.request.bodyless ? "none" : this.request.old ? "close" : "chunked";
    this.#begin(head, length >= 0 ? length : unknown, false);
  }

  #begin(head: Head, framing: Framing, whole: boolean): void {
    this.#head = null;
    this.#framing = isBodyless(head.fields[1]) ? "none" : framing;
    const { close } = this.request;
    this.#close = close || this.#framing === "close" || saysClose(head) || this.#owner.ending(whole);
    writeHead(this.#owner.output, head, this.#framing, this.#close, this.#owner.common);
    const first = this.#first;
    this.#first = null;
    if (first !== null) this.#write(first, this.#firstStart, this.#firstEnd);
  }

  #write(bytes: Uint8Array, start: number, end: number): void {
    if (this.#framing === "none") return;
    const { output } = this.#owner;
    if (this.#framing === "chunked") {
      output.reserve(16);
      putText(output, `${(end - start).toString(16)}\r\n`);
    }
    output.bytes(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    if (this.#framing === "chunked") {
      output.reserve(2);
      putText(output, "\r\n");
    }
  }

  end(_trailers: Head | null): void {
    if (this.over) return;
    const head = this.#head;
    if (head !== null) this.#begin(head, this.#wholeLength(head), true);
    if (this.#framing === "chunked") {
      this.#owner.output.reserve(8);
      putText(this.#owner.output, "0\r\n\r\n");
    }
    this.over = true;
    this.#owner.answered(this.#close);
  }

  /** Of an answer that is all there. HEAD: what GET would have, if that is known (RFC 9110 9.3.2). */
  #wholeLength(head: Head): Framing {
    if (!this.request.bodyless) return this.#first === null ? 0 : this.#firstEnd - this.#firstStart;
    const length = lengthOf(head);
    return length >= 0 ? length : "none";
  }

  /** The answer has ended before its end. */
  abort(_reason: Abort): void {
    if (this.over) return;
    if (!this.#headGiven) {
      this.head(badGateway);
      this.end(null);
      return;
    }
    this.over = true;
    // What has come is sent: the client sees how far it got, and that the rest is missing.
    this.begin();
    this.#owner.brokeOff(this.#framing !== "close");
  }

  /** The bytes written so far have left for the kernel. */
  credit(): void {
    const bytes = this.#uncredited;
    if (bytes === 0) return;
    this.#uncredited = 0;
    this.source?.consumed(bytes);
  }

  /** The client has gone. */
  lost(reason: Abort): void {
    if (this.over) return;
    this.over = true;
    this.#head = null;
    this.#first = null;
    this.receiver?.abort(reason);
  }
}
