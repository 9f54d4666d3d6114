import { describe, expect, test } from "vitest";
import { Replay } from "../../src/balancing/replay.ts";
import { Budget } from "../../src/http2/budget.ts";
import type { Head, Receiver } from "../../src/http2/receiver.ts";
import { integer, seededRandom } from "../support/random.ts";

const trailers: Head = { fields: ["x", "1"], neverIndexed: null, memo: undefined };

/** What comes out of a replay. */
function collector() {
  const bytes: number[] = [];
  const events: string[] = [];
  const pieces: Uint8Array[] = [];
  const receiver: Receiver = {
    head: () => void events.push("head"),
    data: (chunk, start, end) => {
      events.push("data");
      pieces.push(chunk.subarray(start, end));
      bytes.push(...chunk.subarray(start, end));
    },
    end: (got) => void events.push(got === null ? "end" : "end with trailers"),
    abort: () => void events.push("abort"),
  };
  return { receiver, bytes, events, pieces };
}

describe("replay", () => {
  test("gives again what it was given, any number of times: pieces of every size, cut from chunks of every size", () => {
    const random = seededRandom();
    for (let round = 0; round < 60; round++) {
      const budget = new Budget(1 << 30);
      const replay = new Replay(budget, 1 << 20);
      const sent: number[] = [];
      const count = integer(random, 0, 40);
      const early: { readonly out: ReturnType<typeof collector>; readonly length: number }[] = [];
      for (let i = 0; i < count; i++) {
        const chunk = new Uint8Array(integer(random, 1, random() < 0.1 ? 40_000 : 600)).map(() =>
          integer(random, 0, 255),
        );
        const start = integer(random, 0, chunk.length - 1);
        const end = integer(random, start + 1, chunk.length);
        replay.add(chunk, start, end, random() < 0.5);
        sent.push(...chunk.subarray(start, end));
        if (random() < 0.1) {
          const out = collector();
          replay.send(out.receiver);
          early.push({ out, length: sent.length });
        }
      }
      const out = collector();
      replay.send(out.receiver);
      expect(out.bytes).toEqual(sent);
      // What was given out before must not have changed under whoever kept it.
      for (const { out: before, length } of early) {
        expect(before.pieces.flatMap((piece) => [...piece])).toEqual(sent.slice(0, length));
      }
      expect(budget.held).toBe(sent.length);
      replay.drop();
      expect(budget.held).toBe(0);
    }
  });

  test("end and trailers: are given again", () => {
    const replay = new Replay(new Budget(1_000), 100);
    replay.add(new Uint8Array([1]), 0, 1, false);
    const before = collector();
    replay.send(before.receiver);
    expect(before.events).toEqual(["data"]);
    replay.end(trailers);
    const after = collector();
    replay.send(after.receiver);
    expect(after.events).toEqual(["data", "end with trailers"]);
  });

  test("limit: sent bytes above it are dropped for good, and the budget is free", () => {
    const budget = new Budget(1_000);
    const replay = new Replay(budget, 10);
    replay.add(new Uint8Array(10), 0, 10, true);
    expect([replay.complete, budget.held]).toEqual([true, 10]);
    replay.add(new Uint8Array(1), 0, 1, true);
    expect([replay.complete, budget.held]).toEqual([false, 0]);
    replay.add(new Uint8Array(5), 0, 5, true);
    expect(budget.held).toBe(0);
  });

  test("limit: what no pod has had is kept above it, until it was sent once", () => {
    const budget = new Budget(1_000);
    const replay = new Replay(budget, 10);
    for (let i = 0; i < 5; i++) replay.add(new Uint8Array(10), 0, 10, false);
    expect([replay.complete, budget.held]).toEqual([true, 50]);
    const out = collector();
    replay.send(out.receiver);
    expect(out.bytes).toHaveLength(50);
    expect([replay.complete, budget.held]).toEqual([false, 0]);
  });

  test("budget: copies of what pods have give way to what no pod has, and that has a bound of its own", () => {
    const budget = new Budget(100);
    const copies = Array.from({ length: 3 }, () => new Replay(budget, 1_000));
    const kept = copies.map((copy) => copy.add(new Uint8Array(60), 0, 60, true) && copy.complete);
    expect(kept).toEqual([true, false, false]);
    const first = new Replay(budget, 1_000);
    const second = new Replay(budget, 1_000);
    expect(first.add(new Uint8Array(101), 0, 101, false)).toBe(true);
    expect(second.add(new Uint8Array(1), 0, 1, false)).toBe(false);
    expect(budget).toMatchObject({ held: 161, pinned: 101 });
    first.send(collector().receiver);
    expect([first.complete, budget.pinned]).toEqual([true, 0]);
    expect(second.add(new Uint8Array(1), 0, 1, false)).toBe(true);
    for (const replay of [...copies, first, second]) replay.drop();
    expect(budget).toMatchObject({ held: 0, pinned: 0 });
  });

  test("limit 0: nothing with a body is repeated", () => {
    const replay = new Replay(new Budget(1_000), 0);
    expect(replay.complete).toBe(true);
    replay.add(new Uint8Array(1), 0, 1, true);
    expect(replay.complete).toBe(false);
  });

  test("drop: twice is once", () => {
    const budget = new Budget(1_000);
    const replay = new Replay(budget, 10);
    replay.add(new Uint8Array(3), 0, 3, false);
    replay.drop();
    replay.drop();
    expect(budget.held).toBe(0);
  });

  test("large chunk: only the piece is kept, not the chunk", () => {
    const replay = new Replay(new Budget(1 << 20), 1_000);
    const chunk = new Uint8Array(65_536).fill(1);
    replay.add(chunk, 100, 110, false);
    replay.add(chunk, 200, 210, false);
    chunk.fill(9);
    const out = collector();
    replay.send(out.receiver);
    expect(out.bytes).toEqual(new Array(20).fill(1));
  });

  test("ten thousand pieces of a byte: are joined, so that they cost about ten thousand bytes", () => {
    const replay = new Replay(new Budget(1 << 20), 65_536);
    for (let i = 0; i < 10_000; i++) replay.add(new Uint8Array(2_000).fill(i & 0xff), 7, 8, true);
    const out = collector();
    replay.send(out.receiver);
    expect(out.bytes).toEqual(Array.from({ length: 10_000 }, (_, i) => i & 0xff));
    expect(out.events.length).toBeLessThan(12);
  });
});
