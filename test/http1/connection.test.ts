import { afterEach, describe, expect, test } from "vitest";
import type { Exchange } from "../../src/http1/exchange.ts";
import { CommonFields } from "../../src/http1/response-head.ts";
import { Http1Connection } from "../../src/http1/server-connection.ts";
import { Budget } from "../../src/http2/budget.ts";
import { Flusher } from "../../src/http2/flusher.ts";
import { defaultHttp2Limits, type Http2Limits } from "../../src/http2/limits.ts";
import type { Abort, Head } from "../../src/http2/receiver.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { MemoryStream } from "../support/memory-stream.ts";

const own = (...fields: string[]): Head => ({ fields, neverIndexed: null, memo: undefined });
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const text = (some: Uint8Array) => Buffer.from(some).toString("latin1");

/** One request as its receiver sees it. */
class Taken {
  readonly exchange: Exchange;
  readonly path: string;
  body = "";
  ended = false;
  aborted: Abort | null = null;
  /** Bytes of the answer that have left. */
  credited = 0;

  constructor(exchange: Exchange, path: string) {
    this.exchange = exchange;
    this.path = path;
    exchange.source = {
      consumed: (count) => {
        this.credited += count;
      },
    };
  }

  answer(body: string, ...fields: string[]): void {
    this.exchange.head(own(":status", "200", ...fields));
    if (body !== "") this.exchange.data(bytes(body), 0, body.length);
    this.exchange.end(null);
  }
}

class Setup {
  readonly stream = new MemoryStream("client");
  readonly clock = new FakeClock();
  readonly budget = new Budget(1_000);
  readonly taken: Taken[] = [];
  readonly failures: string[] = [];
  closed = 0;
  /** Request bytes leave at once. */
  consumes = true;
  /** What happens as soon as a request has ended. */
  onEnd: (taken: Taken) => void = () => {};
  /** And as soon as it has begun. */
  onHead: (taken: Taken) => void = () => {};
  readonly connection: Http1Connection;
  #soon: (() => void)[] = [];

  constructor(limits: Partial<Http2Limits> = {}) {
    this.connection = new Http1Connection(
      this.stream,
      false,
      {
        flusher: new Flusher((run) => this.#soon.push(run)),
        budget: this.budget,
        limits: { ...defaultHttp2Limits, ...limits },
        common: new CommonFields(this.clock, null),
      },
      {
        request: (exchange, head) => this.#take(exchange, head),
        failed: (message) => this.failures.push(message),
        closed: () => {
          this.closed++;
        },
      },
    );
    this.stream.attach(this.connection);
  }

  #take(exchange: Exchange, head: Head) {
    const taken = new Taken(exchange, head.fields[5]);
    this.taken.push(taken);
    return {
      head: () => this.onHead(taken),
      data: (from: Uint8Array, start: number, end: number) => {
        taken.body += text(from.subarray(start, end));
        if (this.consumes) exchange.consumed(end - start);
      },
      end: () => {
        taken.ended = true;
        this.onEnd(taken);
      },
      abort: (reason: Abort) => {
        taken.aborted = reason;
      },
    };
  }

  give(...parts: string[]): void {
    for (const part of parts) this.stream.deliver(bytes(part));
  }

  /** What was sent at the end of this turn. */
  sent(): string {
    const run = this.#soon;
    this.#soon = [];
    for (const one of run) one();
    return text(this.stream.take());
  }

  async sweep(seconds: number): Promise<void> {
    for (let i = 0; i < seconds && !this.stream.isClosed; i++) {
      this.connection.sweep(1_000);
      await Promise.resolve();
    }
  }
}

let all: Setup[] = [];
function setup(limits: Partial<Http2Limits> = {}): Setup {
  const one = new Setup(limits);
  all.push(one);
  return one;
}

afterEach(async () => {
  for (const one of all) {
    one.stream.close();
    expect(one.closed).toBe(1);
    // Whatever happened, every request has been ended or aborted, and answered or left.
    for (const { ended, aborted, exchange } of one.taken) {
      expect(ended || aborted !== null || exchange.over).toBe(true);
      expect(exchange.over).toBe(true);
    }
  }
  all = [];
});

