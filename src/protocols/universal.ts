import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientResponse } from "@connectrpc/connect/protocol";
import { localAbort } from "../http2/abort.ts";
import { ErrorCode } from "../http2/error-code.ts";
import { connectionFields } from "../http2/head-check.ts";
import type { Abort, Fields, Flow, Head, Receiver } from "../http2/receiver.ts";
import { visible } from "../http2/visible.ts";
import type { Downstream } from "./downstream.ts";
import { decodeMessage } from "./rpc-error.ts";
import { encodeMessage, ownHead, statusOfAbort } from "./status.ts";
import { keepable, WaitingPieces } from "./waiting-pieces.ts";

/** A request in Connect's universal form: what its transports send and what its handlers get are both one. */
export interface UniversalRequest {
  readonly header: Headers;
  readonly body?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** The answer in the same form. Its `trailer` is filled when its body has ended. */
export type UniversalAnswer = UniversalClientResponse;

/** Bytes of a request that may be under way to the pod before more is asked of whoever sends it. */
const SEND_AHEAD_BYTES = 65_536;

export interface UniversalOptions {
  /** The client's address, for logs. Default: none. */
  readonly peer?: string;
  /** Asked when the signal aborts; true leaves the call to its own deadline, which is due. Default: never. */
  readonly leave?: (reason: unknown) => boolean;
  /** Called once, when nothing more of the call comes or goes. Default: nobody. */
  readonly ended?: () => void;
  /**
   * The answer is for Connect's client, and not for one that a server passes it on to: errors of the call's own are thrown, and do not look
   * like a pod's answer, and a `grpc-message` that it could not decode is mended. Default: false.
   */
  readonly toClient?: boolean;
}

/**
 * A request's head as a flat list; Headers give their names in lower case.
 * @throws ConnectError for a field that HTTP/2 does not allow: the pod would reset the call, and seem to be at fault
 */
export function universalHead(
  httpMethod: string,
  scheme: string,
  authority: string,
  path: string,
  header: Headers,
): Head {
  const fields = [":method", httpMethod, ":scheme", scheme, ":path", path, ":authority", authority];
  for (const [name, value] of header) {
    // RFC 9113 8.2.2: "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields."
    if (connectionFields.has(name)) throw new ConnectError(`header ${name} is not allowed in HTTP/2`, Code.Internal);
    if (name !== "host") fields.push(name, value);
  }
  return ownHead(fields);
}

/**
 * One call in Connect's universal form, full duplex: the answer resolves with its head, and its body is read as it comes.
 * @param take gives the request to whoever takes it, a call or what stands in front of one
 * @throws (rejects) a {@link ConnectError} when the pod broke the call off, the signal's reason when that aborted it, and
 * whatever the request's body threw
 */
export function enterUniversal(
  request: UniversalRequest,
  head: Head,
  take: (downstream: Downstream, head: Head) => Receiver,
  options: UniversalOptions = {},
): Promise<UniversalAnswer> {
  return new Promise((resolve, reject) => {
    const downstream = new UniversalDownstream(request, options, resolve, reject);
    downstream.start(take(downstream, head), head);
  });
}

type Read = IteratorResult<Uint8Array, undefined>;

class UniversalDownstream implements Downstream, AsyncIterator<Uint8Array, undefined> {
  source: Flow | null = null;
  readonly failed: ((code: number, message: string) => void) | undefined;
  readonly #request: UniversalRequest;
  readonly #options: UniversalOptions;
  readonly #resolve: (answer: UniversalAnswer) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #trailer = new Headers();
  readonly #onAbort = (): void => this.#aborted();
  #receiver: Receiver | null = null;
  /** Request bytes that were given to the call and have not left. */
  #inFlight = 0;
  #resume: (() => void) | null = null;
  /** What has come and was not read yet. */
  readonly #waiting = new WaitingPieces();
  #reading: { resolve(read: Read): void; reject(reason: unknown): void } | null = null;
  /** Nothing more comes from the call, and nothing more goes to it. */
  #over = false;
  /** Why it broke off. */
  #broken: { readonly reason: unknown } | null = null;

  constructor(
    request: UniversalRequest,
    options: UniversalOptions,
    resolve: (answer: UniversalAnswer) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#request = request;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.failed =
      options.toClient === true ? (code, message) => this.#broke(new ConnectError(message, code)) : undefined;
  }

  get peer(): string {
    return this.#options.peer ?? "";
  }

