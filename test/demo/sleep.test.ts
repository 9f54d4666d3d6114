import { describe, expect, test } from "vitest";
import { every, sleep } from "../../src/demo/sleep.ts";
import { FakeClock } from "../support/fake-clock.ts";

describe("sleep", () => {
  test("time: it ends when the time has passed, with true", async () => {
    const clock = new FakeClock();
    const slept = sleep(clock, 100, new AbortController().signal);
    clock.advance(100);
    expect(await slept).toBe(true);
  });

  test("stop: it ends at once, with false, and leaves no timer", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const slept = sleep(clock, 100, stop.signal);
    stop.abort();
    expect(await slept).toBe(false);
    expect(await sleep(clock, 100, stop.signal)).toBe(false);
    expect(clock.pending).toBe(0);
  });
});

describe("every", () => {
  test("again and again, until it is cancelled", () => {
    const clock = new FakeClock();
    let runs = 0;
    const timer = every(clock, 10, () => runs++);
    clock.advance(35);
    expect(runs).toBe(3);
    timer.cancel();
    clock.advance(100);
    expect(runs).toBe(3);
    expect(clock.pending).toBe(0);
  });

  test("cancelled by its own run: it does not come back", () => {
    const clock = new FakeClock();
    let runs = 0;
    const timer = every(clock, 10, () => {
      runs++;
      timer.cancel();
    });
    clock.advance(100);
    expect(runs).toBe(1);
    expect(clock.pending).toBe(0);
  });
});
