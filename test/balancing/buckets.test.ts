import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Buckets } from "../../src/balancing/buckets.ts";

/** Ascending, a permutation, and `end` says for every count how many have that count or less. */
function expectOrdered(buckets: Buckets, counts: readonly number[]): void {
  const order = [...buckets.order];
  expect([...order].sort((a, b) => a - b)).toEqual(counts.map((_, slot) => slot));
  const sorted = order.map((slot) => counts[slot]);
  expect(sorted).toEqual([...counts].sort((a, b) => a - b));
  for (let count = 0; count <= Math.max(0, ...counts) + 1; count++) {
    expect(buckets.end(count)).toBe(counts.filter((other) => other <= count).length);
  }
}

test("buckets: no slots", () => {
  expect(new Buckets([]).end(0)).toBe(0);
});

test("buckets: any counts to start with are in order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 40 }), (counts) => expectOrdered(new Buckets(counts), counts)),
  );
});

test("buckets: any sequence of steps keeps the order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(5), { minLength: 1, maxLength: 12 }),
      fc.array(fc.record({ slot: fc.nat(), move: fc.constantFrom("raise", "lower", "edge") }), { maxLength: 80 }),
      (initial, steps) => {
        const counts = [...initial];
        const buckets = new Buckets(counts);
        for (const step of steps) {
          const slot = step.slot % counts.length;
          if (step.move === "raise") buckets.raise(slot, counts[slot]++);
          else if (step.move === "edge") {
            buckets.toEdge(slot, counts[slot]);
            expect(buckets.order[buckets.end(counts[slot]) - 1]).toBe(slot);
          } else if (counts[slot] > 0) buckets.lower(slot, counts[slot]--);
          expectOrdered(buckets, counts);
        }
      },
    ),
  );
});
