import { Budget } from "../../../src/http2/budget.ts";
import { ClientConnection } from "../../../src/http2/client-connection.ts";
import type { Connection } from "../../../src/http2/connection.ts";
import { errorCodeName } from "../../../src/http2/error-code.ts";
import { Flusher } from "../../../src/http2/flusher.ts";
import { defaultKeepalive, type KeepaliveOptions } from "../../../src/http2/keepalive.ts";
import { defaultHttp2Limits, type Http2Limits } from "../../../src/http2/limits.ts";
import type { Head, Receiver } from "../../../src/http2/receiver.ts";
import { ServerConnection } from "../../../src/http2/server-connection.ts";
import type { Stream } from "../../../src/http2/stream.ts";
import { concat, MemoryStream } from "../../support/memory-stream.ts";
import * as frames from "./frames.ts";
import { SentReader } from "./read-frames.ts";
import { Recorder } from "./recorder.ts";
import type { Run } from "./scripted.ts";

/** Fields of a call that stands for any other. */
export const request = [":method", "POST", ":scheme", "http", ":path", "/a.B/C", ":authority", "a"] as const;
export const requestText = "head :method: POST, :scheme: http, :path: /a.B/C, :authority: a";
export const response = [":status", "200"] as const;

export function head(...fields: string[]): Head {
  return { fields, neverIndexed: null, memo: undefined };
}

/**
 * One connection of ours with a test at the other end of its byte stream. The test sends frames and reads what came of them;
 * a turn of the event loop, in which writes are gathered, ends when `turn` or `receive` returns.
 */
