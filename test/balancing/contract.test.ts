import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Policy } from "../../src/balancing/policy.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { mulberry32 } from "../support/mulberry32.ts";
import { seededRandom } from "../support/random.ts";
import { contenders, endpoints, type TestEndpoint } from "./contenders.ts";

const METHOD = "/test.v1.Test/Call";

// What holds for every policy, whatever it chooses by.
describe.each(contenders)("$name", ({ create }) => {
  const seeded = () => create(new FakeClock(), seededRandom());

  test("pick: undefined before the first update and for an empty set", () => {
    const policy = seeded();
    expect(policy.pick(METHOD)).toBeUndefined();
    policy.update([]);
    expect(policy.pick(METHOD)).toBeUndefined();
    policy.update(endpoints(1));
    policy.update([]);
    expect(policy.pick(METHOD, endpoints(1)[0])).toBeUndefined();
  });

  test("pick: chooses from the ready set and counts, one call at a time", () => {
    const policy = seeded();
    const set = endpoints(7);
    policy.update(set);
    for (let calls = 1; calls <= 100; calls++) {
      const before = set.map(({ outstanding }) => outstanding);
      const picked = policy.pick(METHOD)!;
      expect(set).toContain(picked);
      const after = set.map(({ outstanding }) => outstanding);
      expect(after).toEqual(before.map((count, i) => count + (set[i] === picked ? 1 : 0)));
    }
  });

  test("done: uncounts exactly the call's endpoint", () => {
    const policy = seeded();
    const set = endpoints(3);
    policy.update(set);
    const open = Array.from({ length: 30 }, () => policy.pick(METHOD)!);
    for (const endpoint of open) {
      const before = set.map(({ outstanding }) => outstanding);
      policy.done(endpoint, METHOD, 10, false);
      expect(set.map(({ outstanding }) => outstanding)).toEqual(
        before.map((n, i) => n - (set[i] === endpoint ? 1 : 0)),
      );
    }
    expect(set.every(({ outstanding }) => outstanding === 0)).toBe(true);
  });

  test("done: a second one for the same call throws and spoils no count", () => {
    const policy = seeded();
    const [only] = endpoints(1);
    policy.update([only]);
    policy.done(policy.pick(METHOD)!, METHOD, 10, false);
    expect(() => policy.done(only, METHOD, 10, false)).toThrow("done without an outstanding call");
    expect(only.outstanding).toBe(0);
    expect(policy.pick(METHOD)).toBe(only);
  });

  test("every endpoint of the set is picked sooner or later", () => {
    const policy = seeded();
    const set = endpoints(5);
    policy.update(set);
    const picked = new Set(Array.from({ length: 500 }, () => policy.pick(METHOD)));
    expect(picked).toEqual(new Set(set));
  });

  test("update: endpoints that stay keep their counts, those that went are not picked", () => {
    const policy = seeded();
    const old = endpoints(6, "old");
    policy.update(old);
    for (let calls = 0; calls < 60; calls++) policy.pick(METHOD);
    const counts = new Map(old.map((endpoint) => [endpoint, endpoint.outstanding]));
    const next = [...endpoints(2, "new"), ...old.slice(3)];
    policy.update(next);
    for (const [endpoint, count] of counts) expect(endpoint.outstanding).toBe(count);
    for (let calls = 0; calls < 200; calls++) expect(next).toContain(policy.pick(METHOD));
    for (const gone of old.slice(0, 3)) expect(gone.outstanding).toBe(counts.get(gone));
  });

  test("update: takes a copy of the set", () => {
    const policy = seeded();
    const set = endpoints(2);
    const given = [...set];
    policy.update(given);
    given.length = 0;
    expect(set).toContain(policy.pick(METHOD));
  });

  test("done: uncounts endpoints that left the set, and that came back with calls open", () => {
    const policy = seeded();
    const set = endpoints(2);
    policy.update(set);
    const open = Array.from({ length: 40 }, () => policy.pick(METHOD)!);
    const gone = open.filter((endpoint) => endpoint === set[0]);
    policy.update([set[1]]);
    policy.done(gone.pop()!, METHOD, 10, false);
    expect(set[0].outstanding).toBe(gone.length);
    policy.update([]);
    policy.update(set);
    expect(set[0].outstanding).toBe(gone.length);
    for (const endpoint of gone) policy.done(endpoint, METHOD, 10, true);
    expect(set[0].outstanding).toBe(0);
  });

  test("except: another endpoint is picked as long as there is one, whatever the counts", () => {
    const policy = seeded();
    for (const size of [2, 3, 10]) {
      const set = endpoints(size);
      policy.update(set);
      for (let calls = 0; calls < 200; calls++) {
        const except = set[calls % size];
        const picked = policy.pick(METHOD, except)!;
        expect(set).toContain(picked);
        expect(picked).not.toBe(except);
        if (calls % 3 === 0) policy.done(picked, METHOD, 10, false);
      }
    }
  });

  test("except: the only endpoint is picked all the same, and one that left the set avoids nobody", () => {
    const policy = seeded();
    const set = endpoints(2);
    policy.update(set);
    policy.update([set[0]]);
    expect(policy.pick(METHOD, set[0])).toBe(set[0]);
    expect(policy.pick(METHOD, set[1])).toBe(set[0]);
    policy.update(set);
    policy.update([]);
    policy.update([set[1]]);
    expect(policy.pick(METHOD, set[0])).toBe(set[1]);
  });

  test("except: every other endpoint may be picked", () => {
    const policy = seeded();
    const set = endpoints(5);
    policy.update(set);
    const picked = new Set(Array.from({ length: 500 }, () => policy.pick(METHOD, set[2])));
    expect(picked).toEqual(new Set(set.filter((endpoint) => endpoint !== set[2])));
  });

  test("endpoints that another policy has served start here without a past", () => {
    const set = endpoints(4);
    const first = seeded();
    first.update(set);
    const second = seeded();
    second.update([set[3], set[2]]);
    expect([set[2], set[3]]).toContain(second.pick(METHOD));
    expect(second.pick(METHOD, set[3])).toBe(set[2]);
  });

  test("a random program leaves every count right at each step, and 0 at the end", () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 120 }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (program, seed) => {
          const clock = new FakeClock();
          run(create(clock, mulberry32(seed)), clock, program);
        },
      ),
      { numRuns: 150 },
    );
  });
});