const DATE = "date: Thu, 01 Jan 2026 00:00:00 GMT\r\n";
const KEEP = "connection: keep-alive\r\nkeep-alive: timeout=65\r\n";
const OK = (body: string) => `HTTP/1.1 200 OK\r\n${DATE}${KEEP}content-length: ${body.length}\r\n\r\n${body}`;
const POST = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const START = (path: string, length: number) => `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n`;

test("an answer: a control that HTTP/2 lets pass in a value becomes a space, as no parser of HTTP/1.1 takes it", () => {
  const s = setup();
  s.onEnd = (taken) => taken.answer("", "x-odd", "a\x01b\x7f\tc\xff");
  s.give(POST("/", ""));
  expect(s.sent()).toContain("\r\nx-odd: a b \tc\xff\r\n");
});

describe("requests", () => {
  test("a request and its answer, twice on a connection, each answer in one write", () => {
    const s = setup();
    s.onEnd = (taken) => taken.answer(`you said ${taken.body}`);
    s.give(POST("/1", "one"));
    expect(s.sent()).toBe(OK("you said one"));
    expect(s.stream.writes).toBe(1);
    s.give(POST("/1", "two"));
    expect(s.sent()).toBe(OK("you said two"));
    expect(s.taken.map(({ path }) => path)).toEqual(["/1", "/1"]);
  });

  test("it does not matter where requests are cut", () => {
    const wire = POST("/1", "body") + POST("/2", "") + POST("/1", "body");
    for (let cut = 1; cut < wire.length; cut++) {
      const s = setup();
      s.onEnd = (taken) => taken.answer(`${taken.path} ${taken.body}`);
      s.give(wire.slice(0, cut), wire.slice(cut));
      expect(s.sent(), `cut at ${cut}`).toBe(OK("/1 body") + OK("/2 ") + OK("/1 body"));
    }
  });

  test("a pipelined request waits for the answer to the one before it, unread", () => {
    const s = setup();
    s.give(POST("/1", "a") + POST("/2", "b"));
    expect(s.taken.map(({ path }) => path)).toEqual(["/1"]);
    s.taken[0].answer("first");
    expect(s.taken.map(({ path }) => path)).toEqual(["/1", "/2"]);
    s.taken[1].answer("second");
    expect(s.sent()).toBe(OK("first") + OK("second"));
  });

  test("a thousand pipelined requests that are answered at once go through no stack of a thousand calls", () => {
    const s = setup();
    s.onEnd = (taken) => taken.answer("");
    s.give(POST("/", "x").repeat(1_000));
    // A hundred a turn.
    expect(s.taken.length).toBe(100);
    expect(Array.from({ length: 11 }, () => s.sent()).join("")).toBe(OK("").repeat(1_000));
    expect(s.taken.length).toBe(1_000);
  });

  test("many pipelined requests stop the reading until they are answered", () => {
    const s = setup();
    s.give(POST("/", "x".repeat(1_000)).repeat(100));
    expect(s.stream.paused).toBe(true);
    s.onEnd = (taken) => taken.answer("");
    s.taken[0].answer("");
    expect(s.stream.paused).toBe(false);
    expect(s.taken.length).toBe(100);
  });

  test("a chunked body comes as it comes, without its frame", () => {
    const s = setup();
    s.give("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    expect(s.taken[0]).toMatchObject({ body: "abc", ended: false });
    s.give("2\r\nde\r\n0\r\n\r\n");
    expect(s.taken[0]).toMatchObject({ body: "abcde", ended: true });
    s.taken[0].answer("");
  });

  test("100 (Continue) is said to who waits for it, and not when the body has begun to come", () => {
    const s = setup();
    const head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    s.give(head);
    expect(s.sent()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    s.give("ab");
    s.taken[0].answer("");
    expect(s.sent()).toBe(OK(""));
    s.give(`${head}a`, "b");
    s.taken[1].answer("");
    expect(s.sent()).toBe(OK(""));
  });

  test("an answer before 100 (Continue) closes, because the body may come or not (RFC 9110 10.1.1)", () => {
    const s = setup();
    s.onHead = (taken) => taken.answer("no");
    s.give("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    expect(s.sent()).toBe(`HTTP/1.1 200 OK\r\n${DATE}connection: close\r\ncontent-length: 2\r\n\r\nno`);
    expect(s.stream.endedByOwner).toBe(true);
  });
});

describe("answers", () => {
  const open = (request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n") => {
    const s = setup();
    s.give(request);
    return { s, exchange: s.taken[0].exchange, taken: s.taken[0] };
  };

  test("a head goes out at the end of its turn, whatever else comes, and then data in chunks", () => {
    const { s, exchange } = open();
    exchange.head(own(":status", "200", "x", "y"));
    expect(s.sent()).toBe(`HTTP/1.1 200 OK\r\nx: y\r\n${DATE}${KEEP}transfer-encoding: chunked\r\n\r\n`);
    exchange.data(bytes("-abc-"), 1, 4);
    expect(s.sent()).toBe("3\r\nabc\r\n");
    exchange.end(null);
    expect(s.sent()).toBe("0\r\n\r\n");
  });

  test("a length that the head has stands, and the data follow as they are", () => {
    const { s, exchange } = open();
    exchange.head(own(":status", "200", "content-length", "6"));
    exchange.data(bytes("abc"), 0, 3);
    expect(s.sent()).toBe(`HTTP/1.1 200 OK\r\n${DATE}${KEEP}content-length: 6\r\n\r\nabc`);
    exchange.data(bytes("def"), 0, 3);
    exchange.end(null);
    expect(s.sent()).toBe("def");
  });

  test("no body: length 0, but none for 204", () => {
    const { s, taken } = open();
    taken.answer("");
    expect(s.sent()).toBe(OK(""));
    const none = open();
    none.exchange.head(own(":status", "204"));
    none.exchange.end(null);
    expect(none.s.sent()).toBe(`HTTP/1.1 204 No Content\r\n${DATE}${KEEP}\r\n`);
  });

  test("HEAD gets the head of the answer and no body", () => {
    const { s, taken } = open("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    taken.answer("body", "content-length", "4");
    expect(s.sent()).toBe(`HTTP/1.1 200 OK\r\n${DATE}${KEEP}content-length: 4\r\n\r\n`);
  });

  test("HTTP/1.0 gets no chunks: the connection's end is the body's", () => {
    const { s, exchange } = open("GET / HTTP/1.0\r\n\r\n");
    exchange.head(own(":status", "200"));
    expect(s.sent()).toBe(`HTTP/1.1 200 OK\r\n${DATE}connection: close\r\n\r\n`);
    exchange.data(bytes("abc"), 0, 3);
    exchange.end(null);
    expect(s.sent()).toBe("abc");
    expect(s.stream.endedByOwner).toBe(true);
  });

  test("a connection field of the answer replaces ours, and close in it closes", () => {
    const { s, taken } = open();
    taken.answer("", "connection", "upgrade, close", "upgrade", "h2c");
    expect(s.sent()).toBe(
      `HTTP/1.1 200 OK\r\nupgrade: h2c\r\n${DATE}connection: upgrade, close\r\ncontent-length: 0\r\n\r\n`,
    );
    expect(s.stream.endedByOwner).toBe(true);
  });

  test("large data do not wait for the end", () => {
    const { s, exchange } = open();
    exchange.head(own(":status", "200"));
    exchange.data(new Uint8Array(100_000), 0, 100_000);
    exchange.end(null);
    expect(s.sent()).toContain("transfer-encoding: chunked\r\n\r\n186a0\r\n");
  });

  test("an answer that breaks off is one that the client can tell: no last chunk, and FIN", () => {
    const { s, exchange } = open();
    exchange.head(own(":status", "200"));
    exchange.data(bytes("abc"), 0, 3);
    exchange.abort({ by: "reset", code: 2, unprocessed: false, message: "gone" });
    const sent = s.sent();
    expect(sent).toMatch(/\r\n\r\n3\r\nabc\r\n$/);
    expect(s.stream.endedByOwner).toBe(true);
  });

  test("an answer that breaks off before its head is a 502", () => {
    const { s, exchange } = open();
    exchange.abort({ by: "reset", code: 2, unprocessed: false, message: "gone" });
    expect(s.sent()).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
  });

  test("an answer that breaks off over HTTP/1.0 destroys the connection, because its end would be the body's", () => {
    const { s, exchange } = open("GET / HTTP/1.0\r\n\r\n");
    exchange.head(own(":status", "200"));
    exchange.data(bytes("abc"), 0, 3);
    s.sent();
    exchange.abort({ by: "reset", code: 2, unprocessed: false, message: "gone" });
    expect(s.stream.destroyedByOwner).toBe(true);
  });

  test("credit comes when bytes have left, and not before", () => {
    const { s, exchange, taken } = open();
    s.stream.autoDrain = false;
    s.stream.highWaterMark = 1_000;
    exchange.head(own(":status", "200"));
    exchange.data(new Uint8Array(5_000), 0, 5_000);
    expect(taken.credited).toBe(0);
    // More than the mark: they are with the socket, which has not taken them.
    const first = s.sent();
    expect(first.length).toBeGreaterThan(5_000);
    expect(taken.credited).toBe(5_000);
    exchange.end(null);
    s.sent();
  });
});

describe("early answers", () => {
  test("the rest of a request is read, and the connection serves the next one", () => {
    const s = setup();
    s.onHead = (taken) => taken.answer(taken.path);
    s.give(START("/1", 10), "12345");
    expect(s.sent()).toBe(OK("/1"));
    s.give(`67890${POST("/2", "")}`);
    expect(s.sent()).toBe(OK("/2"));
    expect(s.taken[0].body).toBe("");
  });

  test("a rest that is too long to be read closes the connection, and the answer says so", () => {
    const s = setup();
    s.onHead = (taken) => taken.answer("no");
    s.give(START("/", 1_000_000));
    expect(s.sent()).toContain("connection: close\r\n");
    expect(s.stream.endedByOwner).toBe(true);
  });

  test("a chunked rest that goes on closes the connection", () => {
    const s = setup();
    s.onHead = (taken) => taken.answer("no");
    s.give("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    for (let i = 0; i < 100 && !s.stream.endedByOwner; i++) s.give(`1000\r\n${"x".repeat(4_096)}\r\n`);
    expect(s.stream.endedByOwner).toBe(true);
  });

  test("a rest that does not come closes the connection after headTimeout", async () => {
    const s = setup({ headTimeout: 5_000 });
    s.onHead = (taken) => taken.answer("no");
    s.give(START("/", 10));
    s.sent();
    await s.sweep(5);
    expect(s.stream.endedByOwner).toBe(false);
    await s.sweep(1);
    expect(s.stream.endedByOwner).toBe(true);
  });
});

describe("flow", () => {
  test("reading stops while too much of a body is under way, and goes on when it leaves", () => {
    const s = setup();
    s.consumes = false;
    s.give(START("/", 1_000_000), "x".repeat(262_144));
    expect(s.stream.paused).toBe(false);
    s.give("x");
    expect(s.stream.paused).toBe(true);
    s.taken[0].exchange.consumed(1);
    expect(s.stream.paused).toBe(false);
  });

  test("while the process holds too much, what is under way must leave before more is read", () => {
    const s = setup();
    s.consumes = false;
    s.budget.hold(2_000);
    s.give(START("/", 1_000), "x".repeat(10));
    expect(s.stream.paused).toBe(true);
    s.taken[0].exchange.consumed(10);
    expect(s.stream.paused).toBe(false);
    s.give("x".repeat(10));
    expect(s.stream.paused).toBe(true);
    s.budget.release(2_000);
    expect(s.stream.paused).toBe(false);
  });

  test("an answer goes out when the rest of its request is read, though reading had stopped", () => {
    const s = setup();
    s.consumes = false;
    s.give(START("/", 400_000), "x".repeat(300_000));
    expect(s.stream.paused).toBe(true);
    s.taken[0].answer("enough");
    expect(s.stream.paused).toBe(false);
    expect(s.sent()).toBe(OK("enough"));
  });
});

describe("ends", () => {
  test.each([
    ["while the request comes", START("/", 10)],
    ["while the answer is awaited", POST("/", "x")],
  ])("FIN %s cancels the call at once", (_when, wire) => {
    const s = setup();
    s.give(wire);
    s.stream.deliverEnd();
    expect(s.taken[0].aborted).toMatchObject({ by: "connection" });
    expect(s.stream.endedByOwner).toBe(true);
  });

  test("a lost connection cancels the call", () => {
    const s = setup();
    s.give(POST("/", "x"));
    s.stream.close(new Error("ECONNRESET"));
    expect(s.taken[0].aborted?.message).toBe("connection lost: ECONNRESET");
  });

  test("bytes that are no request are told so, and nothing after them is read", () => {
    const s = setup();
    s.onEnd = (taken) => taken.answer("ok");
    s.give(`${POST("/", "")}GARBAGE\r\n\r\n${POST("/never", "")}`);
    const sent = s.sent();
    expect(sent).toContain(`${OK("ok")}HTTP/1.1 400 Bad Request\r\n`);
    expect(sent).toMatch(/connection: close\r\n[\s\S]*\r\n\r\nfairlead: the request line is malformed\.\n$/);
    expect(s.taken.length).toBe(1);
    expect(s.failures).toEqual(["HTTP/1.1 400: the request line is malformed"]);
    s.give(POST("/never", ""));
    expect(s.taken.length).toBe(1);
  });

  test("a malformed chunk aborts the call, and the client is told", () => {
    const s = setup();
    s.give("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n");
    expect(s.taken[0].aborted).not.toBe(null);
    expect(s.sent()).toMatch(/^HTTP\/1\.1 400 [\s\S]*fairlead: the chunked body is malformed\.\n$/);
  });

  test("a malformed chunk after the answer has begun ends the connection without another answer", () => {
    const s = setup();
    s.give("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    s.taken[0].exchange.head(own(":status", "200"));
    s.sent();
    s.give("xyz\r\n");
    expect(s.sent()).toBe("");
    expect(s.stream.endedByOwner).toBe(true);
  });

  test("drain: an idle connection ends, a busy one says close with its answer", () => {
    const idle = setup();
    idle.connection.drain();
    expect(idle.stream.endedByOwner).toBe(true);
    const busy = setup();
    busy.give(POST("/", ""));
    busy.connection.drain();
    expect(busy.stream.endedByOwner).toBe(false);
    busy.taken[0].answer("last");
    expect(busy.sent()).toContain("connection: close\r\n");
    expect(busy.stream.endedByOwner).toBe(true);
  });

  test("retire: a connection that has just come gets one answer", () => {
    const s = setup();
    s.connection.retire();
    s.onEnd = (taken) => taken.answer("only");
    s.give(POST("/1", "") + POST("/2", ""));
    expect(s.sent()).toContain("connection: close\r\n");
    expect(s.taken.length).toBe(1);
  });

  test("retire: an answer that has begun without a word of it leaves the connection for one more", () => {
    const s = setup();
    s.give(POST("/1", ""));
    s.taken[0].exchange.head(own(":status", "200"));
    expect(s.sent()).not.toContain("connection: close");
    s.connection.retire();
    s.taken[0].exchange.end(null);
    expect(s.stream.endedByOwner).toBe(false);
    s.onEnd = (taken) => taken.answer("last");
    s.give(POST("/2", ""));
    expect(s.sent()).toContain("connection: close\r\n");
    expect(s.stream.endedByOwner).toBe(true);
  });

  test("retire: an idle connection stays until it is drained", () => {
    const s = setup();
    s.connection.retire();
    expect(s.stream.endedByOwner).toBe(false);
    s.connection.drain();
    expect(s.stream.endedByOwner).toBe(true);
    const drained = setup();
    drained.give(POST("/1", ""));
    drained.taken[0].exchange.head(own(":status", "200"));
    drained.connection.drain();
    // It takes nothing back.
    drained.connection.retire();
    drained.taken[0].exchange.end(null);
    expect(drained.stream.endedByOwner).toBe(true);
  });

  test("drain: while an answer streams, the connection ends after it", () => {
    const s = setup();
    s.give(POST("/", ""));
    s.taken[0].exchange.head(own(":status", "200"));
    s.sent();
    s.connection.drain();
    s.taken[0].exchange.end(null);
    expect(s.sent()).toBe("0\r\n\r\n");
    expect(s.stream.endedByOwner).toBe(true);
  });

  test.each([
    ["nothing comes", ""],
    ["a head stops", "POST / HTTP/1.1\r\nhost:"],
  ])("when %s, the connection is destroyed after headTimeout", async (_what, wire) => {
    const s = setup({ headTimeout: 3_000 });
    s.give(wire);
    await s.sweep(3);
    expect(s.stream.isClosed).toBe(false);
    await s.sweep(1);
    expect(s.stream.isClosed).toBe(true);
  });

  test("between requests a connection may be idle for 65 s, and then a head must come in time", async () => {
    const s = setup({ headTimeout: 3_000 });
    s.onEnd = (taken) => taken.answer("");
    s.give(POST("/", ""));
    s.sent();
    await s.sweep(60);
    s.give(POST("/", "").slice(0, 5));
    await s.sweep(3);
    expect(s.stream.isClosed).toBe(false);
    // The one in which it began does not count.
    await s.sweep(2);
    expect(s.stream.isClosed).toBe(true);
    const idle = setup();
    idle.onEnd = (taken) => taken.answer("");
    idle.give(POST("/", ""));
    idle.sent();
    await idle.sweep(65);
    expect(idle.stream.isClosed).toBe(false);
    await idle.sweep(1);
    expect(idle.stream.isClosed).toBe(true);
  });

  test("a client that takes nothing of its answer is ended after stallTimeout, and the call hears of it", async () => {
    const s = setup({ stallTimeout: 5_000 });
    s.stream.autoDrain = false;
    s.give(POST("/", ""));
    s.taken[0].exchange.head(own(":status", "200"));
    s.taken[0].exchange.data(new Uint8Array(100_000), 0, 100_000);
    s.connection.flush();
    await s.sweep(7);
    expect(s.stream.isClosed).toBe(true);
    expect(s.taken[0].aborted?.message).toBe("the client took no data for too long");
  });

  test("what waits for a client counts for the whole process, and while that holds too much it must move", async () => {
    const s = setup({ stallTimeout: 60_000 });
    s.stream.autoDrain = false;
    s.give(POST("/", ""));
    s.taken[0].exchange.head(own(":status", "200"));
    s.taken[0].exchange.data(new Uint8Array(100_000), 0, 100_000);
    s.connection.flush();
    expect(s.budget.held).toBeGreaterThan(100_000);
    expect(s.budget.exhausted).toBe(true);
    await s.sweep(1);
    expect(s.stream.isClosed).toBe(false);
    await s.sweep(2);
    expect(s.stream.isClosed).toBe(true);
    expect(s.budget.held).toBe(0);
  });

  test("what waits for a client is not counted any more when it has left", () => {
    const s = setup();
    s.stream.autoDrain = false;
    s.onEnd = (taken) => taken.answer("x".repeat(100_000));
    s.give(POST("/", ""));
    s.connection.flush();
    expect(s.budget.held).toBeGreaterThan(100_000);
    s.stream.take();
    expect(s.budget.held).toBe(0);
  });

  test("a mistake of ours ends the connection and no other", () => {
    const s = setup();
    s.onHead = () => {
      throw new Error("on purpose");
    };
    s.give(POST("/", ""));
    expect(s.failures[0]).toContain("internal error: Error: on purpose");
    expect(s.stream.destroyedByOwner).toBe(true);
    expect(s.taken[0].aborted).not.toBe(null);
  });
});
