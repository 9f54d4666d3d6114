import { afterEach, describe, expect, test } from "vitest";
import { Rig } from "./support/rig.ts";

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
});

describe("clients that do not read", () => {
  test("further requests wait until the answers before them have left, and memory stays bounded", async () => {
    const r = rig();
    r.stream.autoDrain = false;
    const answer = "x".repeat(30_000);
    r.onEnd = (request) => request.answer(answer);
    for (let i = 0; i < 80; i++) {
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
    expect(r.requests.length).toBe(4_000);
    expect(text.split("HTTP/1.1 200 OK").length - 1).toBe(4_000);
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
