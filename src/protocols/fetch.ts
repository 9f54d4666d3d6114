import { localAbort } from "../http2/abort.ts";
import { ErrorCode } from "../http2/error-code.ts";
import type { Abort, Flow, Head, Receiver } from "../http2/receiver.ts";
import { visible } from "../http2/visible.ts";
import type { Clock, Timer } from "../runtime/machine.ts";
import type { Downstream } from "./downstream.ts";
import { ownHead } from "./status.ts";
import { WaitingPieces } from "./waiting-pieces.ts";

/** What a client may still send after it was answered, before its connection is given up rather than read to the end. */
export const DISCARD_BYTES = 262_144;

/**
 * How long an answer that has ended before its request may wait for that. Until then the connection is kept: platforms close it
 * when the answer has ended, and a client that is still sending then may lose an answer that it has not read.
 */
export const LINGER_MS = 1_000;

/** Gives a request to whoever takes it: see entrance.ts. */
export type Enter = (downstream: Downstream, head: Head) => Receiver;

/** Bytes of a request's body that may be under way to the pod before more is read. */
const READ_AHEAD_BYTES = 262_144;
/** Bytes of an answer that may wait for the client before the pod gets no more credit. */
const WRITE_AHEAD_BYTES = 65_536;

/**
 * One call in fetch's form, for platforms that accept the connections themselves. The answer resolves with its head, and its body streams.
 * @param peer the client's address, for logs
 * @param clock null: an answer that ends before its request does not wait for it
 * @throws (rejects) when the request's body was read, or is being read, by somebody else
 */
export function enterFetch(
  request: Request,
  enter: Enter,
  peer = "",
  clock: Pick<Clock, "timer"> | null = null,
): Promise<Response> {
  return new Promise((resolve) => {
    if (request.signal.aborted) {
      resolve(goneAnswer());
      return;
    }
    const downstream = new FetchDownstream(request, readerOf(request), resolve, peer, clock);
    const head = requestHead(request);
    downstream.start(enter(downstream, head), head);
  });
}

/** For a client that is gone, and reads nothing: nginx's status for it. */
export function goneAnswer(): Response {
  return new Response(null, { status: 499 });
}

/** What is read of a request. */
export interface WithBody {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
}

/** @returns null for a request without a body @throws when somebody else has read it, or is reading it: a part would be missing */
export function readerOf({ body, bodyUsed }: WithBody): ReadableStreamDefaultReader<Uint8Array> | null {
  if (bodyUsed || body?.locked === true)
    throw new TypeError("the request's body was read before it came to the gateway; give it a clone() of the request");
  return body?.getReader() ?? null;
}

/** A fetch request's head as a flat list. */
export function requestHead(request: Pick<globalThis.Request, "method" | "url" | "headers">): Head {
  // A fragment is the client's own, and is not sent (Fetch standard; RFC 9110 4.2.5).
  const hash = request.url.indexOf("#");
  const url = hash < 0 ? request.url : request.url.slice(0, hash);
  const slashes = url.indexOf("//");
  const slash = slashes < 0 ? 0 : url.indexOf("/", slashes + 2);
  const scheme = url.slice(0, Math.max(0, slashes - 1)) || "http";
  const fields = [":method", request.method, ":scheme", scheme, ":path", slash < 0 ? "/" : url.slice(slash)];
  const host = request.headers.get("host") ?? (slashes < 0 || slash < 0 ? "" : url.slice(slashes + 2, slash));
  if (host !== "") fields.push(":authority", host);
  const named = namedByConnection(request.headers);
  for (const [name, value] of request.headers) {
    if (name !== "host" && named?.includes(name) !== true) fields.push(name, value);
  }
  return ownHead(fields);
}