type Step =
  | { readonly do: "update"; readonly members: number }
  | { readonly do: "pick"; readonly times: number; readonly except: number | null }
  | { readonly do: "done"; readonly which: number; readonly elapsed: number; readonly fault: boolean }
  | { readonly do: "wait"; readonly ms: number };

/** Endpoints in a random program: a set is a bit mask of them. */
const ALL = 8;

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("update" as const), members: fc.integer({ min: 0, max: 2 ** ALL - 1 }) }),
  fc.record({
    do: fc.constant("pick" as const),
    times: fc.integer({ min: 1, max: 20 }),
    except: fc.option(fc.integer({ min: 0, max: ALL - 1 })),
  }),
  fc.record({
    do: fc.constant("done" as const),
    which: fc.nat(),
    elapsed: fc.oneof(fc.constantFrom(-1, 0), fc.double({ min: 0, max: 1e5, noNaN: true })),
    fault: fc.boolean(),
  }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 100_000 }) }),
);

/** Runs a program against the simplest model there is: a list of the calls that are open. */
function run(policy: Policy<TestEndpoint>, clock: FakeClock, program: readonly Step[]): void {
  const all = endpoints(ALL);
  let ready: TestEndpoint[] = [];
  const open: TestEndpoint[] = [];
  const check = () => {
    for (const endpoint of all) expect(endpoint.outstanding).toBe(open.filter((other) => other === endpoint).length);
  };
  for (const step of program) {
    if (step.do === "update") {
      ready = all.filter((_, i) => step.members & (1 << i));
      policy.update(ready);
    } else if (step.do === "wait") {
      clock.advance(step.ms);
    } else if (step.do === "done") {
      const [endpoint] = open.splice(step.which % Math.max(1, open.length), 1);
      if (endpoint !== undefined) policy.done(endpoint, METHOD, step.elapsed, step.fault);
    } else {
      for (let i = 0; i < step.times; i++) {
        const except = step.except === null ? undefined : all[step.except];
        const picked = policy.pick(METHOD, except);
        if (picked === undefined) expect(ready).toHaveLength(0);
        else {
          expect(ready).toContain(picked);
          if (ready.length > 1) expect(picked).not.toBe(except);
          open.push(picked);
        }
      }
    }
    check();
  }
  for (const endpoint of open.splice(0)) policy.done(endpoint, METHOD, 1, false);
  check();
}
