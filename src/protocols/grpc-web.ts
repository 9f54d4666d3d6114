import { localAbort } from "../http2/abort.ts";
import { ErrorCode } from "../http2/error-code.ts";
import type { Abort, Flow, Head, Receiver } from "../http2/receiver.ts";
import { Base64Decoder, encodeBase64 } from "./base64.ts";
import type { Request } from "./classify.ts";
import { clientContentType } from "./codec.ts";
import type { Downstream, Unfit } from "./downstream.ts";
import { describeEnvelopeError, ENVELOPE_BYTES, EnvelopeFlag, EnvelopeGuard, writePrefix } from "./envelope.ts";
import { answerGuard, answerProblem, CUT_OFF, flagsProblem } from "./grpc-answer.ts";
import { isMetadata } from "./metadata.ts";
import { rpcStatusOf } from "./rpc-error.ts";
import { ownHead, Status, statusOf, statusOfAbort, trailers, trailersOnly } from "./status.ts";

/**
 * gRPC-Web (gRPC PROTOCOL-WEB): gRPC's envelopes, with the trailers as a last envelope in the body. The text form is the same
 * in base64. Request and response are a stage each around the call, which is plain gRPC.
 */

/** The client's request, on its way to the call. */
export class GrpcWebRequest implements Receiver {
  readonly #call: Receiver;
  readonly #response: GrpcWebResponse;
  readonly #inner: Head;
  readonly #guard: EnvelopeGuard;
  readonly #maxBytes: number;
  readonly #decoder: Base64Decoder | null;
  readonly #coded: boolean;
  #over = false;

  /** @param inner the request's head in gRPC's form */
  constructor(request: Request, inner: Head, call: Receiver, response: GrpcWebResponse, maxBytes: number) {
    this.#call = call;
    this.#response = response;
    this.#inner = inner;
    this.#guard = new EnvelopeGuard(EnvelopeFlag.COMPRESSED, maxBytes);
    this.#maxBytes = maxBytes;
    this.#decoder = request.protocol === "grpc-web-text" ? new Base64Decoder() : null;
    this.#coded = request.coding !== "" && request.coding !== "identity";
  }

  head(_head: Head): void {
    this.#call.head(this.#inner);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    if (this.#decoder === null) {
      this.#pass(bytes, start, end);
      return;
    }
    const decoded = this.#decoder.decode(bytes, start, end);
    this.#response.received(end - start, decoded?.length ?? 0);
    if (decoded === null) this.#refuse(Status.INVALID_ARGUMENT, "request body is not base64");
    else if (decoded.length > 0) this.#pass(decoded, 0, decoded.length);
  }

  #pass(bytes: Uint8Array, start: number, end: number): void {
    const error = this.#guard.pass(bytes, start, end);
    if (error === null && this.#guard.compressed && !this.#coded) {
      this.#refuse(Status.INTERNAL, "request message has the compressed flag, but no grpc-encoding says how");
    } else if (error === null) this.#call.data(bytes, start, end);
    else {
      const code = error.kind === "length" ? Status.RESOURCE_EXHAUSTED : Status.INVALID_ARGUMENT;
      this.#refuse(code, `request ${describeEnvelopeError(error, this.#maxBytes)}`);
    }
  }

  end(): void {
    if (this.#over) return;
    const rest = this.#decoder?.finish();
    if (rest === null) {
      this.#refuse(Status.INVALID_ARGUMENT, "request body ends inside a base64 quantum");
      return;
    }
    if (rest !== undefined && rest.length > 0) this.#pass(rest, 0, rest.length);
    if (this.#over) return;
    const error = this.#guard.finish();
    if (error !== null)
      this.#refuse(Status.INVALID_ARGUMENT, `request ${describeEnvelopeError(error, this.#maxBytes)}`);
    else this.#call.end(null);
  }

  abort(reason: Abort): void {
    this.#over = true;
    this.#call.abort(reason);
  }

  /** The request is malformed: the pod hears of a cancelled call, the client why. */
  #refuse(code: number, message: string): void {
    this.#over = true;
    this.#call.abort(localAbort(ErrorCode.CANCEL, message));
    this.#response.fail(code, message);
  }
}

/** The call's answer, on its way to the client. */
export class GrpcWebResponse implements Downstream {
  readonly #to: Downstream;
  readonly #request: Request;
  readonly #text: boolean;
  /** Whose answer it is. */
  call: Unfit | null = null;
  #head: Head | null = null;
  #guard: EnvelopeGuard | null = null;
  #headSent = false;
  #over = false;
  /** Text form: bytes that came in and were credited, and inner bytes that were made of them and have left. */
  #received = 0;
  #made = 0;
  #left = 0;
  #credited = 0;

  constructor(request: Request, to: Downstream) {
    this.#request = request;
    this.#to = to;
    // The answer is in text when Accept says so, or else by the request's own form.
    this.#text = /grpc-web-text/i.test(request.accept) || request.protocol === "grpc-web-text";
  }

  get peer(): string {
    return this.#to.peer;
  }

  get source(): Flow | null {
    return this.#to.source;
  }

  set source(flow: Flow | null) {
    this.#to.source = flow === null || !this.#text ? flow : textFlow(flow);
  }

  consumed(bytes: number): void {
    if (this.#request.protocol !== "grpc-web-text") {
      this.#to.consumed(bytes);
      return;
    }
    this.#left += bytes;
    this.#creditText();
  }