export class Rig<C extends Connection> {
  readonly stream = new MemoryStream();
  readonly budget: Budget;
  readonly flusher = new Flusher((run) => this.#soon.push(run));
  /** All that happened, for comparing runs of a script with bytes cut otherwise. */
  readonly log: string[] = [];
  /** What the engine told its owner. */
  readonly events: string[] = [];
  /** Messages about mistakes of ours: a test that provokes one empties it. */
  internalErrors: string[] = [];
  connection!: C;
  readonly #run: Run;
  readonly #reader = new SentReader();
  #soon: (() => void)[] = [];

  constructor(run: Run, budget: Budget) {
    this.#run = run;
    this.budget = budget;
  }

  /** Bytes arrive, cut as the run wants it, in one turn. */
  receive(...pieces: Uint8Array[]): void {
    for (const chunk of this.#run.cut(concat(pieces))) this.stream.deliver(chunk);
    this.turn();
  }

  /** Does something of ours, and then what was put off to the end of the turn. */
  turn(run?: () => void): void {
    run?.();
    for (let next = this.#soon.shift(); next !== undefined; next = this.#soon.shift()) next();
  }

  /** Lines of the frames that have been sent since the last call; see {@link SentReader}. The peer has read them then. */
  sent(): string[] {
    this.turn();
    const lines = this.#reader.read(this.stream.take());
    this.turn();
    this.log.push(...lines);
    return lines;
  }

  /** Time passes, a sweep a second. */
  seconds(count: number): void {
    for (let i = 0; i < count; i++) this.turn(() => this.connection.sweep(1_000));
  }

  /** Lets come what a byte stream tells later: that it is closed, and what waited while it was paused. */
  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await Promise.resolve();
    this.turn();
  }

  failed(message: string): void {
    if (message.startsWith("internal error")) this.internalErrors.push(message);
    else this.events.push(`failed ${message}`);
  }

  /** Closes what is open, and finds what has been left behind. */
  finish(): void {
    this.stream.close(null);
    this.turn();
    const left: string[] = [...this.internalErrors];
    if (this.connection.streams.size !== 0) left.push(`${this.connection.streams.size} streams are left`);
    if (this.budget.held !== 0) left.push(`the budget holds ${this.budget.held} bytes`);
    if (this.connection.outbound.waiting.size !== 0) left.push("streams are waiting to send");
    if (left.length > 0) throw new Error(`after the connection has closed: ${left.join("; ")}`);
    this.log.push(...this.events);
  }
}

/** A call as the server side sees it. */
export interface ServerCall {
  readonly stream: Stream;
  /** What has come of the request. */
  readonly request: Recorder;
}

export interface ServerRigOptions {
  readonly limits?: Partial<Http2Limits>;
  readonly budget?: number;
  /** Takes a request; the recorder takes it when left out, and gives credit at once. */
  readonly onRequest?: (stream: Stream, head: Head, recorder: Recorder) => Receiver;
  /** Leave out the handshake: the test does it. */
  readonly raw?: boolean;
}

export interface ServerRig extends Rig<ServerConnection> {
  /** In the order of their beginning. */
  readonly calls: ServerCall[];
  /** What has come of the requests: the events of call `index`. */
  call(index: number): readonly string[];
}

/** Ours is the server, the test the client. */
export function serverRig(run: Run, options: ServerRigOptions = {}): ServerRig {
  const calls: ServerCall[] = [];
  const rig = Object.assign(new Rig<ServerConnection>(run, new Budget(options.budget ?? Number.MAX_SAFE_INTEGER)), {
    calls,
    call: (index: number) => calls[index].request.events,
  });
  rig.connection = new ServerConnection(
    rig.stream,
    { flusher: rig.flusher, budget: rig.budget, limits: { ...defaultHttp2Limits, ...options.limits } },
    {
      request: (stream, one) => {
        const recorder = new Recorder();
        recorder.flow = stream;
        calls.push({ stream, request: recorder });
        if (one.overflow !== "") recorder.events.push(`overflow ${one.overflow}`);
        return options.onRequest?.(stream, one, recorder) ?? recorder;
      },
      failed: (message) => rig.failed(message),
      closed: () => rig.events.push("closed"),
    },
  );
  rig.stream.attach(rig.connection);
  run.add(rig, () => calls.flatMap((call, index) => call.request.events.map((event) => `${index}: ${event}`)));
  if (options.raw !== true) {
    rig.receive(frames.preface, frames.settings(), frames.settingsAck);
    rig.sent();
  }
  return rig;
}

export interface ClientRigOptions {
  readonly limits?: Partial<Http2Limits>;
  readonly budget?: number;
  readonly keepalive?: Partial<KeepaliveOptions>;
  /** The server's first settings. */
  readonly settings?: readonly (readonly [number, number])[];
  readonly firstStreamId?: number;
  readonly assumedConcurrentStreams?: number;
  readonly raw?: boolean;
  /** Called with the name of each event after it has been written down. */
  readonly onEvent?: (event: "ready" | "capacity" | "goaway" | "closed", connection: ClientConnection) => void;
}

/** A call as the client side sees it. */
export interface ClientCall {
  readonly stream: Stream;
  /** What has come of the response. */
  readonly response: Recorder;
}

export interface ClientRig extends Rig<ClientConnection> {
  readonly calls: ClientCall[];
  call(index: number): readonly string[];
  /** Opens a stream and sends the request's head; `end` its end, too. */
  open(end?: boolean): ClientCall;
}

/** Ours is the client, the test the server. */
export function clientRig(run: Run, options: ClientRigOptions = {}): ClientRig {
  const calls: ClientCall[] = [];
  const rig = Object.assign(new Rig<ClientConnection>(run, new Budget(options.budget ?? Number.MAX_SAFE_INTEGER)), {
    calls,
    call: (index: number) => calls[index].response.events,
    open: (end = false) => {
      const recorder = new Recorder();
      const stream = rig.connection.open(recorder);
      recorder.flow = stream;
      const call = { stream, response: recorder };
      calls.push(call);
      stream.head(head(...request));
      if (end) stream.end(null);
      return call;
    },
  });
  const event = (
    name: "ready" | "capacity" | "goaway" | "closed",
    text: string,
    connection: ClientConnection,
  ): void => {
    rig.events.push(text);
    options.onEvent?.(name, connection);
  };
  rig.connection = new ClientConnection(
    {
      flusher: rig.flusher,
      budget: rig.budget,
      limits: { ...defaultHttp2Limits, ...options.limits },
      keepalive: { ...defaultKeepalive, ...options.keepalive },
      assumedConcurrentStreams: options.assumedConcurrentStreams ?? 100,
      ...(options.firstStreamId === undefined ? {} : { firstStreamId: options.firstStreamId }),
    },
    {
      ready: (connection) => event("ready", "ready", connection),
      capacity: (connection) => event("capacity", "capacity", connection),
      turned: () => rig.events.push("turned"),
      goaway: (connection, code, debug) =>
        event("goaway", `goaway ${errorCodeName(code)}${debug === "" ? "" : `: ${debug}`}`, connection),
      closed: (connection, reason) => {
        if (reason.includes("internal error")) rig.internalErrors.push(reason);
        event("closed", reason === "" ? "closed" : `closed: ${reason}`, connection);
      },
    },
  );
  rig.connection.attach(rig.stream);
  rig.stream.attach(rig.connection);
  run.add(rig, () => calls.flatMap((call, index) => call.response.events.map((one) => `${index}: ${one}`)));
  rig.turn(() => rig.stream.open());
  if (options.raw !== true) {
    rig.stream.take();
    rig.receive(frames.settings(...(options.settings ?? [])), frames.settingsAck);
    rig.sent();
  }
  return rig;
}
