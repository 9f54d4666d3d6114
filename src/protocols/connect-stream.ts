import { localAbort } from "../http2/abort.ts";
import { ErrorCode } from "../http2/error-code.ts";
import type { Abort, Flow, Head, Receiver } from "../http2/receiver.ts";
import type { Request } from "./classify.ts";
import { clientContentType } from "./codec.ts";
import type { Downstream, Unfit } from "./downstream.ts";
import { describeEnvelopeError, EnvelopeFlag, EnvelopeGuard, envelope } from "./envelope.ts";
import { answerGuard, answerProblem, CUT_OFF, flagsProblem } from "./grpc-answer.ts";
import { copyMetadata, hasMetadata, isMetadata } from "./metadata.ts";
import { type DebugDetail, errorJson, type RpcStatus, rpcStatusOf } from "./rpc-error.ts";
import { field, ownHead, pushAccepted, Status, statusOf, statusOfAbort } from "./status.ts";

/**
 * Connect streams (Connect protocol, Streaming RPCs): gRPC's envelopes; the status and the trailers come as JSON in a last
 * envelope, and HTTP's status is always 200.
 */

/** The client's request, on its way to the call. */
export class ConnectStreamRequest implements Receiver {
  readonly #call: Receiver;
  readonly #response: ConnectStreamResponse;
  readonly #inner: Head;
  readonly #guard: EnvelopeGuard;
  readonly #maxBytes: number;
  readonly #coded: boolean;
  #over = false;

  constructor(request: Request, inner: Head, call: Receiver, response: ConnectStreamResponse, maxBytes: number) {
    this.#call = call;
    this.#response = response;
    this.#inner = inner;
    this.#guard = new EnvelopeGuard(EnvelopeFlag.COMPRESSED, maxBytes);
    this.#maxBytes = maxBytes;
    this.#coded = request.coding !== "" && request.coding !== "identity";
  }

  head(_head: Head): void {
    this.#call.head(this.#inner);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    const error = this.#guard.pass(bytes, start, end);
    if (error !== null) {
      const code = error.kind === "length" ? Status.RESOURCE_EXHAUSTED : Status.INVALID_ARGUMENT;
      this.#refuse(code, `request ${describeEnvelopeError(error, this.#maxBytes)}`);
    } else if (this.#guard.compressed && !this.#coded) {
      this.#refuse(
        Status.INTERNAL,
        "request message has the compressed flag, but no connect-content-encoding says how",
      );
    } else this.#call.data(bytes, start, end);
  }

  end(): void {
    if (this.#over) return;
    const error = this.#guard.finish();
    if (error === null) this.#call.end(null);
    else this.#refuse(Status.INVALID_ARGUMENT, `request ${describeEnvelopeError(error, this.#maxBytes)}`);
  }

  abort(reason: Abort): void {
    this.#over = true;
    this.#call.abort(reason);
  }

  #refuse(code: number, message: string): void {
    this.#over = true;
    this.#call.abort(localAbort(ErrorCode.CANCEL, message));
    this.#response.fail({ code, message, details: [] });
  }
}

/** The call's answer, on its way to the client. */
export class ConnectStreamResponse implements Downstream {
  readonly #to: Downstream;
  readonly #request: Request;
  readonly #debug: DebugDetail | undefined;
  /** Whose answer it is. */
  call: Unfit | null = null;
  #head: Head | null = null;
  #guard: EnvelopeGuard | null = null;
  #headSent = false;
  #body = false;
  #over = false;

  constructor(request: Request, to: Downstream, debug?: DebugDetail) {
    this.#request = request;
    this.#to = to;
    this.#debug = debug;
  }

  get peer(): string {
    return this.#to.peer;
  }

  get source(): Flow | null {
    return this.#to.source;
  }

  set source(flow: Flow | null) {
    this.#to.source = flow;
  }

  consumed(bytes: number): void {
    this.#to.consumed(bytes);
  }

