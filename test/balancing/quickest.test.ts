import { describe, expect, test } from "vitest";
import { createPolicy } from "../../src/balancing/create-policy.ts";
import type { Policy } from "../../src/balancing/policy.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { seededRandom } from "../support/random.ts";
import { endpoints, type TestEndpoint } from "./contenders.ts";

const METHOD = "/test.v1.Test/Call";

interface Setup {
  readonly clock: FakeClock;
  readonly policy: Policy<TestEndpoint>;
  readonly set: TestEndpoint[];
}

function setUp(size: number): Setup {
  const clock = new FakeClock();
  const policy = createPolicy<TestEndpoint>("least_outstanding", { ties: "quickest", clock, random: seededRandom(1) });
  const set = endpoints(size);
  policy.update(set);
  return { clock, policy, set };
}

/** One call on this very endpoint, whatever the policy would choose. */
function call({ policy, set }: Setup, endpoint: TestEndpoint, elapsed: number, fault = false, method = METHOD): void {
  policy.update([endpoint]);
  policy.pick(method);
  policy.update(set);
  policy.done(endpoint, method, elapsed, fault);
}

/** What would be picked now; leaves nothing behind. */
function choice({ policy, set }: Setup): TestEndpoint {
  const picked = policy.pick(METHOD)!;
  // The same set with the count taken back: what the endpoints are known for stays as it is.
  policy.update([]);
  picked.outstanding--;
  policy.update(set);
  return picked;
}

