import { describe, expect, test } from "vitest";
import { chiSquare } from "../balance/statistics.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { seededRandom } from "../support/random.ts";
import { contenders, endpoints } from "./contenders.ts";

const METHOD = "/test.v1.Test/Call";
const PICKS = 100;

/** Five standard deviations above the mean of a chi-square distribution with size - 1 degrees of freedom. */
function limit(size: number): number {
  return size - 1 + 5 * Math.sqrt(2 * (size - 1));
}

describe.each(contenders)("$name", ({ create }) => {
  test.each([2, 10, 100])("calls one at a time spread evenly over %i endpoints", (size) => {
    const policy = create(new FakeClock(), seededRandom(size));
    const set = endpoints(size);
    policy.update(set);
    const counts = new Map(set.map((endpoint) => [endpoint, 0]));
    for (let i = 0; i < PICKS * size; i++) {
      const picked = policy.pick(METHOD)!;
      counts.set(picked, counts.get(picked)! + 1);
      policy.done(picked, METHOD, 10, false);
    }
    expect(chiSquare([...counts.values()])).toBeLessThan(limit(size));
  });

  test("calls one at a time spread evenly over those that are not to be avoided", () => {
    const policy = create(new FakeClock(), seededRandom(3));
    const set = endpoints(10);
    policy.update(set);
    const counts = new Map(set.map((endpoint) => [endpoint, 0]));
    for (let i = 0; i < 2_000; i++) {
      const picked = policy.pick(METHOD, set[4])!;
      counts.set(picked, counts.get(picked)! + 1);
      policy.done(picked, METHOD, 10, false);
    }
    counts.delete(set[4]);
    // Round robin gives the avoided one's turn to its successor: bounded by twice a fair share, for all.
    for (const count of counts.values()) expect(count).toBeLessThanOrEqual((2 * 2_000) / 10);
    for (const count of counts.values()) expect(count).toBeGreaterThan(0.7 * (2_000 / 10));
  });

  test("the first call of many gateways that start together goes anywhere", () => {
    const size = 10;
    const counts = new Array<number>(size).fill(0);
    const random = seededRandom(5);
    for (let gateway = 0; gateway < PICKS * size; gateway++) {
      const policy = create(new FakeClock(), random);
      const set = endpoints(size);
      policy.update(set);
      counts[policy.pick(METHOD)!.slot]++;
    }
    expect(chiSquare(counts)).toBeLessThan(limit(size));
  });
});

describe.each(contenders.slice(0, 2))("$name", ({ create }) => {
  test("open calls differ by one at most", () => {
    const policy = create(new FakeClock(), seededRandom(1));
    const set = endpoints(7);
    policy.update(set);
    for (let i = 0; i < 1_000; i++) {
      policy.pick(METHOD);
      const counts = set.map(({ outstanding }) => outstanding);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });

  test("what leaves and returns goes on with its count", () => {
    const policy = create(new FakeClock(), seededRandom(1));
    const set = endpoints(2);
    policy.update([set[0]]);
    for (let i = 0; i < 5; i++) policy.pick(METHOD);
    policy.update([]);
    policy.update(set);
    for (let i = 0; i < 5; i++) expect(policy.pick(METHOD)).toBe(set[1]);
    expect(set.map(({ outstanding }) => outstanding)).toEqual([5, 5]);
  });

  test("a retry takes the fewest calls among the others", () => {
    const policy = create(new FakeClock(), seededRandom(1));
    const set = endpoints(4);
    [0, 3, 1, 2].forEach((count, i) => {
      set[i].outstanding = count;
    });
    policy.update(set);
    const retries = Array.from({ length: 4 }, () => policy.pick(METHOD, set[0]));
    expect(retries[0]).toBe(set[2]);
    // 3, 1 and 2 filled up from below by four calls.
    expect(set[0].outstanding).toBe(0);
    expect(set.map(({ outstanding }) => outstanding).sort()).toEqual([0, 3, 3, 4]);
  });
});
