import type { Output } from "../http2/output.ts";
import type { Head } from "../http2/receiver.ts";
import { visible } from "../http2/visible.ts";
import type { Clock } from "../runtime/machine.ts";

/** How an answer's body is delimited (RFC 9112 6.3): its length, chunks, the connection's end, or it has none. */
export type Framing = number | "chunked" | "close" | "none";

/** Reason phrases that people look for; RFC 9112 4 lets the others be empty, and clients ignore all of them. */
const reasons: Readonly<Record<string, string>> = {
  "200": "OK",
  "204": "No Content",
  "304": "Not Modified",
  "400": "Bad Request",
  "401": "Unauthorized",
  "403": "Forbidden",
  "404": "Not Found",
  "405": "Method Not Allowed",
  "408": "Request Timeout",
  "409": "Conflict",
  "412": "Precondition Failed",
  "413": "Content Too Large",
  "415": "Unsupported Media Type",
  "417": "Expectation Failed",
  "426": "Upgrade Required",
  "429": "Too Many Requests",
  "431": "Request Header Fields Too Large",
  "499": "Client Closed Request",
  "500": "Internal Server Error",
  "501": "Not Implemented",
  "502": "Bad Gateway",
  "503": "Service Unavailable",
  "504": "Gateway Timeout",
  "505": "HTTP Version Not Supported",
};

/** An idle connection is kept so long between requests. Above the 60 s of common load balancers, so that they close first. */
const KEEP_ALIVE_MS = 65_000;

const encoder = new TextEncoder();
const CONTINUE = encoder.encode("HTTP/1.1 100 Continue\r\n\r\n");
const CHUNKED = encoder.encode("transfer-encoding: chunked\r\n");

/** The status line and the fields of a head, but for those that each answer needs anew. Kept on the head: pods' heads repeat. */
class HeadBlock {
  readonly bytes: Uint8Array;
  /** A `connection` field of the head's own: it replaces ours. */
  readonly connection: string | null;
  /** `content-length` of the head's own; -1 without. */
  readonly length: number;

  constructor(head: Head) {
    const { fields } = head;
    const status = fields[1];
    let text = `HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\n`;
    let connection: string | null = null;
    let length = -1;
    for (let i = 2; i < fields.length; i += 2) {
      const name = fields[i];
      const value = fields[i + 1];
      if (name === "connection") connection = value;
      else if (name === "content-length") length = Number(value);
      // Each answer has one of ours.
      else if (name === "date") continue;
      // Pods' fields were checked when they came (RFC 9113 8.2.1): nothing in them ends a line.
      else text += `${name}: ${visible(value)}\r\n`;
    }
    this.bytes = latin1Bytes(text);
    this.connection = connection;
    this.length = length;
  }
}

function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function blockOf(head: Head): HeadBlock {
  if (head.memo instanceof HeadBlock) return head.memo;
  const block = new HeadBlock(head);
  head.memo ??= block;
  return block;
}

/** The `content-length` that a head has; -1 without. */
export function lengthOf(head: Head): number {
  return blockOf(head).length;
}

/** True when the head itself says that the connection ends with it. */
export function saysClose(head: Head): boolean {
  const { connection } = blockOf(head);
  return connection !== null && /(?:^|[,\s])close(?:[,\s]|$)/i.test(connection);
}

/** The fields of an answer that are the same for all connections. */
export class CommonFields {
  /** Milliseconds that a connection is kept without a request. */
  readonly idleMs: number;
  readonly keep: Uint8Array;
  readonly close = encoder.encode("connection: close\r\n");
  readonly #clock: Clock;
  #second = -1;
  #date: Uint8Array = new Uint8Array(0);

  /** @param idleTimeout milliseconds; null for the default */
  constructor(clock: Clock, idleTimeout: number | null) {
    this.#clock = clock;
    this.idleMs = Math.min(KEEP_ALIVE_MS, idleTimeout ?? KEEP_ALIVE_MS);
    // Clients that know it reconnect in time instead of racing our end of an idle connection.
    this.keep = encoder.encode(`connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(this.idleMs / 1_000)}\r\n`);
  }

  /** RFC 9110 6.6.1: an answer has a date. Made once a second. */
  get date(): Uint8Array {
    const second = Math.floor(this.#clock.wall() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = encoder.encode(`date: ${new Date(second * 1_000).toUTCString()}\r\n`);
    }
    return this.#date;
  }
}

/** Writes a head whole, the empty line included. */
export function writeHead(output: Output, head: Head, framing: Framing, close: boolean, common: CommonFields): void {
  const block = blockOf(head);
  const { date, keep } = common;
  // 64 is more than the longest length field with the empty line.
  output.reserve(
    block.bytes.length + date.length + (block.connection?.length ?? 0) + keep.length + CHUNKED.length + 64,
  );
  put(output, block.bytes);
  put(output, date);
  if (block.connection !== null) putText(output, `connection: ${block.connection}\r\n`);
  else put(output, close ? common.close : keep);
  if (framing === "chunked") put(output, CHUNKED);
  else if (typeof framing === "number") putText(output, `content-length: ${framing}\r\n`);
  putText(output, "\r\n");
}

/** A whole answer to what is no request. */
export function writeProblem(output: Output, status: number, problem: string, common: CommonFields): void {
  const body = encoder.encode(`fairlead: ${problem}.\n`);
  const fields = [":status", String(status), "content-type", "text/plain; charset=utf-8"];
  writeHead(output, { fields, neverIndexed: null, memo: undefined }, body.length, true, common);
  output.bytes(body);
}

/** RFC 9110 15.2.1. */
export function writeContinue(output: Output): void {
  output.reserve(CONTINUE.length);
  put(output, CONTINUE);
}

/** Room for it is reserved, and it is copied in place. */
function put(output: Output, bytes: Uint8Array): void {
  output.buffer.set(bytes, output.position);
  output.position += bytes.length;
}

/** ASCII, for which room is reserved. */
export function putText(output: Output, text: string): void {
  const { buffer } = output;
  let at = output.position;
  for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i);
  output.position = at;
}
