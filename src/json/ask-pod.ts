import type { Endpoint, StreamWaiter } from "../balancing/endpoint.ts";
import { localAbort } from "../http2/abort.ts";
import type { ClientConnection } from "../http2/client-connection.ts";
import { ErrorCode } from "../http2/error-code.ts";
import type { Abort, Head, Receiver } from "../http2/receiver.ts";
import type { Stream } from "../http2/stream.ts";
import { envelope } from "../protocols/envelope.ts";
import { rpcStatusOf } from "../protocols/rpc-error.ts";
import { field, ownHead, Status, statusOf } from "../protocols/status.ts";
import type { Clock, Inflate, Timer } from "../runtime/machine.ts";
import { type Message, MessageReader } from "./message-reader.ts";
import { decodeReply, encodeQuestion, type Question, readFileNames } from "./reflection-codec.ts";
import type { Files } from "./schema.ts";

/** The two names of the service. */
export const REFLECTION_APIS = [
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
] as const;

/** What came of asking a pod for a symbol. */
export type Asked =
  /** The file that defines it, and all that those import which are not known yet. */
  | { readonly kind: "files"; readonly files: Files; readonly generation: number }
  /** The pod has reflection, and not the symbol. */
  | { readonly kind: "unknown"; readonly generation: number }
  /** The pod does not have this reflection service. */
  | { readonly kind: "unimplemented"; readonly generation: number }
  /** It has it and does not answer to us, or not to this question. */
  | { readonly kind: "refused"; readonly what: "all" | "symbol"; readonly message: string; readonly generation: number }
  /** No stream, or it broke off: the pod is gone. */
  | { readonly kind: "lost"; readonly message: string };

/** How long a pod may take to answer everything. */
const PATIENCE_MS = 5_000;
/** Of descriptors, for one symbol; large monorepos have a few MiB. */
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_FILES = 10_000;

export interface AskParts {
  readonly clock: Clock;
  /** `:authority` of the question. */
  readonly authority: string;
  /** One of {@link REFLECTION_APIS}. */
  readonly api: string;
  readonly symbol: string;
  /** Files that need not be asked for. */
  readonly known: Files;
  /** For servers that compress whatever they answer: it is not asked for. */
  readonly inflate: Inflate;
}

/** Asks one very pod for the file that defines a symbol, and for what it imports, over a stream of its own. */
export function askPod(endpoint: Endpoint, parts: AskParts): Promise<Asked> {
  return new Promise((resolve) => new Asking(endpoint, parts, resolve).start());
}

class Asking implements StreamWaiter, Receiver {
  readonly #endpoint: Endpoint;
  readonly #parts: AskParts;
  readonly #resolve: (asked: Asked) => void;
  readonly #reader = new MessageReader(MAX_BYTES);
  readonly #files = new Map<string, Uint8Array>();
  /** Files asked for, or known, or refused. */
  readonly #wanted: Set<string>;
  /** What the files that have come import. */
  #imported = new Set<string>();
  /** Not answered yet, in order; servers answer in order. */
  readonly #questions: Question[];
  #bytes = 0;
  #first = true;
  #stream: Stream | null = null;
  #timer: Timer | null = null;
  /** Of the endpoint, when it was first asked. */
  #generation = -1;
  #head: Head | null = null;
  #over = false;

  constructor(endpoint: Endpoint, parts: AskParts, resolve: (asked: Asked) => void) {
    this.#endpoint = endpoint;
    this.#parts = parts;
    this.#resolve = resolve;
    this.#wanted = new Set(parts.known.keys());
    this.#questions = [{ symbol: parts.symbol }];
  }

  start(): void {
    if (this.#endpoint.draining) {
      this.refused(`${this.#endpoint.label} has left the backend`);
      return;
    }
    this.#timer = this.#parts.clock.timer(() => this.#late(), PATIENCE_MS);
    this.#endpoint.request(this);
  }

  // ── The stream ──────────────────────────────────────────────────────────────────────────────────────────────────────

  opened(connection: ClientConnection): void {
    const { generation } = this.#endpoint;
    if (this.#generation >= 0 && generation !== this.#generation) {
      this.refused("the pod was replaced");
      return;
    }
    this.#generation = generation;
    const stream = connection.open(this);
    this.#stream = stream;
    const { authority, api } = this.#parts;
    const fields = [":method", "POST", ":scheme", "http", ":path", `/${api}/ServerReflectionInfo`];
    if (authority !== "") fields.push(":authority", authority);
    fields.push("content-type", "application/grpc+proto", "te", "trailers");
    stream.head(ownHead(fields));
    for (const question of this.#questions) this.#ask(question);
  }

  refused(message: string): void {
    this.#finish({ kind: "lost", message });
  }

  #ask(question: Question): void {
    const bytes = envelope(0, encodeQuestion(question));
    this.#stream?.data(bytes, 0, bytes.length);
  }

  // ── The answers ─────────────────────────────────────────────────────────────────────────────────────────────────────

