import { describe, expect, test } from "vitest";
import { subsetOf } from "../../src/balancing/subset.ts";
import { chiSquare } from "../balance/statistics.ts";
import { mulberry32 } from "../support/mulberry32.ts";
import { startBackend } from "./support.ts";

const labels = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `10.0.${(from + i) >> 8}.${(from + i) & 255}:50051`);
const salt = (random: () => number) => Math.floor(random() * 2 ** 32);

describe("subsetOf", () => {
  test.each([0, 10, 11])("size %i of ten: all of them", (size) => {
    expect([...subsetOf(labels(10), size, 1)]).toEqual(labels(10));
  });

  test("the order in which the endpoints come makes no difference", () => {
    const forwards = subsetOf(labels(100), 10, 7);
    expect(forwards.size).toBe(10);
    expect([...subsetOf(labels(100).reverse(), 10, 7)]).toEqual([...forwards]);
  });

  test("minimal churn: whoever joins or leaves changes one place at most", () => {
    const random = mulberry32(1);
    let changes = 0;
    for (let run = 0; run < 200; run++) {
      const own = salt(random);
      const all = labels(50);
      const before = subsetOf(all, 10, own);
      const gone = all[run % 50];
      const after = subsetOf([...all.filter((label) => label !== gone), `10.9.9.${run}:50051`], 10, own);
      const lost = [...before].filter((label) => !after.has(label));
      // One that leaves is replaced by one; one that joins puts out one.
      expect(lost.length).toBeLessThanOrEqual(before.has(gone) ? 2 : 1);
      changes += lost.length;
    }
    // 200 times a place of ten among fifty, twice: a modulo instead of rendezvous hashing would change nearly all, 2,000.
    expect(changes).toBeGreaterThan(40);
    expect(changes).toBeLessThan(120);
  });

  test("even coverage: endpoints whose addresses follow each other are in equally many subsets", () => {
    const random = mulberry32(2);
    const places = new Map(labels(100).map((label) => [label, 0]));
    for (let gateway = 0; gateway < 2_000; gateway++) {
      for (const label of subsetOf(places.keys(), 10, salt(random))) places.set(label, places.get(label)! + 1);
    }
    // 99 degrees of freedom: above 149 once in a thousand seeds; fixed places instead of chance would be far below 50.
    expect(chiSquare([...places.values()])).toBeLessThan(149);
    expect(chiSquare([...places.values()])).toBeGreaterThan(50);
  });

  test("gateways choose independently: two subsets share as many endpoints as chance gives", () => {
    const random = mulberry32(3);
    let shared = 0;
    for (let pair = 0; pair < 1_000; pair++) {
      // Salts that differ by one bit, too.
      const one = salt(random);
      const other = subsetOf(labels(100), 10, pair % 2 === 0 ? salt(random) : one ^ (1 << (pair % 32)));
      for (const label of subsetOf(labels(100), 10, one)) if (other.has(label)) shared++;
    }
    // Hypergeometric: mean 1 a pair, standard deviation 0.9; five of those over 1,000 pairs.
    expect(Math.abs(shared / 1_000 - 1)).toBeLessThan(0.15);
  });
});

describe("backend with a subset", () => {
  test("dials no more pods than that, and one other for each that leaves", async () => {
    const { net, backend, resolver, pod } = startBackend({ subset: 3 });
    const all = labels(12);
    for (const label of all) pod(label);
    resolver.resolve(...all);
    await net.settle();
    const chosen = [...backend.endpoints.keys()];
    expect(chosen).toHaveLength(3);
    expect(net.dialled).toEqual(chosen);
    resolver.resolve(...all.filter((label) => label !== chosen[0]));
    await net.settle();
    const next = [...backend.endpoints.keys()];
    expect(next).toHaveLength(3);
    expect(next.filter((label) => chosen.includes(label))).toEqual(chosen.slice(1));
    expect(net.dialled).toHaveLength(4);
  });

  test("without one, all are dialled", async () => {
    const { net, resolver, pod } = startBackend();
    for (const label of labels(12)) pod(label);
    resolver.resolve(...labels(12));
    await net.settle();
    expect(net.dialled).toEqual(labels(12));
  });
});