describe("quickest ties", () => {
  test("the endpoint whose last call was quickest is taken", () => {
    const setup = setUp(3);
    call(setup, setup.set[0], 30);
    call(setup, setup.set[1], 10);
    call(setup, setup.set[2], 20);
    for (let i = 0; i < 20; i++) expect(choice(setup)).toBe(setup.set[1]);
  });

  test("fewer outstanding calls come before quickness", () => {
    const setup = setUp(2);
    call(setup, setup.set[0], 100);
    call(setup, setup.set[1], 1);
    expect(setup.policy.pick(METHOD)).toBe(setup.set[1]);
    expect(setup.policy.pick(METHOD)).toBe(setup.set[0]);
  });

  test("quick means relative to the method's usual time", () => {
    const setup = setUp(2);
    for (let i = 0; i < 50; i++) {
      call(setup, setup.set[i % 2], 100, false, "/test.v1.Test/Long");
      call(setup, setup.set[i % 2], 1, false, "/test.v1.Test/Short");
    }
    // 50 ms is half of what a long call takes, 2 ms is twice of what a short one takes.
    call(setup, setup.set[0], 50, false, "/test.v1.Test/Long");
    call(setup, setup.set[1], 2, false, "/test.v1.Test/Short");
    expect(choice(setup)).toBe(setup.set[0]);
  });

  test("idleness forgives: after 3 s a time counts half", () => {
    const setup = setUp(2);
    for (let i = 0; i < 300; i++) call(setup, setup.set[i % 2], 10);
    call(setup, setup.set[0], 20);
    setup.clock.advance(2_900);
    call(setup, setup.set[1], 10);
    expect(choice(setup)).toBe(setup.set[1]);
    setup.clock.advance(1_000_000);
    call(setup, setup.set[0], 20);
    setup.clock.advance(3_100);
    call(setup, setup.set[1], 10);
    expect(choice(setup)).toBe(setup.set[0]);
  });

  test("a fault counts as ten times the usual, however quick it was", () => {
    const setup = setUp(2);
    for (let i = 0; i < 300; i++) call(setup, setup.set[i % 2], 10);
    call(setup, setup.set[0], 0.1, true);
    call(setup, setup.set[1], 90);
    expect(choice(setup)).toBe(setup.set[1]);
    setup.clock.advance(28_000);
    // 10 / (1 + 28 / 3) is a little less than 1: as good as one that was as quick as usual just now.
    call(setup, setup.set[1], 11);
    expect(choice(setup)).toBe(setup.set[0]);
  });

  test("faults do not change what is usual", () => {
    const setup = setUp(2);
    for (let i = 0; i < 300; i++) call(setup, setup.set[i % 2], 10);
    for (let i = 0; i < 300; i++) call(setup, setup.set[1], 0.1, true);
    call(setup, setup.set[0], 10);
    for (let i = 0; i < 20; i++) expect(choice(setup)).toBe(setup.set[0]);
  });

  test("a call that says nothing about the pod keeps its time and counts as a use", () => {
    const setup = setUp(2);
    for (let i = 0; i < 300; i++) call(setup, setup.set[i % 2], 10);
    setup.clock.advance(1_000);
    expect(setup.set).toContain(choice(setup));
    // Cancelled calls take turns: each makes its endpoint the less idle of two equals.
    call(setup, setup.set[0], -1);
    expect(choice(setup)).toBe(setup.set[1]);
    setup.clock.advance(1_000);
    call(setup, setup.set[1], -1);
    expect(choice(setup)).toBe(setup.set[0]);
  });

  test("an endpoint never used counts as the median of the others", () => {
    const setup = setUp(5);
    for (let i = 0; i < 300; i++) call(setup, setup.set[i % 5], 10);
    for (const [i, elapsed] of [4, 5, 6, 8, 9].entries()) call(setup, setup.set[i], elapsed);
    const [fresh] = endpoints(1, "fresh");
    setup.set.push(fresh);
    setup.policy.update(setup.set);
    const order = Array.from({ length: 6 }, () => setup.policy.pick(METHOD)!.name);
    expect(order.slice(0, 2)).toEqual(["e0", "e1"]);
    expect(order.slice(2, 4).sort()).toEqual(["e2", "fresh0"]);
    expect(order.slice(4)).toEqual(["e3", "e4"]);
  });

  test("an endpoint never used is as idle as the others when it joins", () => {
    const setup = setUp(2);
    for (let i = 0; i < 300; i++) call(setup, setup.set[i % 2], 10);
    setup.clock.advance(60_000);
    const [fresh] = endpoints(1, "fresh");
    setup.set.push(fresh);
    setup.policy.update(setup.set);
    const picked = new Set(Array.from({ length: 50 }, () => choice(setup)));
    expect(picked).toEqual(new Set(setup.set));
  });

  test("endpoints that another policy has served before are never used ones here", () => {
    const { set, clock } = setUp(4);
    const policy = createPolicy<TestEndpoint>("least_outstanding", {
      ties: "quickest",
      clock,
      random: seededRandom(2),
    });
    policy.update(set);
    const picked = new Set(Array.from({ length: 100 }, () => choice({ clock, policy, set })));
    expect(picked).toEqual(new Set(set));
  });

  test("what is known of an endpoint outlives its absence", () => {
    const setup = setUp(3);
    for (let i = 0; i < 300; i++) call(setup, setup.set[i % 3], 10);
    const [failing, ...others] = setup.set;
    // Fails as it goes: its connection is lost first, and its call fails after that.
    setup.policy.update([failing]);
    setup.policy.pick(METHOD);
    setup.policy.update(others);
    setup.policy.done(failing, METHOD, 0.1, true);
    setup.policy.update(setup.set);
    for (let i = 0; i < 20; i++) expect(choice(setup)).not.toBe(failing);
  });

  test("equal scores are drawn evenly, not by position", () => {
    for (const size of [2, 10, 64, 65, 200]) {
      const setup = setUp(size);
      const counts = new Map<TestEndpoint, number>();
      for (let i = 0; i < 50 * size; i++) {
        const picked = choice(setup);
        counts.set(picked, (counts.get(picked) ?? 0) + 1);
      }
      const expected = 50;
      const chi = setup.set.reduce((sum, e) => sum + ((counts.get(e) ?? 0) - expected) ** 2 / expected, 0);
      // Mean size - 1, variance 2 (size - 1): five standard deviations above.
      expect(chi).toBeLessThan(size - 1 + 5 * Math.sqrt(2 * (size - 1)));
    }
  });

  test("above 64 ties, 64 are drawn: the quickest is taken in 64 of n picks", () => {
    const size = 640;
    const setup = setUp(size);
    for (const endpoint of setup.set) call(setup, endpoint, 10);
    call(setup, setup.set[123], 1);
    let taken = 0;
    const picks = 2_000;
    for (let i = 0; i < picks; i++) if (choice(setup) === setup.set[123]) taken++;
    // 200 expected, standard deviation 13.4.
    expect(taken).toBeGreaterThan(200 - 5 * 13.4);
    expect(taken).toBeLessThan(200 + 5 * 13.4);
  });

  test("64 ties are all looked at", () => {
    const setup = setUp(64);
    for (const endpoint of setup.set) call(setup, endpoint, 10);
    call(setup, setup.set[63], 5);
    for (let i = 0; i < 50; i++) expect(choice(setup)).toBe(setup.set[63]);
  });
});
