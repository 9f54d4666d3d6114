import { afterEach, describe, expect, test } from "vitest";
import { bytesOf, ownHead, Rig } from "./support/rig.ts";

const rigs: Rig[] = [];
function rig(...args: ConstructorParameters<typeof Rig>): Rig {
  const made = new Rig(...args);
  rigs.push(made);
  return made;
}

afterEach(async () => {
  for (const one of rigs.splice(0)) await one.finish();
});

const HEAD = "POST /long HTTP/1.1\r\nhost: a\r\nx-filler: 0123456789012345678901234567890123456789\r\n\r\n";
const SHORT = "GET /short HTTP/1.1\r\nhost: a\r\n\r\n";

describe("heads", () => {
  test("a repeated head that came in two pieces does not hide the end of a shorter one behind it", () => {
    const r = rig();
    r.onEnd = (request) => request.answer(request.path);
    r.give(HEAD, HEAD.slice(0, 70), HEAD.slice(70), SHORT);
    expect(r.requests.map(({ path }) => path)).toEqual(["/long", "/long", "/short"]);
    r.give(HEAD.slice(0, 70), HEAD.slice(70) + SHORT + SHORT);
    expect(r.requests.length).toBe(6);
  });

  test.each([
    ["an empty transfer-encoding beside a length", "Transfer-Encoding:\r\nContent-Length: 3"],
    ["an empty transfer-encoding alone", "Transfer-Encoding: "],
    [
      "an empty transfer-encoding, and then chunked, beside a length",
      "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\nContent-Length: 3",
    ],
    ["an empty transfer-encoding, and then chunked", "Transfer-Encoding:\r\nTransfer-Encoding: chunked"],
    ["a list of nothing", "Transfer-Encoding: ,"],
    ["a list that begins with nothing", "Transfer-Encoding: , chunked"],
  ])("refused, and nothing after it is a request: %s", (_what, fields) => {
    const r = rig();
    r.give(`POST / HTTP/1.1\r\nhost: a\r\n${fields}\r\n\r\n${SHORT}`);
    expect(r.sent()).toMatch(/^HTTP\/1.1 400 /);
    expect(r.requests).toEqual([]);
    expect(r.stream.endedByOwner).toBe(true);
  });

  test("refused: a target with a scheme and no host (RFC 9110 4.2.1)", () => {
    const r = rig();
    r.give("GET http:///a.B/C HTTP/1.1\r\nhost: a\r\n\r\n");
    expect(r.sent()).toMatch(/^HTTP\/1.1 400 /);
  });

  test("two halves of an expectation make no whole one", () => {
    const r = rig();
    r.give("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-\r\nexpect: continue\r\ncontent-length: 1\r\n\r\n");
    expect(r.sent()).toMatch(/^HTTP\/1.1 417 /);
  });

  test("a connection field with thousands of names costs no more per field", () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `n${i}`).join(",");
    const fields = Array.from({ length: 200 }, (_, i) => `n${i * 50}: v\r\nkept-${i}: v\r\n`).join("");
    const r = rig({ maxHeaderListBytes: 1 << 20, maxHeaderFields: 1_000 });
    r.onEnd = (request) => request.answer("");
    r.give(`GET / HTTP/1.1\r\nhost: a\r\nconnection: ${names}\r\n${fields}\r\n`);
    expect(r.requests[0].fields.filter((text) => /^n\d+$/.test(text))).toEqual([]);
    expect(r.requests[0].fields.filter((text) => text.startsWith("kept-")).length).toBe(200);
  });
});

describe("clients that ask for much", () => {
  test("of pipelined requests that cost nothing, a connection gets a hundred a turn, and others their turn", () => {
    const r = rig();
    r.onEnd = (request) => request.answer("");
    r.give(SHORT.repeat(10_000));
    expect(r.requests.length).toBe(100);
    expect(r.stream.paused).toBe(true);
    r.turn();
    expect(r.requests.length).toBe(10_000);
    expect(r.stream.paused).toBe(false);
  });
});

