import { expect, it } from "vitest";
import { mulberry32 } from "./mulberry32.ts";
import { integer } from "./random.ts";

it("seeded randomness: equal seeds give equal sequences, other seeds others", () => {
  const draw = (seed: number) => {
    const random = mulberry32(seed);
    return Array.from({ length: 5 }, () => random());
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
});

it("seeded randomness: is spread evenly over [0, 1)", () => {
  const random = mulberry32(7);
  const buckets = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) buckets[integer(random, 0, 9)]++;
  // 1000 expected each, standard deviation 30: the bounds are four of them.
  for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(120);
});
