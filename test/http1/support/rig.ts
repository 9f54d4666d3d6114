import { expect } from "vitest";
import type { Exchange } from "../../../src/http1/exchange.ts";
import { CommonFields } from "../../../src/http1/response-head.ts";
import { Http1Connection } from "../../../src/http1/server-connection.ts";
import { Budget } from "../../../src/http2/budget.ts";
import { Flusher } from "../../../src/http2/flusher.ts";
import { defaultHttp2Limits, type Http2Limits } from "../../../src/http2/limits.ts";
import type { Abort, Head, Receiver } from "../../../src/http2/receiver.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { MemoryStream } from "../../support/memory-stream.ts";

export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
export const ownHead = (...fields: string[]): Head => ({ fields, neverIndexed: null, memo: undefined });

/** A request as the call behind the connection sees it. Checks that it is told things in their order, and nothing after the end. */
export class Seen implements Receiver {
  readonly exchange: Exchange;
  readonly fields: readonly string[];
  readonly #consumes: boolean;
  body = "";
  ended = false;
  aborted: Abort | null = null;
  /** Bytes of the answer that have left. */
  credited = 0;
  onEnd: () => void = () => {};
  onData: () => void = () => {};

  constructor(exchange: Exchange, head: Head, consumes: boolean) {
    this.exchange = exchange;
    this.fields = head.fields;
    this.#consumes = consumes;
    exchange.source = {
      consumed: (count) => {
        this.credited += count;
      },
    };
  }

  get path(): string {
    return this.fields[this.fields.indexOf(":path") + 1];
  }

  get method(): string {
    return this.fields[this.fields.indexOf(":method") + 1];
  }

  head(): void {}

  data(from: Uint8Array, start: number, end: number): void {
    expect(this.ended || this.aborted !== null || this.exchange.over, "data after the end").toBe(false);
    this.body += latin1(from.subarray(start, end));
    if (this.#consumes) this.exchange.consumed(end - start);
    this.onData();
  }

  end(): void {
    expect(this.ended || this.aborted !== null || this.exchange.over, "a second end").toBe(false);
    this.ended = true;
    this.onEnd();
  }

  abort(reason: Abort): void {
    expect(this.aborted, "a second abort").toBe(null);
    this.aborted = reason;
  }

  /** A whole answer. */
  answer(body: string, ...fields: string[]): void {
    this.exchange.head(ownHead(":status", "200", ...fields));
    if (body !== "") this.exchange.data(bytesOf(body), 0, body.length);
    this.exchange.end(null);
  }
}

/** A connection on a stream in memory, whose other ends a test plays. */
export class Rig {
  readonly stream = new MemoryStream("client");
  readonly requests: Seen[] = [];
  readonly failures: string[] = [];
  readonly budget: Budget;
  readonly connection: Http1Connection;
  closed = 0;
  /** Request bytes leave at once. */
  consumes = true;
  onHead: (request: Seen) => void = () => {};
  onEnd: (request: Seen) => void = () => {};
  onData: (request: Seen) => void = () => {};
  #soon: (() => void)[] = [];

  constructor(limits: Partial<Http2Limits> = {}, budget = new Budget(1 << 20)) {
    this.budget = budget;
    this.connection = new Http1Connection(
      this.stream,
      false,
      {
        flusher: new Flusher((run) => this.#soon.push(run)),
        budget,
        limits: { ...defaultHttp2Limits, ...limits },
        common: new CommonFields(new FakeClock(), null),
      },
      {
        request: (exchange, head) => {
          const request = new Seen(exchange, head, this.consumes);
          request.onEnd = () => this.onEnd(request);
          request.onData = () => this.onData(request);
          this.requests.push(request);
          this.onHead(request);
          return request;
        },
        failed: (message) => this.failures.push(message),
        closed: () => {
          this.closed++;
        },
      },
    );
    this.stream.attach(this.connection);
  }

  give(...parts: string[]): void {
    for (const part of parts) this.stream.deliver(bytesOf(part));
  }

  /** Ends turns of the event loop until nothing more is to be written. */
  turn(): void {
    while (this.#soon.length > 0) for (const run of this.#soon.splice(0)) run();
  }

  /** What was sent until the end of this turn. */
  sent(): string {
    this.turn();
    return latin1(this.stream.take());
  }

  async sweep(seconds: number): Promise<void> {
    for (let i = 0; i < seconds && !this.stream.isClosed; i++) {
      this.connection.sweep(1_000);
      await Promise.resolve();
    }
  }

  /** The connection goes away; whatever has happened before, everything has been told its end, and nothing was our mistake. */
  async finish(): Promise<void> {
    this.turn();
    await Promise.resolve();
    this.stream.close();
    this.turn();
    expect(this.closed).toBe(1);
    expect(this.failures.filter((message) => message.startsWith("internal error"))).toEqual([]);
    for (const { exchange, ended, aborted } of this.requests) {
      expect(exchange.over, "an exchange that is not over").toBe(true);
      expect(ended || aborted !== null || exchange.begun, "a request that nobody ended").toBe(true);
    }
  }
}