describe("clients that do not read", () => {
  test("further requests wait until the answers before them have left, and memory stays bounded", async () => {
    const r = rig();
    r.stream.autoDrain = false;
    const answer = "x".repeat(10_000);
    r.onEnd = (request) => request.answer(answer);
    for (let i = 0; i < 60; i++) {
      r.give(SHORT.repeat(50));
      r.turn();
    }
    expect(r.stream.untaken).toBeLessThan(400_000);
    expect(r.stream.paused).toBe(true);
    // The head that waits here is not late by the client's fault alone, and idle it is not either.
    await r.sweep(30);
    expect(r.stream.isClosed).toBe(false);
    let text = "";
    for (let sent = r.sent(); sent !== ""; sent = r.sent()) {
      text += sent;
      await Promise.resolve();
    }
    expect(r.requests.length).toBe(3_000);
    expect(text.split("HTTP/1.1 200 OK").length - 1).toBe(3_000);
  });

  test("the same by answers that come later", () => {
    const r = rig();
    r.stream.autoDrain = false;
    r.give(SHORT.repeat(1_000));
    for (let i = 0; i < r.requests.length && i < 1_000; i++) {
      r.requests[i].answer("x".repeat(30_000));
      r.turn();
    }
    expect(r.requests.length).toBeLessThan(20);
    expect(r.stream.untaken).toBeLessThan(400_000);
  });

  test("one that takes nothing for stallTimeout is let go, its pipelined requests with it", async () => {
    const r = rig({ stallTimeout: 5_000 });
    r.stream.autoDrain = false;
    r.onEnd = (request) => request.answer("x".repeat(30_000));
    r.give(SHORT.repeat(1_000));
    r.turn();
    await r.sweep(8);
    expect(r.stream.isClosed).toBe(true);
  });
});

describe("answers before their requests have ended", () => {
  const chunks = (fields = "") => `POST / HTTP/1.1\r\nhost: a\r\n${fields}transfer-encoding: chunked\r\n\r\n`;
  const CLOSE = /^HTTP\/1.1 200 OK\r\n.*connection: close\r\n/s;
  const KEEP = /^HTTP\/1.1 200 OK\r\n.*connection: keep-alive\r\n/s;

  test("a body in chunks whose end nobody knows: the answer says close, and does not promise what cannot be kept", () => {
    const r = rig();
    r.give(`${chunks()}5\r\nhello\r\n`);
    r.requests[0].answer("no");
    expect(r.sent()).toMatch(CLOSE);
    expect(r.stream.endedByOwner).toBe(true);
    r.give(`5\r\nhello\r\n0\r\n\r\n${SHORT}`);
    expect(r.requests.length).toBe(1);
  });

  test("a body in chunks that is here whole: the connection goes on, wherever in it the answer came", () => {
    for (const hook of ["onHead", "onData"] as const) {
      const r = rig();
      r[hook] = (request) => {
        if (!request.exchange.over) request.answer("no");
      };
      r.give(`${chunks()}5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n`);
      expect(r.sent()).toMatch(KEEP);
      r[hook] = () => {};
      r.onEnd = (request) => request.answer("next");
      r.give(SHORT);
      expect(r.sent()).toMatch(/next$/);
    }
  });

  test("a stream's answer that begins while the request is coming keeps the connection", () => {
    const r = rig();
    r.give(`${chunks()}5\r\nhello\r\n`);
    r.requests[0].exchange.head(ownHead(":status", "200"));
    expect(r.sent()).toMatch(KEEP);
    r.give("0\r\n\r\n");
    r.requests[0].exchange.end(null);
    r.onEnd = (request) => request.answer("next");
    r.give(SHORT);
    expect(r.sent()).toMatch(/next$/);
  });

  test("who goes on sending after the last answer is read until headTimeout, so that no reset takes the answer away", async () => {
    const r = rig({ headTimeout: 6_000 });
    r.give(`${chunks()}5\r\nhello\r\n`);
    r.requests[0].answer("no");
    r.turn();
    for (let i = 0; i < 5; i++) {
      r.give("5\r\nhello\r\n");
      await r.sweep(1);
      expect(r.stream.isClosed, `second ${i}`).toBe(false);
    }
    r.give("5\r\nhello\r\n");
    await r.sweep(1);
    expect(r.stream.isClosed).toBe(true);
  });

  test("who sends nothing more after the last answer has two seconds to close", async () => {
    const r = rig();
    r.give(`${chunks()}5\r\nhello\r\n`);
    r.requests[0].answer("no");
    await r.sweep(2);
    expect(r.stream.isClosed).toBe(true);
  });
});

