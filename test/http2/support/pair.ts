import { localAbort } from "../../../src/http2/abort.ts";
import { Budget } from "../../../src/http2/budget.ts";
import { ClientConnection } from "../../../src/http2/client-connection.ts";
import { ErrorCode } from "../../../src/http2/error-code.ts";
import { Flusher } from "../../../src/http2/flusher.ts";
import { defaultKeepalive } from "../../../src/http2/keepalive.ts";
import { defaultHttp2Limits, type Http2Limits } from "../../../src/http2/limits.ts";
import type { Abort, Head, Receiver } from "../../../src/http2/receiver.ts";
import { ServerConnection } from "../../../src/http2/server-connection.ts";
import type { Stream } from "../../../src/http2/stream.ts";
import type { Random } from "../../../src/runtime/machine.ts";
import { type MemoryPair, memoryPair } from "../../support/memory-stream.ts";
import { head } from "./rig.ts";

/** What one side of a call sends. */
export interface Half {
  /** Sizes of the pieces of its body. */
  readonly pieces: readonly number[];
  readonly trailers: boolean;
  /** Resets the stream instead of ending, after so many pieces; null for a call that is not reset by this side. */
  readonly resetAfter: number | null;
}

export interface Program {
  readonly calls: readonly { readonly request: Half; readonly response: Half }[];
  readonly client: Partial<Http2Limits>;
  readonly server: Partial<Http2Limits>;
  /** Bytes of the other's output that each side's socket takes before it is full. */
  readonly highWaterMark: number;
}

/** The byte at a place of a body: tells bodies and places apart. */
function byteAt(seed: number, at: number): number {
  return (at * 31 + seed * 17 + (at >>> 8)) & 0xff;
}

/** Sends one half, a step at a time. */
class Sender {
  done = false;
  sent = 0;
  readonly #stream: Stream;
  readonly #half: Half;
  readonly #seed: number;
  #piece = 0;

  constructor(stream: Stream, half: Half, seed: number) {
    this.#stream = stream;
    this.#half = half;
    this.#seed = seed;
  }

