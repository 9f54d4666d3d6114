import { expect, test } from "vitest";
import { RoundRobin } from "../../src/balancing/round-robin.ts";
import { endpoints, type TestEndpoint } from "./contenders.ts";

/** Starts at the endpoint with this index of so many. */
function startingAt(index: number, set: readonly TestEndpoint[]): RoundRobin<TestEndpoint> {
  const policy = new RoundRobin<TestEndpoint>(() => index / set.length);
  policy.update(set);
  return policy;
}

function picks(policy: RoundRobin<TestEndpoint>, count: number): string {
  return Array.from({ length: count }, () => policy.pick("/a/A")?.name).join(" ");
}

test("round robin: goes round from where it starts", () => {
  expect(picks(startingAt(2, endpoints(4)), 9)).toBe("e2 e3 e0 e1 e2 e3 e0 e1 e2");
});

test("round robin: an update that changes nothing does not start anew", () => {
  const set = endpoints(3);
  const policy = startingAt(0, set);
  expect(picks(policy, 2)).toBe("e0 e1");
  policy.update(set);
  expect(picks(policy, 2)).toBe("e2 e0");
});

test("round robin: goes on with the next that is still there, wherever it stands now", () => {
  const set = endpoints(5);
  const policy = startingAt(0, set);
  expect(picks(policy, 2)).toBe("e0 e1");
  // It was e2's turn, which has gone, as has e3.
  policy.update([...endpoints(1, "new"), set[4], set[0], set[1]]);
  expect(picks(policy, 4)).toBe("e4 e0 e1 new0");
});

test("round robin: starts anywhere again when nothing of the last set is left", () => {
  const policy = startingAt(1, endpoints(2));
  policy.update(endpoints(4, "new"));
  expect(picks(policy, 2)).toBe("new2 new3");
});

test("round robin: skips the one to avoid and goes on behind its substitute", () => {
  const set = endpoints(3);
  const policy = startingAt(0, set);
  expect(policy.pick("/a/A", set[0])?.name).toBe("e1");
  expect(policy.pick("/a/A", set[1])?.name).toBe("e2");
  expect(policy.pick("/a/A")?.name).toBe("e0");
});
