import { latin1 } from "../http2/hpack/latin1.ts";
import type { Input } from "./input.ts";
import { type BadHead, parseRequestHead, type RequestHead } from "./request-head.ts";

/** Heads up to here are remembered: those of calls are shorter. */
const REMEMBERED_BYTES = 2_048;
/** Empty lines before a request (RFC 9112 2.2), in bytes. */
const MAX_EMPTY_BYTES = 8;

/** What a method can begin with: a token of RFC 9110 5.6.2. */
const METHOD = "GPOHDCTLSUABEFIJKMNQRVWXYZabcdefghijklmnopqrstuvwxyz!#$%&'*+-.^_`|~0123456789";
/** The type of the record that a TLS client begins with (RFC 8446 5.1). */
const TLS_HANDSHAKE = 0x16;
const CR = 0x0d;
const LF = 0x0a;

/**
 * Finds and reads the heads of a connection's requests. A client repeats its head from call to call, byte by byte; then it gets the same
 * {@link RequestHead} again, and all that was worked out from it (protocol, route, the pod's head) is there already.
 */
export class HeadReader {
  readonly #scheme: "http" | "https";
  readonly #maxBytes: number;
  readonly #maxFields: number;
  #raw: Uint8Array = new Uint8Array(0);
  #remembered: RequestHead | null = null;
  /** Bytes after the start of the input that hold no end of a head. */
  #scanned = 0;
  #empty = 0;

  /** @param maxBytes of a head, after which its end is not waited for */
  constructor(scheme: "http" | "https", maxBytes: number, maxFields: number) {
    this.#scheme = scheme;
    this.#maxBytes = maxBytes;
    this.#maxFields = maxFields;
  }

  /** The next head, which is taken from the input; null when it is not there whole. */
  read(input: Input): RequestHead | BadHead | null {
    if (this.#repeats(input)) {
      input.at += this.#raw.length;
      this.#scanned = 0;
      this.#empty = 0;
      return this.#remembered;
    }
    if (!this.#skipEmptyLines(input)) return { status: 400, problem: "the request line is malformed" };
    // Said at once: a client that speaks something else may wait for a word before it sends a line's end.
    if (input.length > 0 && !METHOD.includes(String.fromCharCode(input.bytes[input.at]))) {
      const tls = input.bytes[input.at] === TLS_HANDSHAKE;
      return { status: 400, problem: tls ? "this port does not speak TLS" : "the request line is malformed" };
    }
    const end = this.#findEnd(input);
    if (end < 0) {
      if (input.length <= this.#maxBytes) return null;
      return { status: 431, problem: `the request's head is longer than ${this.#maxBytes} bytes` };
    }
    this.#scanned = 0;
    this.#empty = 0;
    const start = input.at;
    input.at = end;
    if (end - start > this.#maxBytes) {
      return { status: 431, problem: `the request's head is longer than ${this.#maxBytes} bytes` };
    }
    const { bytes } = input;
    // A bare LF before the empty line stays in the text, and is refused there.
    if (bytes[end - 2] !== CR || bytes[end - 4] !== CR) return { status: 400, problem: "a line ends without CR" };
    const parsed = parseRequestHead(latin1(bytes, start, end - 4), this.#scheme, this.#maxFields);
    if ("head" in parsed && end - start <= REMEMBERED_BYTES) {
      this.#raw = Uint8Array.prototype.slice.call(bytes, start, end);
      this.#remembered = parsed;
    }
    return parsed;
  }

  #repeats({ bytes, at, end }: Input): boolean {
    const raw = this.#raw;
    const { length } = raw;
    // From the end, where the fields stand that differ from call to call, if any do.
    if (length === 0 || end - at < length) return false;
    for (let i = length - 1; i >= 0; i--) if (bytes[at + i] !== raw[i]) return false;
    return true;
  }

  /** @returns false when there are more than anybody sends */
  #skipEmptyLines(input: Input): boolean {
    while (input.length > 0 && (input.bytes[input.at] === CR || input.bytes[input.at] === LF)) {
      input.at++;
      this.#scanned = 0;
      if (++this.#empty > MAX_EMPTY_BYTES) return false;
    }
    return true;
  }

  /** The offset after the empty line; -1 when it is not there yet. */
  #findEnd({ bytes, at, end }: Input): number {
    const last = Math.min(end, at + this.#maxBytes + 4);
    for (let i = at + this.#scanned; i < last; i++) {
      if (bytes[i] !== LF) continue;
      if (i > at && (bytes[i - 1] === LF || (bytes[i - 1] === CR && bytes[i - 2] === LF && i - 2 >= at))) return i + 1;
    }
    this.#scanned = Math.max(0, last - at);
    return -1;
  }
}