  step(): void {
    const { pieces, resetAfter, trailers } = this.#half;
    if (this.#stream.closed) this.done = true;
    else if (this.#piece === resetAfter) {
      this.done = true;
      this.#stream.abort(localAbort(ErrorCode.CANCEL, ""));
    } else if (this.#piece < pieces.length) {
      const bytes = new Uint8Array(pieces[this.#piece++]);
      for (let i = 0; i < bytes.length; i++) bytes[i] = byteAt(this.#seed, this.sent + i);
      this.sent += bytes.length;
      this.#stream.data(bytes, 0, bytes.length);
    } else {
      this.done = true;
      this.#stream.end(trailers ? head("trailer", String(this.#seed)) : null);
    }
  }
}

/** Takes one half, and says now and then that bytes have left. */
class Sink implements Receiver {
  received = 0;
  held = 0;
  /** The most that was held at once. */
  peak = 0;
  state: "new" | "open" | "ended" | "aborted" = "new";
  trailers: Head | null = null;
  stream: Stream | null = null;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  head(_head: Head): void {
    if (this.state !== "new") throw new Error("a second head");
    this.state = "open";
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    if (this.state !== "open") throw new Error(`data while ${this.state}`);
    for (let i = start; i < end; i++) {
      if (bytes[i] !== byteAt(this.#seed, this.received)) throw new Error(`wrong byte at ${this.received}`);
      this.received++;
    }
    this.held += end - start;
    this.peak = Math.max(this.peak, this.held);
  }

  end(trailers: Head | null): void {
    if (this.state !== "open") throw new Error(`an end while ${this.state}`);
    this.state = "ended";
    this.trailers = trailers;
  }

  abort(_reason: Abort): void {
    if (this.state === "aborted") throw new Error("a second abort");
    this.state = "aborted";
  }

  consume(bytes: number): void {
    const some = Math.min(bytes, this.held);
    this.held -= some;
    this.stream?.consumed(some);
  }
}

/** One call of a program, as it turned out. */
export interface Outcome {
  readonly sent: number;
  readonly received: number;
  readonly peak: number;
  readonly state: Sink["state"];
  readonly trailers: string | null;
}

export interface PairResult {
  readonly requests: readonly Outcome[];
  readonly responses: readonly Outcome[];
  readonly held: number;
  readonly streams: number;
  readonly failures: readonly string[];
}

/**
 * Plays a program between a client's and a server's connection of ours. The order of everything comes from `random`, and so do
 * the places where the bytes are cut.
 */
export async function playPair(program: Program, random: Random): Promise<PairResult> {
  const failures: string[] = [];
  const soon: (() => void)[] = [];
  const budget = new Budget(Number.MAX_SAFE_INTEGER);
  const flusher = new Flusher((run) => soon.push(run));
  const link = memoryPair((waiting) => 1 + Math.floor(random() * Math.min(waiting, random() < 0.3 ? 20 : 70_000)));
  for (const stream of [link.a, link.b]) {
    stream.autoDrain = false;
    stream.highWaterMark = program.highWaterMark;
  }
  const requests = program.calls.map((_, i) => new Sink(2 * i));
  const responses = program.calls.map((_, i) => new Sink(2 * i + 1));
  const requestSenders: Sender[] = [];
  const responseSenders: (Sender | null)[] = program.calls.map(() => null);

  const server = new ServerConnection(
    link.b,
    { flusher, budget, limits: { ...defaultHttp2Limits, ...program.server } },
    {
      request: (stream, { fields }) => {
        const index = Number(fields[fields.indexOf(":path") + 1].slice(1));
        requests[index].stream = stream;
        stream.head(head(":status", "200", "call", String(index)));
        responseSenders[index] = new Sender(stream, program.calls[index].response, 2 * index + 1);
        return requests[index];
      },
      failed: (message) => failures.push(`server: ${message}`),
      closed: () => {},
    },
  );
  const client = new ClientConnection(
    {
      flusher,
      budget,
      limits: { ...defaultHttp2Limits, ...program.client },
      keepalive: defaultKeepalive,
      assumedConcurrentStreams: 100,
    },
    {
      ready: () => {},
      capacity: () => {},
      goaway: () => {},
      closed: (_, reason) => reason !== "" && failures.push(reason),
    },
  );
  client.attach(link.a);
  link.a.attach(client);
  link.b.attach(server);
  link.a.open();
  await settle(soon, link);

  const open = (): void => {
    if (client.capacity === 0) return;
    const index = requestSenders.length;
    const stream = client.open(responses[index]);
    responses[index].stream = stream;
    stream.head(head(":method", "POST", ":scheme", "http", ":path", `/${index}`));
    requestSenders.push(new Sender(stream, program.calls[index].request, 2 * index));
  };
  const sinks = [...requests, ...responses];
  for (;;) {
    const senders = [...requestSenders, ...responseSenders].filter((one) => one !== null && !one.done) as Sender[];
    const toOpen = program.calls.length - requestSenders.length;
    if (toOpen === 0 && senders.length === 0 && sinks.every((sink) => sink.held === 0)) {
      await settle(soon, link);
      if (sinks.every((sink) => sink.held === 0) && !responseSenders.some((one) => one !== null && !one.done)) break;
    }
    const what = random();
    if (what < 0.2 && toOpen > 0) open();
    else if (what < 0.6 && senders.length > 0) senders[Math.floor(random() * senders.length)].step();
    else if (what < 0.8) sinks[Math.floor(random() * sinks.length)].consume(1 + Math.floor(random() * 100_000));
    else if (what < 0.9) for (const run of soon.splice(0)) run();
    else await settle(soon, link);
  }
  const result = {
    requests: requests.map((sink, i) => outcome(sink, requestSenders[i])),
    responses: responses.map((sink, i) => outcome(sink, responseSenders[i])),
    held: budget.held,
    streams: client.streams.size + server.streams.size,
    failures,
  };
  client.destroy();
  server.destroy();
  await settle(soon, link);
  return result;
}

function outcome(sink: Sink, sender: Sender | null): Outcome {
  const { received, peak, state, trailers } = sink;
  return { sent: sender?.sent ?? 0, received, peak, state, trailers: trailers?.fields[1] ?? null };
}

/** Everything that is under way arrives. */
async function settle(soon: (() => void)[], link: MemoryPair): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    const busy = soon.length > 0 || link.a.untaken > 0 || link.b.untaken > 0;
    for (const run of soon.splice(0)) run();
    link.pump();
    await Promise.resolve();
    quiet = busy ? 0 : quiet + 1;
  }
}
