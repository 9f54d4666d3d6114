import type { Budget } from "../../../src/http2/budget.ts";
import type { Flusher } from "../../../src/http2/flusher.ts";
import { defaultHttp2Limits, type Http2Limits } from "../../../src/http2/limits.ts";
import type { Head, Receiver } from "../../../src/http2/receiver.ts";
import { ServerConnection } from "../../../src/http2/server-connection.ts";
import type { ByteStream, ByteStreamHandler } from "../../../src/runtime/machine.ts";
import { okHead, okTrailers } from "./fields.ts";
import { Party } from "./party.ts";

/** Pods of a test are trusting: what is tested is the gateway. */
const lenient: Http2Limits = {
  ...defaultHttp2Limits,
  maxConcurrentStreams: 1_000,
  resetsPerSecond: 100_000,
  resetsPerConnection: 1_000_000,
  earlyResets: 100_000,
  windowUpdatesPerSecond: 1_000_000,
  pingsPerSecond: 1_000_000,
};

/** A scripted pod. What a call gets for an answer is the test's to say, at once in `onHead` or `onCall`, or later. */
export class Pod {
  readonly kind = "accept";
  /** Milliseconds until a connection is established. */
  delay = 0;
  readonly calls: Party[] = [];
  readonly connections: ServerConnection[] = [];
  /** When a head has come. */
  onHead: (call: Party) => void = () => {};
  /** When a request has come whole. */
  onCall: (call: Party) => void = () => {};
  readonly #options: { readonly flusher: Flusher; readonly budget: Budget; readonly limits: Http2Limits };

  constructor(options: { readonly flusher: Flusher; readonly budget: Budget }, limits: Partial<Http2Limits> = {}) {
    this.#options = { ...options, limits: { ...lenient, ...limits } };
  }

  accept(stream: ByteStream): ByteStreamHandler {
    const connection = new ServerConnection(stream, this.#options, {
      request: (requested): Receiver => {
        const call = new ServedCall(this);
        call.attach(requested);
        this.calls.push(call);
        return call;
      },
      closed: () => {},
    });
    this.connections.push(connection);
    return connection;
  }

  get last(): Party {
    const call = this.calls.at(-1);
    if (call === undefined) throw new Error("the pod has had no call");
    return call;
  }

  /** GOAWAY as written on the wire, whatever the connection itself thinks of it. */
  goaway(lastStreamId: number, code = 0): void {
    for (const connection of this.connections) {
      if (!connection.over) connection.outbound.goaway(lastStreamId, code, "");
    }
  }
}

class ServedCall extends Party {
  readonly #pod: Pod;

  constructor(pod: Pod) {
    super();
    this.#pod = pod;
  }

  override head(head: Head): void {
    super.head(head);
    this.#pod.onHead(this);
  }

  override end(trailers: Head | null): void {
    super.end(trailers);
    this.#pod.onCall(this);
  }
}

/** Answers OK with one message. */
export function answerOk(call: Party, body: Uint8Array | null = null): void {
  call.sendHead(okHead);
  if (body !== null) call.send(body);
  call.finish(okTrailers);
}
