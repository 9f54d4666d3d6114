import { describe, expect, test } from "vitest";
import { createWorkers } from "../../src/demo/workers.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** Two workers, 20 ms a piece, and a list of what has ended so far. */
function pod() {
  const clock = new FakeClock();
  const workers = createWorkers(2, 20, clock);
  const ended: string[] = [];
  const call = (name: string) => {
    const controller = new AbortController();
    void workers.work(controller.signal).then((done) => ended.push(`${name} ${done ? "done" : "given up"}`));
    return controller;
  };
  /** Moves time and lets the promises settle. */
  const pass = async (ms: number) => {
    clock.advance(ms);
    await Promise.resolve();
    await Promise.resolve();
  };
  return { clock, workers, ended, call, pass };
}

describe("workers", () => {
  test("capacity: as many at once as there are workers, the others in the order in which they came", async () => {
    const { workers, ended, call, pass } = pod();
    for (const name of ["a", "b", "c", "d", "e"]) call(name);
    expect(workers.present).toBe(5);
    await pass(19);
    expect(ended).toEqual([]);
    await pass(1);
    expect(ended).toEqual(["a done", "b done"]);
    await pass(20);
    expect(ended).toEqual(["a done", "b done", "c done", "d done"]);
    await pass(20);
    expect(ended).toHaveLength(5);
    expect(workers.present).toBe(0);
  });

  test("given up in the line: the place is free and nobody works on it", async () => {
    const { clock, workers, ended, call, pass } = pod();
    call("a");
    call("b");
    const c = call("c");
    call("d");
    c.abort();
    await pass(0);
    expect(ended).toEqual(["c given up"]);
    expect(workers.present).toBe(3);
    await pass(20);
    await pass(20);
    expect(ended).toEqual(["c given up", "a done", "b done", "d done"]);
    expect(clock.pending).toBe(0);
  });

  test("given up at work: the worker takes the next one at once", async () => {
    const { clock, ended, call, pass } = pod();
    const a = call("a");
    call("b");
    call("c");
    await pass(5);
    a.abort();
    await pass(15);
    expect(ended).toEqual(["a given up", "b done"]);
    await pass(5);
    expect(ended).toEqual(["a given up", "b done", "c done"]);
    expect(clock.pending).toBe(0);
  });

  test("given up after the end: nothing happens, and the worker is not freed twice", async () => {
    const { workers, ended, call, pass } = pod();
    const a = call("a");
    await pass(20);
    a.abort();
    for (const name of ["b", "c", "d"]) call(name);
    await pass(20);
    expect(ended).toEqual(["a done", "b done", "c done"]);
    expect(workers.present).toBe(1);
    await pass(20);
  });

  test("given up before it began: no worker is taken", async () => {
    const { clock, workers, ended, pass } = pod();
    void workers.work(AbortSignal.abort()).then((done) => ended.push(`${done}`));
    await pass(0);
    expect(ended).toEqual(["false"]);
    expect(clock.pending).toBe(0);
  });
});