  /** Text form: `outer` bytes have arrived and stand for `inner` bytes of the call. */
  received(outer: number, inner: number): void {
    this.#received += outer;
    this.#made += inner;
    if (inner === 0) this.#creditText();
  }

  #creditText(): void {
    const due = this.#left >= this.#made ? this.#received : Math.floor((this.#left / this.#made) * this.#received);
    if (due <= this.#credited) return;
    this.#to.consumed(due - this.#credited);
    this.#credited = due;
  }

  head(head: Head): void {
    if (this.#over) return;
    this.#head = head;
    // Not a gRPC answer: its body is none of the client's business.
    const problem = answerProblem(head, this.#request.codec);
    if (problem !== null) this.fail(problem.code, problem.message);
    else this.#sendHead(translateHead(head, this.#contentType(), statusOf(head.fields) !== null));
  }

  #sendHead(head: Head): void {
    this.#headSent = true;
    this.#to.head(head);
  }

  #contentType(): string {
    return clientContentType(this.#text ? "grpc-web-text" : "grpc-web", this.#request.codec);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    this.#guard ??= answerGuard(this.#head as Head);
    const error = this.#guard.pass(bytes, start, end);
    if (error === null) this.#write(bytes, start, end);
    else if (error.kind === "flags") {
      if (this.#guard.badAt > start) this.#write(bytes, start, this.#guard.badAt);
      const { code, message } = flagsProblem(error.flags);
      this.fail(code, message);
    }
  }

  #write(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#text) {
      this.#to.data(bytes, start, end);
      return;
    }
    const text = encodeBase64(bytes, start, end);
    this.#to.data(text, 0, text.length);
  }

  /** What would follow half a message would be taken for the rest of it: the stream can only be broken off. */
  #cutOff(): boolean {
    if (this.#guard === null || this.#guard.finish() === null) return false;
    this.#over = true;
    this.#to.abort(localAbort(ErrorCode.INTERNAL_ERROR, CUT_OFF));
    return true;
  }

  end(trailers: Head | null): void {
    if (this.#over || this.#cutOff()) return;
    this.#over = true;
    const head = this.#head as Head;
    // Trailers-only: the status stands in the head already, and the body is empty.
    if (trailers !== null && statusOf(trailers.fields) !== null) this.#writeTrailers(trailers);
    else if (statusOf(head.fields) === null) this.#writeTrailers(withoutStatus(head, trailers));
    else if (trailers !== null) this.#writeTrailers(trailers);
    this.#to.end(null);
  }

  /** A reset of the pod's, in the words of this protocol: a browser would only see a network error. */
  abort(reason: Abort): void {
    if (this.#over || this.#cutOff()) return;
    this.#over = true;
    this.#writeTrailers(trailers(statusOfAbort(reason), reason.message));
    this.#to.end(null);
  }

  /** An error of our own. */
  fail(code: number, message: string): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#headSent) this.#writeTrailers(trailers(code, message));
    else this.#sendHead(translateHead(trailersOnly(code, message), this.#contentType(), true));
    this.#to.end(null);
    this.call?.unfit(code);
  }

  #writeTrailers(from: Head): void {
    const frame = trailersFrame(from);
    const bytes = this.#text ? encodeBase64(frame) : frame;
    this.#to.data(bytes, 0, bytes.length);
  }
}

/** Text is a third longer than what it stands for: credit in proportion. */
function textFlow(flow: Flow): Flow {
  let odd = 0;
  return {
    consumed(bytes) {
      const total = odd + bytes;
      odd = total & 3;
      flow.consumed((total >>> 2) * 3);
    },
  };
}

/** The status for a response that ended without one, before whatever else its trailers say. */
function withoutStatus(head: Head, rest: Head | null): Head {
  const { code, message } = rpcStatusOf(null, head.fields);
  const made = trailers(code, message);
  return rest === null ? made : ownHead([...made.fields, ...rest.fields]);
}

/** Remembered on the pod's head, which is the same object as long as the pod answers alike. */
interface TranslatedHead {
  readonly contentType: string;
  readonly head: Head;
}

function translateHead(head: Head, contentType: string, trailersOnly: boolean): Head {
  const known = head.memo as TranslatedHead | undefined;
  if (known?.contentType === contentType) return known.head;
  const translated = makeHead(head, contentType, trailersOnly);
  head.memo = { contentType, head: translated } satisfies TranslatedHead;
  return translated;
}

function makeHead(head: Head, contentType: string, trailersOnly: boolean): Head {
  const fields = [":status", "200", "content-type", contentType];
  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i];
    const kept = isMetadata(name) || name === "grpc-encoding" || name === "grpc-accept-encoding";
    if (kept || (trailersOnly && name.startsWith("grpc-"))) fields.push(name, head.fields[i + 1]);
  }
  return ownHead(fields);
}

/** Trailers as lines of HTTP/1.1, lower case, without a blank line at the end (gRPC PROTOCOL-WEB, HTTP wire protocols). */
function trailersFrame(trailers: Head): Uint8Array {
  const known = trailers.memo as Uint8Array | undefined;
  if (known !== undefined) return known;
  const { fields } = trailers;
  let text = "";
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i];
    if (isMetadata(name) || name.startsWith("grpc-")) text += `${name}: ${fields[i + 1]}\r\n`;
  }
  const frame = new Uint8Array(ENVELOPE_BYTES + text.length);
  writePrefix(frame, EnvelopeFlag.TRAILERS, text.length);
  for (let i = 0; i < text.length; i++) frame[ENVELOPE_BYTES + i] = text.charCodeAt(i);
  trailers.memo = frame;
  return frame;
}
