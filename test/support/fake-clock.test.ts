import { expect, it } from "vitest";
import { FakeClock } from "./fake-clock.ts";

it("fake clock: runs timers in the order of their due times, at those times, ties as they were made", () => {
  const clock = new FakeClock();
  const ran: string[] = [];
  const note = (name: string) => () => ran.push(`${name}@${clock.now()}`);
  clock.timer(note("c"), 30);
  clock.timer(note("a"), 10);
  clock.timer(note("b1"), 20);
  clock.timer(note("b2"), 20);
  clock.advance(29);
  expect(ran).toEqual(["a@10", "b1@20", "b2@20"]);
  expect(clock.now()).toBe(29);
  expect(clock.next).toBe(1);
  clock.advance(1);
  expect(ran.at(-1)).toBe("c@30");
  expect(clock.pending).toBe(0);
  expect(clock.next).toBeNull();
});

it("fake clock: runs timers that are made on the way, and not those that are cancelled", () => {
  const clock = new FakeClock();
  const ran: number[] = [];
  const victim = clock.timer(() => expect.unreachable("cancelled"), 15);
  const tick = () => {
    ran.push(clock.now());
    if (ran.length === 1) victim.cancel();
    clock.timer(tick, 10);
  };
  clock.timer(tick, 10);
  clock.advance(35);
  expect(ran).toEqual([10, 20, 30]);
  expect(clock.pending).toBe(1);
});

it("fake clock: waits until the code under test sleeps", async () => {
  const clock = new FakeClock();
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.timer(resolve, ms));
  const naps: number[] = [];
  const sleeper = (async () => {
    for (let i = 0; i < 3; i++) {
      await sleep(100);
      naps.push(clock.now());
    }
  })();
  for (let i = 0; i < 3; i++) {
    await clock.waitForTimers(1);
    clock.advance(100);
    await Promise.resolve();
  }
  await sleeper;
  expect(naps).toEqual([100, 200, 300]);
});

it("fake clock: wall-clock time moves along", () => {
  const clock = new FakeClock();
  const before = clock.wall();
  clock.advance(1500);
  expect(clock.wall() - before).toBe(1500);
});