  start(receiver: Receiver, head: Head): void {
    this.#receiver = receiver;
    // Refused before it began.
    if (this.#over) return;
    const { signal } = this.#request;
    signal?.addEventListener("abort", this.#onAbort);
    receiver.head(head);
    if (signal?.aborted === true) this.#aborted();
    else if (!this.#over) void this.#send(receiver);
  }

  // ── The request ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async #send(receiver: Receiver): Promise<void> {
    const { body } = this.#request;
    try {
      if (body !== undefined) {
        // Not `for await`: a call that is over asks for no more, and whoever made the body ends it (connect's own signal).
        const pieces = body[Symbol.asyncIterator]();
        for (;;) {
          const { done, value } = await pieces.next();
          if (this.#over) return;
          if (done === true) break;
          this.#inFlight += value.length;
          receiver.data(value, 0, value.length);
          if (this.#inFlight > SEND_AHEAD_BYTES) {
            await new Promise<void>((resolve) => {
              this.#resume = resolve;
            });
            if (this.#over) return;
          }
        }
      }
      receiver.end(null);
    } catch (reason) {
      // The application's own messages failed. The code is the one that connect-node has for it.
      this.#giveUp(ConnectError.from(reason, Code.Internal));
    }
  }

  consumed(bytes: number): void {
    this.#inFlight -= bytes;
    if (this.#inFlight <= SEND_AHEAD_BYTES) this.#go();
  }

  #go(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  #aborted(): void {
    const reason: unknown = this.#request.signal?.reason;
    if (this.#over) return;
    if (this.#options.leave?.(reason) === true) this.#fail(reason);
    else this.#giveUp(reason);
  }

  /** The call is of no use to the application any more: the pod hears of it as of a reset. */
  #giveUp(reason: unknown): void {
    if (this.#over) return;
    this.#fail(reason);
    this.#receiver?.abort(localAbort(ErrorCode.CANCEL, "cancelled by the application"));
  }

  // ── The answer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  head({ fields }: Head): void {
    if (this.#over) return;
    const header = new Headers();
    this.#append(header, fields, 2);
    this.#resolve({
      status: Number(fields[1]),
      header,
      body: { [Symbol.asyncIterator]: () => this },
      trailer: this.#trailer,
    });
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    // Not a Buffer, whatever the socket gave: its `slice` is another one than that of Uint8Array.
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    if (this.#reading === null) {
      this.#waiting.add(view);
      return;
    }
    this.#settle()?.resolve({ done: false, value: keepable(view) });
    this.source?.consumed(view.length);
  }

  end(trailers: Head | null): void {
    if (this.#over) return;
    if (trailers !== null) this.#append(this.#trailer, trailers.fields, 0);
    this.#finish();
    this.#settle()?.resolve({ done: true, value: undefined });
  }

  #append(to: Headers, fields: Fields, from: number): void {
    const toClient = this.failed !== undefined;
    for (let i = from; i < fields.length; i += 2) {
      const value = fields[i + 1];
      // A server of node:http throws for a control in a value, and would answer with an error of its own.
      if (!toClient) to.append(fields[i], visible(value));
      else to.append(fields[i], fields[i] === "grpc-message" ? decodable(value) : value);
    }
  }

  abort(reason: Abort): void {
    this.#broke(new ConnectError(reason.message, statusOfAbort(reason) || Code.Unknown));
  }

  /** The call broke off. What came before is read first, as it is before any other end of an answer. */
  #broke(reason: unknown): void {
    if (this.#over) return;
    this.#broken = { reason };
    this.#finish();
    this.#reject(reason);
    this.#settle()?.reject(reason);
  }

  /** The application wants no more of it. Has an effect before the answer and in the middle of it. */
  #fail(reason: unknown): void {
    this.#waiting.clear();
    this.#broke(reason);
  }

  #finish(): void {
    this.#over = true;
    this.#options.ended?.();
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.#go();
  }

  #settle(): { resolve(read: Read): void; reject(reason: unknown): void } | null {
    const reading = this.#reading;
    this.#reading = null;
    return reading;
  }

  // ── The answer's body, as its reader has it ─────────────────────────────────────────────────────────────────────────

  next(): Promise<Read> {
    const chunk = this.#waiting.take();
    if (chunk !== undefined) {
      // The pod may send as much again: nothing is read ahead of the application but a window.
      this.source?.consumed(chunk.length);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#broken !== null) return Promise.reject(this.#broken.reason);
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#reading = { resolve, reject };
    });
  }

  /** The reader wants no more. */
  return(): Promise<Read> {
    this.#giveUp(new ConnectError("the reader of the answer has left", Code.Canceled));
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(reason: unknown): Promise<Read> {
    this.#giveUp(reason);
    return Promise.reject(reason);
  }
}

/** For `decodeURIComponent`, by which Connect decodes it: that throws where gRPC forbids it, and the status would be lost. */
function decodable(message: string): string {
  try {
    decodeURIComponent(message);
    return message;
  } catch {
    return encodeMessage(decodeMessage(message));
  }
}
