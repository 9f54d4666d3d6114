import { localAbort } from "../http2/abort.ts";
import { ErrorCode } from "../http2/error-code.ts";
import type { Abort, Fields, Flow, Head, Receiver } from "../http2/receiver.ts";
import type { Request } from "./classify.ts";
import type { Downstream, Unfit } from "./downstream.ts";
import { ENVELOPE_BYTES, EnvelopeFlag, writePrefix } from "./envelope.ts";
import { answerProblem } from "./grpc-answer.ts";
import { type HeldMessages, type Holder, TOO_MUCH_HELD } from "./held-messages.ts";
import { copyMetadata, hasMetadata, withoutCaching } from "./metadata.ts";
import { type DebugDetail, errorJson, httpStatuses, type RpcStatus, rpcStatusOf } from "./rpc-error.ts";
import { field, ownHead, pushAccepted, Status, statusOf, statusOfAbort } from "./status.ts";

/**
 * Connect unary (Connect protocol, Unary RPCs): bare bodies, each exactly one message. Both are the only thing that is ever
 * held whole: the request because its length comes before it in gRPC, the answer because its HTTP status says how the call
 * ended.
 */

/** A body's first piece keeps its chunk alive up to this size, which is not counted either: nearly every request is one piece. */
const KEEP_CHUNK_BYTES = 16_384;

/** Said of a request, of which the rest is not waited for. */
export function tooLarge(maxBytes: number): string {
  return `request message is larger than the ${maxBytes} bytes allowed`;
}

/** A body, on its way to be a message in an envelope. */
class Body {
  readonly #maxBytes: number;
  /** Told of every allocation. */
  readonly #hold: (bytes: number) => void;
  #bytes: Uint8Array | null = null;
  #start = 0;
  #end = 0;
  /** `#bytes` was made here, with room for the envelope's prefix in front of `#start`. */
  #own = false;

  constructor(maxBytes: number, hold: (bytes: number) => void) {
    this.#maxBytes = maxBytes;
    this.#hold = hold;
  }

  /** @returns false when the body is larger than allowed */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#end - this.#start + end - start > this.#maxBytes) return false;
    if (this.#bytes === null && bytes.buffer.byteLength <= KEEP_CHUNK_BYTES) {
      this.#bytes = bytes;
      this.#start = start;
      this.#end = end;
      return true;
    }
    const buffer = this.#reserve(end - start);
    buffer.set(bytes.subarray(start, end), this.#end);
    this.#end += end - start;
    return true;
  }

