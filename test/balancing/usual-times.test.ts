import { expect, test } from "vitest";
import { UsualTimes } from "../../src/balancing/usual-times.ts";

function after(calls: number, method: string, elapsed: number, usual = new UsualTimes()): UsualTimes {
  for (let i = 0; i < calls; i++) usual.relative(method, elapsed);
  return usual;
}

test("usual times: a method's first call is as usual, later ones are measured against the mean", () => {
  const usual = new UsualTimes();
  expect(usual.relative("/a/A", 80)).toBe(1);
  // The mean of 80 and 40 is 60.
  expect(usual.relative("/a/A", 40)).toBeCloseTo(40 / 60);
});

test("usual times: each method is measured against itself", () => {
  const usual = after(100, "/a/Slow", 1000, after(100, "/a/Quick", 1));
  expect(usual.relative("/a/Quick", 2)).toBeCloseTo(2, 1);
  expect(usual.relative("/a/Slow", 500)).toBeCloseTo(0.5, 1);
});

test("usual times: what has become slower for good is usual again after some hundred calls", () => {
  const usual = after(10_000, "/a/A", 10);
  expect(usual.relative("/a/A", 40)).toBeGreaterThan(3.9);
  expect(after(1_000, "/a/A", 40, usual).relative("/a/A", 40)).toBeCloseTo(1, 1);
});

test("usual times: a single call that hangs counts as ten times the usual and hardly moves the mean", () => {
  const usual = after(1_000, "/a/A", 10);
  const pace = usual.relative("/a/A", 60_000);
  expect(pace).toBeGreaterThan(9.5);
  expect(pace).toBeLessThanOrEqual(10);
  expect(usual.relative("/a/A", 10)).toBeGreaterThan(0.95);
});

test("usual times: a time of zero, as a coarse clock gives it, is neither zero nor not a number", () => {
  const usual = new UsualTimes();
  expect(usual.relative("/a/A", 0)).toBe(1);
  expect(usual.relative("/a/A", 0)).toBe(1);
});

test("usual times: methods beyond the first 1,000 share one mean, the first ones keep their own", () => {
  const usual = new UsualTimes();
  for (let i = 0; i < 1_000; i++) usual.relative(`/known/${i}`, 10);
  expect(usual.relative("/made-up/1", 100)).toBe(1);
  expect(usual.relative("/made-up/2", 100)).toBe(1);
  // The mean of 100, 100 and 400 is 200.
  expect(usual.relative("/made-up/3", 400)).toBe(2);
  expect(usual.relative("/known/0", 10)).toBe(1);
  expect(usual.relative("/known/999", 10)).toBe(1);
});

test("usual times: very long paths share one mean from the start", () => {
  const usual = new UsualTimes();
  usual.relative(`/${"a".repeat(1_000)}`, 100);
  expect(usual.relative(`/${"b".repeat(1_000)}`, 300)).toBe(1.5);
  expect(usual.relative("/a/A", 10)).toBe(1);
});