  head(head: Head): void {
    if (this.#over) return;
    this.#head = head;
    const problem = answerProblem(head, this.#request.codec);
    if (problem !== null) {
      this.fail(problem);
      return;
    }
    // A trailers-only head holds trailers: what it says goes into the last envelope.
    const trailersOnly = statusOf(head.fields) !== null;
    this.#sendHead(trailersOnly ? this.#emptyHead(head) : this.#translate(head));
  }

  /** @param head the pod's, which says what it takes, if there is one */
  #emptyHead(head: Head | null): Head {
    const fields = [":status", "200", "content-type", clientContentType("connect-stream", this.#request.codec)];
    if (head !== null) pushAccepted(head.fields, "connect-accept-encoding", fields);
    return ownHead(fields);
  }

  #translate(head: Head): Head {
    const known = head.memo as { readonly codec: string; readonly head: Head } | undefined;
    if (known?.codec === this.#request.codec) return known.head;
    const fields = [":status", "200", "content-type", clientContentType("connect-stream", this.#request.codec)];
    const encoding = field(head.fields, "grpc-encoding");
    if (encoding !== undefined) fields.push("connect-content-encoding", encoding);
    pushAccepted(head.fields, "connect-accept-encoding", fields);
    copyMetadata(head.fields, fields);
    const translated = ownHead(fields);
    head.memo = { codec: this.#request.codec, head: translated };
    return translated;
  }

  #sendHead(head: Head): void {
    this.#headSent = true;
    this.#to.head(head);
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.#over) return;
    this.#body = true;
    this.#guard ??= answerGuard(this.#head as Head);
    const error = this.#guard.pass(bytes, start, end);
    const good = error === null ? end : this.#guard.badAt;
    if (good > start) this.#to.data(bytes, start, good);
    if (error?.kind === "flags") this.fail(flagsProblem(error.flags));
  }

  end(trailers: Head | null): void {
    if (this.#over) return;
    if (this.#cutOff()) return;
    const head = this.#head as Head;
    const trailing = trailers ?? (this.#body || statusOf(head.fields) === null ? null : head);
    this.#finish(rpcStatusOf(trailers?.fields ?? null, head.fields, this.#body), trailing);
  }

  /** What would follow half a message would be taken for the rest of it: the stream can only be broken off. */
  #cutOff(): boolean {
    if (this.#guard === null || this.#guard.finish() === null) return false;
    this.#over = true;
    this.#to.abort(localAbort(ErrorCode.INTERNAL_ERROR, CUT_OFF));
    return true;
  }

  /** A reset of the pod's, in the words of this protocol. */
  abort(reason: Abort): void {
    if (this.#over || this.#cutOff()) return;
    this.fail({ code: statusOfAbort(reason), message: reason.message, details: [] });
  }

  /** An error of our own. */
  fail(status: RpcStatus): void {
    if (this.#over) return;
    if (!this.#headSent) this.#sendHead(this.#emptyHead(this.#head));
    this.#finish(status, null);
    this.call?.unfit(status.code);
  }

  #finish(status: RpcStatus, trailers: Head | null): void {
    this.#over = true;
    const bytes = endStream(status, trailers, this.#debug);
    this.#to.data(bytes, 0, bytes.length);
    this.#to.end(null);
  }
}

const encoder = new TextEncoder();

/** How nearly every stream ends: `{}`, no error and no metadata. */
const plainEnd = envelope(EnvelopeFlag.END_STREAM, encoder.encode("{}"));

/** The last envelope: `{"error"?, "metadata"?}` (Connect protocol, EndStreamResponse). */
function endStream(status: RpcStatus, trailers: Head | null, debug: DebugDetail | undefined): Uint8Array {
  if (status.code === Status.OK && (trailers === null || !hasMetadata(trailers))) return plainEnd;
  const json: { error?: unknown; metadata?: Record<string, string[]> } = {};
  if (status.code !== Status.OK) json.error = errorJson(status, debug);
  if (trailers !== null) {
    const metadata: Record<string, string[]> = Object.create(null);
    let any = false;
    for (let i = 0; i < trailers.fields.length; i += 2) {
      const name = trailers.fields[i];
      if (!isMetadata(name)) continue;
      any = true;
      metadata[name] ??= [];
      metadata[name].push(trailers.fields[i + 1]);
    }
    if (any) json.metadata = metadata;
  }
  return envelope(EnvelopeFlag.END_STREAM, encoder.encode(JSON.stringify(json)));
}
