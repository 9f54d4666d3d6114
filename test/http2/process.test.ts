import { describe, expect, test } from "vitest";
import { Budget } from "../../src/http2/budget.ts";
import { type Flushable, Flusher } from "../../src/http2/flusher.ts";
import { StreamHistory } from "../../src/http2/stream-history.ts";
import { type Sweepable, Sweeper } from "../../src/http2/sweeper.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** What connections of a process share. */

describe("flusher", () => {
  function create() {
    const soon: (() => void)[] = [];
    const turn = () => {
      for (const run of soon.splice(0)) run();
    };
    return { soon, turn, flusher: new Flusher((run) => soon.push(run)) };
  }
  const member = (log: string[], name: string, then?: () => void): Flushable => ({
    flush: () => {
      log.push(name);
      then?.();
    },
    broken: (error) => log.push(`${name} broken: ${(error as Error).message}`),
  });

  test("flushes each member once a turn, in order, with one call to the event loop", () => {
    const { soon, turn, flusher } = create();
    const log: string[] = [];
    flusher.add(member(log, "a"));
    flusher.add(member(log, "b"));
    expect(soon).toHaveLength(1);
    turn();
    turn();
    expect(log).toEqual(["a", "b"]);
  });

  test("who is added while it flushes is flushed in the next turn", () => {
    const { soon, turn, flusher } = create();
    const log: string[] = [];
    const b = member(log, "b");
    flusher.add(member(log, "a", () => flusher.add(b)));
    turn();
    expect(log).toEqual(["a"]);
    expect(soon).toHaveLength(1);
    turn();
    expect(log).toEqual(["a", "b"]);
  });

  test("an exception is its own member's: the others are flushed, then and later", () => {
    const { turn, flusher } = create();
    const log: string[] = [];
    const bad = member(log, "bad", () => {
      throw new Error("no");
    });
    flusher.add(bad);
    flusher.add(member(log, "good"));
    turn();
    flusher.add(member(log, "later"));
    turn();
    expect(log).toEqual(["bad", "bad broken: no", "good", "later"]);
  });
});

describe("sweeper", () => {
  const member = (log: string[], name: string, then?: () => void): Sweepable => ({
    sweep: (ms) => {
      log.push(`${name} ${ms}`);
      then?.();
    },
    broken: (error) => log.push(`${name} broken: ${(error as Error).message}`),
  });

  test("one timer, once a second, only while there are members", () => {
    const clock = new FakeClock();
    const sweeper = new Sweeper(clock);
    const log: string[] = [];
    const [a, b] = [member(log, "a"), member(log, "b")];
    expect(clock.pending).toBe(0);
    sweeper.add(a);
    sweeper.add(b);
    expect(clock.pending).toBe(1);
    clock.advance(1_000);
    sweeper.delete(a);
    clock.advance(1_000);
    sweeper.delete(b);
    expect(clock.pending).toBe(0);
    expect(log).toEqual(["a 1000", "b 1000", "b 1000"]);
  });

  test("members may leave and come while it sweeps", () => {
    const clock = new FakeClock();
    const sweeper = new Sweeper(clock);
    const log: string[] = [];
    const b = member(log, "b");
    const a = member(log, "a", () => {
      sweeper.delete(a);
      sweeper.add(b);
    });
    sweeper.add(a);
    clock.advance(2_000);
    expect(log).toEqual(["a 1000", "b 1000"]);
    sweeper.delete(b);
    expect(clock.pending).toBe(0);
  });

  test("an exception is its own member's: the others are swept, then and later", () => {
    const clock = new FakeClock();
    const sweeper = new Sweeper(clock);
    const log: string[] = [];
    const bad = member(log, "bad", () => {
      throw new Error("no");
    });
    const good = member(log, "good");
    sweeper.add(bad);
    sweeper.add(good);
    clock.advance(2_000);
    expect(log).toEqual(["bad 1000", "bad broken: no", "good 1000", "bad 1000", "bad broken: no", "good 1000"]);
    sweeper.delete(bad);
    sweeper.delete(good);
  });

  test("time in which the process did not run is not held against anybody", () => {
    const clock = new FakeClock();
    const sweeper = new Sweeper({
      now: () => clock.now() * 30,
      wall: () => 0,
      timer: (run, ms) => clock.timer(run, ms),
    });
    const log: string[] = [];
    const a = member(log, "a");
    sweeper.add(a);
    clock.advance(1_000);
    sweeper.delete(a);
    expect(log).toEqual(["a 2000"]);
  });
});

describe("budget", () => {
  test("who waits is woken once, when there is room, and may wait again", () => {
    const budget = new Budget(10);
    const log: string[] = [];
    const wait = () => log.push("woken");
    budget.hold(11);
    expect(budget.exhausted).toBe(true);
    budget.whenFree(wait);
    budget.whenFree(wait);
    budget.hold(5);
    budget.release(5);
    expect(log).toEqual([]);
    budget.release(1);
    budget.release(1);
    expect(log).toEqual(["woken"]);
    expect(budget.held).toBe(9);
  });

  test("who has gone is not woken", () => {
    const budget = new Budget(0);
    const log: string[] = [];
    const wait = () => log.push("woken");
    budget.hold(1);
    budget.whenFree(wait);
    budget.forget(wait);
    budget.release(1);
    expect(log).toEqual([]);
  });
});

describe("history of streams", () => {
  test("remembers the fates of the last thousand, forgets older ones, knows the skipped", () => {
    const history = new StreamHistory();
    for (let id = 1; id <= 5_001; id += 4) {
      history.opened(id);
      history.closed(id, 1);
    }
    expect(history.last).toBe(5_001);
    expect(history.fate(5_001)).toBe(1);
    expect(history.fate(4_999)).toBe(0);
    expect(history.fate(2_957)).toBe(1);
    expect(history.fate(2_953)).toBe(3);
    expect(history.fate(1)).toBe(3);
  });

  test("a stream that ends long after it began is not mistaken for a newer one", () => {
    const history = new StreamHistory();
    history.opened(1);
    for (let id = 3; id <= 2_049; id += 2) history.opened(id);
    history.closed(1, 1);
    expect(history.fate(2_049)).toBe(0);
  });
});