describe("ends", () => {
  test("the last answer may take longer than stallTimeout, as long as it leaves; then the client has its moment to close", async () => {
    const r = rig({ stallTimeout: 5_000, stallBytes: 1_000 });
    r.stream.autoDrain = false;
    let queued = 200_000;
    r.stream.queued = () => queued;
    r.onEnd = (request) => request.answer("x".repeat(200_000));
    r.give(SHORT.replace("host: a", "host: a\r\nconnection: close"));
    for (; queued > 0; queued -= 10_000) {
      await r.sweep(1);
      expect(r.stream.isClosed, `${queued} bytes are left`).toBe(false);
    }
    await r.sweep(1);
    expect(r.stream.isClosed).toBe(false);
    await r.sweep(2);
    expect(r.stream.isClosed).toBe(true);
  });

  test("the last answer of a client that takes nothing is given up after stallTimeout", async () => {
    const r = rig({ stallTimeout: 5_000 });
    r.stream.autoDrain = false;
    r.onEnd = (request) => request.answer("x".repeat(200_000));
    r.give(SHORT.replace("host: a", "host: a\r\nconnection: close"));
    await r.sweep(8);
    expect(r.stream.isClosed).toBe(true);
  });

  test("drain: a request whose head is coming is answered, and the connection ends with it", () => {
    const r = rig();
    r.onEnd = (request) => request.answer("bye");
    r.give(SHORT.slice(0, 20));
    r.connection.drain();
    expect(r.stream.endedByOwner).toBe(false);
    r.give(SHORT.slice(20));
    expect(r.sent()).toMatch(/\r\nconnection: close\r\n.*bye$/s);
    expect(r.stream.endedByOwner).toBe(true);
  });

  test("drain: pipelined requests behind the one that is answered are not taken, and the answer says close", () => {
    const r = rig();
    r.give(SHORT + SHORT);
    r.connection.drain();
    r.requests[0].answer("bye");
    expect(r.sent()).toMatch(/^HTTP\/1.1 200 OK\r\n.*connection: close\r\n.*bye$/s);
    expect(r.requests.length).toBe(1);
  });
});

describe("slow heads", () => {
  test("a head that began just before a sweep is not as old as the time since the last one", async () => {
    const r = rig({ headTimeout: 900 });
    r.onEnd = (request) => request.answer("");
    for (let i = 0; i < 5; i++) {
      r.give(SHORT.slice(0, 20));
      if (i > 0) await r.sweep(1);
      expect(r.stream.isClosed, `round ${i}`).toBe(false);
      r.give(SHORT.slice(20));
    }
    expect(r.requests.length).toBe(5);
    r.give(SHORT.slice(0, 20));
    await r.sweep(2);
    expect(r.stream.isClosed).toBe(true);
  });
});

describe("chunks", () => {
  const open = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

  test.each([
    ["two sizes with a blank between", "1 2\r\na\r\n0\r\n\r\n"],
    ["words behind a size", "1 x;y\r\na\r\n0\r\n\r\n"],
    ["a blank behind a size and nothing else", "1 \r\na\r\n0\r\n\r\n"],
    ["zeros without end", "0".repeat(1_000)],
    ["a request where a trailer may stand", "1\r\na\r\n0\r\nGET /hidden HTTP/1.1\r\nhost: a\r\n\r\n"],
    ["a trailer without a colon", "0\r\nx\r\n\r\n"],
    ["a folded trailer", "0\r\nx: y\r\n z\r\n\r\n"],
    ["blanks without end", `1${" ".repeat(1_000)}`],
  ])("refused: %s", (_what, body) => {
    const r = rig();
    r.give(open, body, SHORT);
    expect(r.sent()).toMatch(/^HTTP\/1.1 400 /);
    expect(r.requests.map(({ aborted }) => aborted?.message)).toEqual(["the chunked body is malformed"]);
  });

  test("an extension may have blanks around its semicolon (RFC 9112 7.1.1)", () => {
    const r = rig();
    r.onEnd = (request) => request.answer(request.body);
    r.give(open, '0001 \t;\tx = "y"\r\na\r\n0\r\n\r\n');
    expect(r.sent()).toMatch(/\r\n\r\na$/);
  });
});

describe("answers", () => {
  test("HEAD: an answer that comes in pieces has no body, not even a last chunk, so that the next answer is seen", () => {
    const r = rig();
    r.give(SHORT.replace("GET", "HEAD") + SHORT);
    r.requests[0].exchange.head(ownHead(":status", "200"));
    expect(r.sent()).not.toContain("chunked");
    r.requests[0].exchange.data(bytesOf("abc"), 0, 3);
    r.turn();
    r.requests[0].exchange.end(null);
    expect(r.sent()).toBe("");
    expect(r.requests[0].credited).toBe(3);
    r.requests[1].answer("next");
    expect(r.sent()).toMatch(/^HTTP\/1.1 200 OK\r\n.*next$/s);
  });
});