/** RFC 9110 7.6.1: the fields that `connection` names go no further, whatever they are. Null for none, as nearly always. */
export function namedByConnection(headers: Headers): readonly string[] | null {
  const connection = headers.get("connection");
  if (connection === null || connection === "keep-alive" || connection === "close") return null;
  return connection.toLowerCase().match(/[!#$%&'*+\-.^_`|~0-9a-z]+/g);
}

class FetchDownstream implements Downstream {
  source: Flow | null = null;
  readonly peer: string;
  readonly #request: Request;
  /** The request's body; null for none. */
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | null;
  readonly #resolve: (response: Response) => void;
  readonly #onAbort = (): void => this.#abandon("the client went away");
  #receiver: Receiver | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** Request bytes that were given to the call and have not left. */
  #inFlight = 0;
  #resume: (() => void) | null = null;
  /** What waits for the client besides the one piece that its stream has: pieces are put together here. */
  readonly #held = new WaitingPieces();
  /** Answer bytes that the pod has had no credit for. */
  #waiting = 0;
  #headSent = false;
  #discarded = 0;
  #over = false;
  readonly #clock: Pick<Clock, "timer"> | null;
  /** Nothing more of the request is to be read. */
  #requested = false;
  /** Runs while an answer waits for the request's end. */
  #lingering: Timer | null = null;

  constructor(
    request: Request,
    reader: ReadableStreamDefaultReader<Uint8Array> | null,
    resolve: (response: Response) => void,
    peer: string,
    clock: Pick<Clock, "timer"> | null,
  ) {
    this.#request = request;
    this.#reader = reader;
    this.#resolve = resolve;
    this.peer = peer;
    this.#clock = clock;
    this.#requested = reader === null;
  }

  start(receiver: Receiver, head: Head): void {
    this.#receiver = receiver;
    this.#request.signal.addEventListener("abort", this.#onAbort);
    receiver.head(head);
    void this.#read(receiver).finally(() => this.#requestOver());
  }

  // ── The request ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async #read(receiver: Receiver): Promise<void> {
    const reader = this.#reader;
    if (reader !== null) {
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (this.#over) {
            // The answer is out already: the rest is read, so that the connection serves the next request.
            if (done) return;
            this.#discarded += value.length;
            if (this.#discarded <= DISCARD_BYTES) continue;
            reader.cancel().catch(() => {});
            return;
          }
          if (done) break;
          this.#inFlight += value.length;
          receiver.data(value, 0, value.length);
          if (this.#inFlight > READ_AHEAD_BYTES) {
            await new Promise<void>((resolve) => {
              this.#resume = resolve;
            });
          }
        }
      } catch {
        this.#abandon("the request's body broke off");
        return;
      }
    }
    this.#requested = true;
    if (!this.#over) receiver.end(null);
  }

  #requestOver(): void {
    this.#requested = true;
    if (this.#lingering === null) return;
    this.#lingering.cancel();
    this.#lingering = null;
    this.#close();
  }

  consumed(bytes: number): void {
    this.#inFlight -= bytes;
    if (this.#inFlight <= READ_AHEAD_BYTES) this.#go();
  }

  #go(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  /** The client is gone: the call hears of it as of a reset. */
  #abandon(message: string): void {
    if (this.#over) return;
    this.#finish();
    this.#receiver?.abort(localAbort(ErrorCode.CANCEL, message));
    // A body that comes otherwise than from the client does not end by itself.
    if (!this.#requested) this.#reader?.cancel().catch(() => {});
    if (!this.#headSent) this.#resolve(goneAnswer());
    else this.#close();
  }

  // ── The answer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  head(head: Head): void {
    if (this.#over) return;
    this.#headSent = true;
    const headers = new Headers();
    for (let i = 2; i < head.fields.length; i += 2) headers.append(head.fields[i], visible(head.fields[i + 1]));
    const status = Number(head.fields[1]);
    const bodyless = status === 204 || status === 304 || this.#request.method === "HEAD";
    const body = bodyless ? null : this.#body();
    // Cloudflare Workers would compress a body that says that it is compressed; this one is already. Others do not know the word.
    const init: ResponseInit & { encodeBody: "manual" } = { status, headers, encodeBody: "manual" };
    this.#resolve(new Response(body, init));
  }

  #body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: (controller) => {
          const piece = this.#held.take();
          if (piece !== undefined) controller.enqueue(piece);
          this.#drained(controller);
        },
        cancel: () => {
          this.#requestOver();
          this.#abandon("the client went away");
        },
      },
      // Bytes are counted here, because `pull` must come as soon as something was taken.
      { highWaterMark: WRITE_AHEAD_BYTES, size: (chunk) => chunk?.length ?? 0 },
    );
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    const controller = this.#controller;
    if (this.#over || controller === null) return;
    // A copy: the stream hands it on, and nobody may see the rest of the chunk.
    const piece: Uint8Array = Uint8Array.prototype.slice.call(bytes, start, end);
    if (controller.desiredSize === WRITE_AHEAD_BYTES && this.#held.bytes === 0) controller.enqueue(piece);
    else this.#held.add(piece);
    this.#waiting += piece.length;
    this.#drained(controller);
  }

  /** The pod gets credit while not too much waits. */
  #drained({ desiredSize }: ReadableStreamDefaultController<Uint8Array>): void {
    if ((desiredSize ?? 0) <= this.#held.bytes) return;
    const bytes = this.#waiting;
    this.#waiting = 0;
    if (bytes > 0) this.source?.consumed(bytes);
  }

  end(_trailers: Head | null): void {
    if (this.#over) return;
    for (let piece = this.#held.take(); piece !== undefined; piece = this.#held.take())
      this.#controller?.enqueue(piece);
    this.#finish();
    if (this.#requested || this.#clock === null) this.#close();
    else this.#lingering = this.#clock.timer(() => this.#requestOver(), LINGER_MS);
  }

  #close(): void {
    try {
      this.#controller?.close();
    } catch {
      // The client cancelled in the same moment.
    }
  }

  abort(reason: Abort): void {
    if (this.#over) return;
    this.#finish();
    if (!this.#headSent) this.#resolve(new Response(null, { status: 502 }));
    else this.#fail(reason.message);
  }

  #fail(message: string): void {
    try {
      this.#controller?.error(new Error(message));
    } catch {
      // Already closed.
    }
  }

  #finish(): void {
    this.#over = true;
    this.#request.signal.removeEventListener("abort", this.#onAbort);
    this.#go();
  }
}
