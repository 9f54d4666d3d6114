import type { Attempt, Upstream } from "../balancing/attempt.ts";
import type { Abort, Flow, Head, Receiver } from "../http2/receiver.ts";
import type { Stream } from "../http2/stream.ts";
import { describeEnvelopeError, type EnvelopeError } from "../protocols/envelope.ts";
import { field, Status, statusOf } from "../protocols/status.ts";
import { type Heads, isProtobufAnswer, isTrailersOnly } from "./heads.ts";
import { type MessageParts, MessageStage } from "./message-stage.ts";
import type { Translated } from "./translate.ts";

/** What the stages of an attempt translate by. */
export interface Translator {
  /** `shop.v1.Cart/Add`. */
  readonly name: string;
  request(json: Uint8Array): Translated;
  response(bytes: Uint8Array): Translated;
  extend(type: string): Promise<boolean>;
}

export interface StageParts extends MessageParts {
  readonly heads: Heads;
}

/** The request of an attempt, from JSON to protobuf. Where the answer's bytes go, it hands word on: see {@link Upstream}. */
export class JsonRequest implements Upstream {
  readonly #attempt: Attempt;
  readonly #stream: Stream;
  readonly #parts: StageParts;
  readonly #stage: MessageStage;
  readonly #response: JsonResponse;
  #trailers: Head | null = null;

  constructor(attempt: Attempt, stream: Stream, translator: Translator, parts: StageParts) {
    this.#attempt = attempt;
    this.#stream = stream;
    this.#parts = parts;
    this.#stage = new MessageStage(
      {
        translate: (json) => translator.request(json),
        extend: (type) => translator.extend(type),
        alive: () => !attempt.over,
        send: (bytes) => stream.data(bytes, 0, bytes.length),
        finish: () => stream.end(this.#trailers),
        badEnvelope: (error) => this.#badEnvelope(error),
        badMessage: (problem) =>
          this.#giveUp(Status.INVALID_ARGUMENT, `request message of ${translator.name}: ${problem}`),
        tooLarge: (problem) =>
          this.#giveUp(Status.RESOURCE_EXHAUSTED, `request message of ${translator.name}: ${problem}`),
      },
      parts,
    );
    this.#response = new JsonResponse(attempt, stream, translator, parts);
    stream.source = this.#stage.credit;
    stream.receiver = this.#response;
    attempt.ended = () => {
      this.#stage.stop();
      this.#response.stop();
    };
  }

  get source(): Flow | null {
    return this.#stage.credit.to;
  }

  set source(flow: Flow | null) {
    this.#stage.credit.to = flow;
  }

  consumed(bytes: number): void {
    this.#response.left(bytes);
  }

  head(head: Head): void {
    this.#stage.coding = field(head.fields, "grpc-encoding") ?? "";
    this.#stream.head(this.#parts.heads.request(head));
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#stage.data(bytes, start, end);
  }

  end(trailers: Head | null): void {
    this.#trailers = trailers;
    this.#stage.end();
  }

  abort(reason: Abort): void {
    this.#stage.stop();
    this.#stream.abort(reason);
  }

  #badEnvelope(error: EnvelopeError): void {
    const code = error.kind === "length" ? Status.RESOURCE_EXHAUSTED : Status.INVALID_ARGUMENT;
    this.#giveUp(code, `request ${describeEnvelopeError(error, this.#parts.maxMessageBytes)}`);
  }

  #giveUp(code: number, message: string): void {
    this.#attempt.giveUp(code, message, false);
  }
}

/** The answer to an attempt, from protobuf to JSON. */
class JsonResponse implements Receiver {
  readonly #attempt: Attempt;
  readonly #parts: StageParts;
  readonly #stream: Stream;
  readonly #stage: MessageStage;
  /** The body is not to be translated: it is no gRPC, or comes after the end. */
  #raw = false;
  #trailers: Head | null = null;

  constructor(attempt: Attempt, stream: Stream, translator: Translator, parts: StageParts) {
    this.#attempt = attempt;
    this.#parts = parts;
    this.#stream = stream;
    const where = `response message of ${translator.name}, endpoint ${attempt.endpoint.label}`;
    this.#stage = new MessageStage(
      {
        translate: (bytes) => translator.response(bytes),
        extend: (type) => translator.extend(type),
        alive: () => !attempt.over,
        send: (bytes) => attempt.data(bytes, 0, bytes.length),
        finish: () => attempt.end(this.#trailers),
        badEnvelope: (error) => this.#badEnvelope(error),
        badMessage: (problem) => this.#giveUp(Status.INTERNAL, `${where}: ${problem}`),
        tooLarge: (problem) => this.#giveUp(Status.RESOURCE_EXHAUSTED, `${where}: ${problem}`),
      },
      parts,
    );
    this.#stage.credit.to = stream;
  }

  /** Nothing more of the answer is wanted. */
  stop(): void {
    this.#stage.stop();
  }

  /** Bytes of the answer have left for the client. */
  left(bytes: number): void {
    if (this.#raw) this.#stream.consumed(bytes);
    else this.#stage.credit.consumed(bytes);
  }

  head(head: Head): void {
    const translatable = isProtobufAnswer(head);
    this.#raw = !translatable || isTrailersOnly(head);
    this.#stage.coding = field(head.fields, "grpc-encoding") ?? "";
    this.#attempt.head(translatable ? this.#parts.heads.response(head) : head);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#raw) this.#attempt.data(bytes, start, end);
    else this.#stage.data(bytes, start, end);
  }

  end(trailers: Head | null): void {
    if (this.#raw) {
      this.#attempt.end(trailers);
      return;
    }
    this.#trailers = trailers;
    this.#stage.end();
  }

  abort(reason: Abort): void {
    this.#stage.stop();
    this.#attempt.abort(reason);
  }

  #badEnvelope(error: EnvelopeError): void {
    const failed = this.#trailers !== null && statusOf(this.#trailers.fields) !== Status.OK;
    if (error.kind === "truncated" && failed) {
      // The pod failed in the middle of a message, and says how.
      this.#attempt.end(this.#trailers);
      return;
    }
    const code = error.kind === "length" ? Status.RESOURCE_EXHAUSTED : Status.INTERNAL;
    const { maxMessageBytes } = this.#parts;
    this.#giveUp(
      code,
      `response of endpoint ${this.#attempt.endpoint.label}: ${describeEnvelopeError(error, maxMessageBytes)}`,
    );
  }

  /** What the pod sent cannot be told in JSON. */
  #giveUp(code: number, message: string): void {
    this.#attempt.giveUp(code, message, code === Status.INTERNAL);
  }
}
