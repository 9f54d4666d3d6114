import { expect, test } from "vitest";
import { PowerOfTwo } from "../../src/balancing/p2c.ts";
import { seededRandom } from "../support/random.ts";
import { endpoints, type TestEndpoint } from "./contenders.ts";

test("p2c: of two endpoints the busier one is never picked", () => {
  const policy = new PowerOfTwo<TestEndpoint>(seededRandom(1));
  const set = endpoints(2);
  set[0].outstanding = 1_000;
  policy.update(set);
  for (let i = 0; i < 500; i++) expect(policy.pick("/a/A")).toBe(set[1]);
});

test("p2c: the two drawn differ, so the busiest of all is never picked", () => {
  const policy = new PowerOfTwo<TestEndpoint>(seededRandom(1));
  const set = endpoints(10);
  set[3].outstanding = 1_000_000;
  policy.update(set);
  const picked = new Set(Array.from({ length: 5_000 }, () => policy.pick("/a/A")));
  expect(picked).toEqual(new Set(set.filter((_, i) => i !== 3)));
});

test("p2c: with one to avoid, the two drawn differ from it and from each other", () => {
  const policy = new PowerOfTwo<TestEndpoint>(seededRandom(1));
  for (let busiest = 0; busiest < 5; busiest++) {
    for (let avoided = 0; avoided < 5; avoided++) {
      if (busiest === avoided) continue;
      const set = endpoints(5);
      set[busiest].outstanding = 1_000_000;
      policy.update(set);
      const picked = new Set(Array.from({ length: 200 }, () => policy.pick("/a/A", set[avoided])));
      expect(picked).toEqual(new Set(set.filter((_, i) => i !== busiest && i !== avoided)));
    }
  }
});

test("p2c: draws are scripted: the less busy of both, the first of equals", () => {
  // 0.5 of 4 is slot 2, then 0 of the other three is slot 0; then slot 0 and, of slots 1 to 3, the last.
  const script = [0.5, 0, 0, 0.99, 0, 0.99];
  const policy = new PowerOfTwo<TestEndpoint>(() => script.shift()!);
  const set = endpoints(4);
  set[0].outstanding = 1;
  policy.update(set);
  expect(policy.pick("/a/A")).toBe(set[2]);
  expect(policy.pick("/a/A")).toBe(set[3]);
  // Equal now, both have one.
  expect(policy.pick("/a/A")).toBe(set[0]);
});