  /** Never pieces: of many tiny ones, each would cost more than it holds. */
  #reserve(more: number): Uint8Array {
    const held = this.#bytes;
    const needed = ENVELOPE_BYTES + this.#end - this.#start + more;
    if (held !== null && this.#own && needed <= held.length) return held;
    const room = Math.max(needed, Math.min(needed * 2, ENVELOPE_BYTES + this.#maxBytes));
    const larger = new Uint8Array(room);
    if (held !== null) larger.set(held.subarray(this.#start, this.#end), ENVELOPE_BYTES);
    this.#hold(room - (this.#own && held !== null ? held.length : 0));
    this.#bytes = larger;
    this.#end += ENVELOPE_BYTES - this.#start;
    this.#start = ENVELOPE_BYTES;
    this.#own = true;
    return larger;
  }

  /** The body in an envelope. */
  message(coded: boolean): Uint8Array {
    const length = this.#end - this.#start;
    const whole = this.#own
      ? (this.#bytes as Uint8Array).subarray(0, this.#end)
      : new Uint8Array(ENVELOPE_BYTES + length);
    if (!this.#own && this.#bytes !== null) whole.set(this.#bytes.subarray(this.#start, this.#end), ENVELOPE_BYTES);
    // An empty body is an empty message, whatever content-encoding says.
    writePrefix(whole, coded && length > 0 ? EnvelopeFlag.COMPRESSED : 0, length);
    return whole;
  }

  drop(): void {
    this.#bytes = null;
    this.#start = 0;
    this.#end = 0;
    this.#own = false;
  }
}

/** The client's request, on its way to the call. */
export class ConnectUnaryRequest implements Receiver, Holder {
  readonly #call: Receiver;
  readonly #response: ConnectUnaryResponse;
  readonly #inner: Head;
  readonly #coded: boolean;
  readonly #maxBytes: number;
  readonly #body: Body;
  readonly #given: Uint8Array | null;
  readonly #held: HeldMessages;
  #over = false;

  /** @param given the message of a GET; null to take the body */
  constructor(
    request: Request,
    inner: Head,
    call: Receiver,
    response: ConnectUnaryResponse,
    maxBytes: number,
    held: HeldMessages,
    given: Uint8Array | null = null,
  ) {
    this.#call = call;
    this.#response = response;
    this.#inner = inner;
    this.#coded = request.coding !== "" && request.coding !== "identity";
    this.#maxBytes = maxBytes;
    this.#held = held;
    response.held = held;
    response.asked = this;
    this.#body = new Body(maxBytes, (bytes) => held.hold(this, bytes));
    this.#given = given;
  }

  head(_head: Head): void {
    this.#call.head(this.#inner);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    // Held whole, so there is nothing to wait for: the bounds are maxMessageBytes, and HeldMessages for all together.
    this.#response.accept(end - start);
    if (this.#given !== null) return;
    if (!this.#body.add(bytes, start, end)) this.#exhausted(tooLarge(this.#maxBytes));
  }

  giveWay(): void {
    this.#exhausted(TOO_MUCH_HELD);
  }

  #exhausted(message: string): void {
    this.drop();
    this.#call.abort(localAbort(ErrorCode.CANCEL, message));
    this.#response.fail({ code: Status.RESOURCE_EXHAUSTED, message, details: [] });
  }

  /** What is held is of no use any more. */
  drop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#body.drop();
    this.#held.release(this);
  }

  end(): void {
    if (this.#over) return;
    if (this.#given !== null) this.#body.add(this.#given, 0, this.#given.length);
    if (this.#over) return;
    const message = this.#body.message(this.#coded);
    this.drop();
    this.#call.data(message, 0, message.length);
    this.#call.end(null);
  }

  abort(reason: Abort): void {
    this.drop();
    this.#response.stop();
    this.#call.abort(reason);
  }
}

/** The call's answer, on its way to the client. */
export class ConnectUnaryResponse implements Downstream, Holder {
  readonly #to: Downstream;
  readonly #request: Request;
  readonly #maxBytes: number;
  readonly #debug: DebugDetail | undefined;
  /** Whose answer it is. */
  call: Unfit | null = null;
  /** Where its message is counted. */
  held: HeldMessages | null = null;
  /** Its request: an answer may come before it has ended, and then nobody takes it. */
  asked: ConnectUnaryRequest | null = null;
  #source: Flow | null = null;
  #head: Head | null = null;
  /** The answer's envelope as far as it is there; usually all of it in one piece. */
  #bytes: Uint8Array | null = null;
  #start = 0;
  #end = 0;
  /** `#bytes` was made here; a chunk that came in is never written to. */
  #own = false;
  #over = false;

  constructor(request: Request, to: Downstream, maxBytes: number, debug?: DebugDetail) {
    this.#request = request;
    this.#to = to;
    this.#maxBytes = maxBytes;
    this.#debug = debug;
  }

  get peer(): string {
    return this.#to.peer;
  }

  giveWay(): void {
    this.#fail(Status.RESOURCE_EXHAUSTED, TOO_MUCH_HELD);
  }

  /** Nothing more comes, or nobody wants it. */
  stop(): void {
    this.#over = true;
    this.#bytes = null;
    this.held?.release(this);
    this.asked?.drop();
  }

  get source(): Flow | null {
    return this.#source;
  }

  set source(flow: Flow | null) {
    this.#source = flow;
  }

  /** The request was credited when it came; see {@link accept}. */
  consumed(_bytes: number): void {}

  accept(bytes: number): void {
    this.#to.consumed(bytes);
  }

  head(head: Head): void {
    if (this.#over) return;
    this.#head = head;
    const problem = answerProblem(head, this.#request.codec);
    if (problem !== null) this.fail(problem);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    this.#source?.consumed(end - start);
    if (this.#bytes === null) {
      this.#bytes = bytes;
      this.#start = start;
      this.#end = end;
    } else this.#append(bytes, start, end);
    if (this.#over) return;
    const length = this.#end - this.#start;
    if (length < ENVELOPE_BYTES) return;
    const announced = this.#announced();
    if (announced > this.#maxBytes) {
      this.#fail(
        Status.RESOURCE_EXHAUSTED,
        `response message of ${announced} bytes is larger than the ${this.#maxBytes} allowed`,
      );
    } else if (length > ENVELOPE_BYTES + announced) {
      this.#fail(Status.UNIMPLEMENTED, "the pod sent more than one message to a unary call");
    }
  }

  #announced(): number {
    const bytes = this.#bytes as Uint8Array;
    const at = this.#start;
    return ((bytes[at + 1] << 24) | (bytes[at + 2] << 16) | (bytes[at + 3] << 8) | bytes[at + 4]) >>> 0;
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    const held = this.#bytes as Uint8Array;
    const have = this.#end - this.#start;
    const add = end - start;
    // Room for the whole message at once, so that a large one is copied once.
    const needed = have >= ENVELOPE_BYTES ? Math.min(ENVELOPE_BYTES + this.#announced(), this.#maxBytes * 2) : 0;
    if (!this.#own || held.length - this.#end < add) {
      const larger = new Uint8Array(Math.max(needed, have + add, Math.min(have * 2, this.#maxBytes)));
      larger.set(held.subarray(this.#start, this.#end));
      this.held?.hold(this, larger.length - (this.#own ? held.length : 0));
      if (this.#over) return;
      this.#bytes = larger;
      this.#own = true;
      this.#start = 0;
      this.#end = have;
    }
    (this.#bytes as Uint8Array).set(bytes.subarray(start, end), this.#end);
    this.#end += add;
  }

  end(trailers: Head | null): void {
    if (this.#over) return;
    const head = this.#head as Head;
    const body = this.#bytes !== null;
    const status = rpcStatusOf(trailers?.fields ?? null, head.fields, body);
    const trailersOnly = !body && trailers === null && statusOf(head.fields) !== null;
    const trailing = trailersOnly ? head : trailers;
    if (status.code !== Status.OK) {
      this.#error(status, trailersOnly ? null : head, trailing);
      return;
    }
    if (this.#bytes === null || this.#end === this.#start) {
      this.#fail(Status.UNIMPLEMENTED, "the pod ended a unary call without a message");
      return;
    }
    if (this.#end - this.#start < ENVELOPE_BYTES || this.#end - this.#start < ENVELOPE_BYTES + this.#announced()) {
      this.#fail(Status.INTERNAL, "the pod's message is cut off");
      return;
    }
    this.#succeed(head, trailing);
  }

  #succeed(head: Head, trailers: Head | null): void {
    const bytes = this.#bytes as Uint8Array;
    const flags = bytes[this.#start];
    const encoding = field(head.fields, "grpc-encoding");
    const compressed = (flags & EnvelopeFlag.COMPRESSED) !== 0;
    if ((flags & ~EnvelopeFlag.COMPRESSED) !== 0) {
      this.#fail(Status.INTERNAL, "the pod's envelope has reserved flags");
      return;
    }
    if (compressed && (encoding === undefined || encoding === "identity")) {
      this.#fail(Status.INTERNAL, "the pod's message has the compressed flag, but no grpc-encoding says how");
      return;
    }
    this.stop();
    this.#to.head(this.#successHead(head, trailers, compressed ? (encoding as string) : ""));
    if (this.#end > this.#start + ENVELOPE_BYTES) this.#to.data(bytes, this.#start + ENVELOPE_BYTES, this.#end);
    this.#to.end(null);
  }

  #successHead(head: Head, trailers: Head | null, encoding: string): Head {
    const plain = trailers === null || !hasMetadata(trailers);
    const key = `${this.#request.protocol} ${this.#request.codec} ${encoding}`;
    const known = head.memo as { readonly key: string; readonly head: Head } | undefined;
    if (plain && known?.key === key) return known.head;
    const fields = [":status", "200", "content-type", `application/${this.#request.codec}`];
    if (encoding !== "") fields.push("content-encoding", encoding);
    pushAccepted(head.fields, "accept-encoding", fields);
    if (this.#request.protocol === "connect-get") pushForCaches(head.fields, fields);
    copyMetadata(head.fields, fields);
    if (trailers !== null) copyMetadata(trailers.fields, fields, "trailer-");
    const made = ownHead(fields);
    if (plain) head.memo = { key, head: made };
    return made;
  }

  /** A reset of the pod's, in the words of this protocol. */
  abort(reason: Abort): void {
    this.#fail(statusOfAbort(reason), reason.message);
  }

  #fail(code: number, message: string): void {
    this.fail({ code, message, details: [] });
  }

  /** An error of our own. */
  fail(status: RpcStatus): void {
    if (this.#over) return;
    this.#error(status, null, null);
    this.call?.unfit(status.code);
  }

  /** Content-type is always application/json, whatever the request's codec (Connect protocol, Unary-Response). */
  #error(status: RpcStatus, head: Head | null, trailers: Head | null): void {
    this.stop();
    const body = encoder.encode(JSON.stringify(errorJson(status, this.#debug)));
    // A pod that answered in HTTP alone, such as a 404 of its router, is quoted with its own status.
    const httpStatus = status.httpStatus ?? httpStatuses[status.code];
    const fields = [":status", String(httpStatus), "content-type", "application/json"];
    const get = this.#request.protocol === "connect-get";
    const said = head ?? trailers;
    if (said !== null) pushAccepted(said.fields, "accept-encoding", fields);
    if (head !== null) copyMetadata(get ? withoutCaching(head.fields) : head.fields, fields);
    if (trailers !== null) copyMetadata(trailers.fields, fields, "trailer-");
    // A GET's 404 or 501 may be kept even without a word from the pod (RFC 9111 4.2.2); only a 200 is for caches.
    if (get) fields.push("cache-control", "no-store");
    fields.push("content-length", String(body.length));
    this.#to.head(ownHead(fields));
    this.#to.data(body, 0, body.length);
    this.#to.end(null);
  }
}

/** A GET's answer depends on what the client accepts (RFC 9110 12.5.5), and its age is counted from the pod's date (RFC 9111 4.2.3). */
function pushForCaches(from: Fields, to: string[]): void {
  to.push("vary", "Accept-Encoding");
  const date = field(from, "date");
  if (date !== undefined) to.push("date", date);
}

const encoder = new TextEncoder();