  head(head: Head): void {
    this.#head = head;
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#stream?.consumed(end - start);
    if (this.#over) return;
    if (statusOf(this.#head?.fields ?? []) !== null || this.#head?.fields[1] !== "200") return;
    this.#bytes += end - start;
    if (this.#bytes > MAX_BYTES) {
      this.#refuse("symbol", `more than ${MAX_BYTES} bytes of descriptors`);
      return;
    }
    this.#reader.add(bytes, start, end);
    for (let next = this.#reader.next(); next !== null && !this.#over; next = this.#reader.next()) {
      const message = "error" in next ? null : this.#inflated(next);
      if (message === null) this.#refuse("symbol", "its answer is malformed");
      else this.#read(message);
    }
    this.#reader.settle();
  }

  #inflated({ compressed, bytes }: Message): Uint8Array | null {
    if (!compressed) return bytes;
    if (field(this.#head?.fields ?? [], "grpc-encoding") !== "gzip") return null;
    const inflated = this.#parts.inflate(bytes, MAX_BYTES - this.#bytes);
    if (typeof inflated === "string") return null;
    this.#bytes += inflated.length;
    return inflated;
  }

  #read(bytes: Uint8Array): void {
    try {
      const reply = decodeReply(bytes);
      if ("files" in reply) for (const file of reply.files) this.#take(file);
      // A file that is imported and is not to be had may define nothing that is needed.
      else if (this.#first) {
        const generation = this.#generation;
        if (reply.code === Status.NOT_FOUND) this.#end({ kind: "unknown", generation });
        else if (reply.code === Status.UNIMPLEMENTED) this.#end({ kind: "unimplemented", generation });
        else this.#refuse("symbol", `code ${reply.code}: ${reply.message.slice(0, 200)}`);
        return;
      }
    } catch {
      this.#refuse("symbol", "its answer is malformed");
      return;
    }
    this.#answered();
  }

  #answered(): void {
    this.#first = false;
    this.#questions.shift();
    if (this.#questions.length === 0) this.#complete();
  }

  #take(file: Uint8Array): void {
    const { name, dependencies } = readFileNames(file);
    this.#files.set(name, file);
    this.#wanted.add(name);
    for (const dependency of dependencies) this.#imported.add(dependency);
  }

  /** Asks for what is imported and has not come, until nothing is missing. */
  #complete(): void {
    const missing = [...this.#imported].filter((name) => !this.#wanted.has(name));
    this.#imported = new Set();
    if (missing.length === 0) {
      this.#end({ kind: "files", files: this.#files, generation: this.#generation });
      return;
    }
    if (this.#wanted.size + missing.length > MAX_FILES) {
      this.#refuse("symbol", `more than ${MAX_FILES} files`);
      return;
    }
    for (const file of missing) {
      this.#wanted.add(file);
      this.#questions.push({ file });
      if (this.#stream !== null) this.#ask({ file });
    }
  }

  end(trailers: Head | null): void {
    if (this.#over) {
      this.#timer?.cancel();
      return;
    }
    const { code, message } = rpcStatusOf(trailers?.fields ?? null, this.#head?.fields ?? []);
    const generation = this.#generation;
    if (code === Status.UNIMPLEMENTED) this.#finish({ kind: "unimplemented", generation });
    else if (code === Status.NOT_FOUND) this.#endedByAnswer();
    else if (code === Status.UNAVAILABLE || code === Status.CANCELLED) this.#finish({ kind: "lost", message });
    else this.#finish(refusal("all", `code ${code}: ${message.slice(0, 200)}`, generation));
  }

  /** tonic's way to say that it does not have what was asked for: it ends the call. What is left is asked in another. */
  #endedByAnswer(): void {
    if (this.#first) {
      this.#finish({ kind: "unknown", generation: this.#generation });
      return;
    }
    this.#stream = null;
    this.#head = null;
    this.#reader.drop();
    this.#answered();
    if (!this.#over) this.#endpoint.request(this);
  }

  abort(reason: Abort): void {
    if (this.#over) this.#timer?.cancel();
    else if (reason.by === "connection" || reason.unprocessed) this.#finish({ kind: "lost", message: reason.message });
    else this.#finish(refusal("all", reason.message, this.#generation));
  }

  // ── The end ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** We know enough. The server ends the stream when we do, or else it is reset; what it still says is of no interest. */
  #end(asked: Asked): void {
    if (this.#stream === null) {
      this.#finish(asked);
      return;
    }
    this.#over = true;
    this.#stream.end(null);
    this.#resolve(asked);
  }

  #late(): void {
    const message = `no answer within ${PATIENCE_MS} ms`;
    if (this.#over) this.#stream?.abort(localAbort(ErrorCode.CANCEL, message));
    else this.#refuse("all", message);
  }

  #refuse(what: "all" | "symbol", message: string): void {
    if (this.#stream === null) this.#endpoint.withdraw(this);
    else this.#stream.abort(localAbort(ErrorCode.CANCEL, message));
    this.#finish(refusal(what, message, this.#endpoint.generation));
  }

  #finish(asked: Asked): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#resolve(asked);
  }
}

function refusal(what: "all" | "symbol", message: string, generation: number): Asked {
  return { kind: "refused", what, message, generation };
}
