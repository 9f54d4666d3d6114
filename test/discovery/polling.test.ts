import { describe, expect, test } from "vitest";
import { createPollingResolver, type PollingOptions } from "../../src/discovery/polling.ts";
import type { Probe, ResolutionFailure } from "../../src/discovery/prober.ts";
import type { Address, Random } from "../../src/runtime/machine.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { seededRandom } from "../support/random.ts";

function found(hosts: string, ttl: number | null = null): Probe {
  return { outcome: "ok", addresses: hosts.split(" ").map((host): Address => ({ kind: "tcp", host, port: 80 })), ttl };
}

function failure(outcome: ResolutionFailure["outcome"]): ResolutionFailure {
  return { outcome, message: `echo: ${outcome}` };
}

/** A resolver over a prober that answers what the test says at the time; no jitter unless a test wants it. */
function setup({ random = () => 0, ...options }: Partial<PollingOptions> & { random?: Random } = {}) {
  const clock = new FakeClock();
  const log = collectingLog();
  const events: string[] = [];
  const probes: number[] = [];
  const state = { answer: found("10.0.0.1") as Probe, forgotten: 0, running: 0, atOnce: 0 };
  let held: Promise<void> | null = null;
  const resolver = createPollingResolver(
    {
      probe: async () => {
        probes.push(clock.now());
        state.running++;
        state.atOnce = Math.max(state.atOnce, state.running);
        await held;
        state.running--;
        return state.answer;
      },
      forget: () => void state.forgotten++,
    },
    { name: "echo", period: 5_000, hold: 30_000, ...options },
    { clock, random },
    log,
  );
  const start = () =>
    resolver.start({
      resolved: (addresses) =>
        void events.push(addresses.map((address) => (address.kind === "tcp" ? address.host : address.path)).join(" ")),
      emptied: (reason) => void events.push(`emptied: ${reason}`),
      failed: (error) => void events.push(`failed: ${error.outcome}`),
    });
  return {
    clock,
    log,
    events,
    probes,
    state,
    resolver,
    /** Starts and waits for the first answer. */
    start: async () => {
      start();
      await clock.waitForTimers(1);
    },
    startOnly: start,
    /** Moves time on, one refresh after the other. */
    pass: async (ms: number) => {
      const end = clock.now() + ms;
      while (clock.next !== null && clock.now() + clock.next <= end) {
        clock.advance(clock.next);
        await clock.waitForTimers(1);
      }
      clock.advance(end - clock.now());
    },
    /** Makes probes wait; the function that is returned lets them go on. */
    hold: (): (() => void) => {
      let release = () => {};
      held = new Promise((resolve) => {
        release = () => {
          held = null;
          resolve();
        };
      });
      return release;
    },
  };
}

describe("polling", () => {
  test("start: asks at once, then once a period", async () => {
    const { start, pass, probes } = setup();
    await start();
    await pass(20_000);
    expect(probes).toEqual([0, 5_000, 10_000, 15_000, 20_000]);
  });

  test("set: is reported whole, sorted and without duplicates, and only when it is another one", async () => {
    const { start, pass, state, events } = setup();
    state.answer = found("10.0.0.2 10.0.0.1 10.0.0.2");
    await start();
    state.answer = found("10.0.0.1 10.0.0.2");
    await pass(5_000);
    expect(events).toEqual(["10.0.0.1 10.0.0.2"]);
    state.answer = found("10.0.0.3 10.0.0.1 10.0.0.2");
    await pass(5_000);
    state.answer = found("10.0.0.3");
    await pass(5_000);
    expect(events.slice(1)).toEqual(["10.0.0.1 10.0.0.2 10.0.0.3", "10.0.0.3"]);
  });

  test.each([
    ["shorter than the period", 2_000, 2_000],
    ["longer than the period", 30_000, 5_000],
    ["0", 0, 1_000],
    ["none", null, 5_000],
  ])("TTL %s: the next refresh comes after the lesser, and never within a second", async (_, ttl, wait) => {
    const { start, pass, state, probes } = setup();
    state.answer = found("10.0.0.1", ttl);
    await start();
    await pass(wait);
    expect(probes).toEqual([0, wait]);
  });

  test("jitter: shortens each wait by up to a fifth, evenly, and never lengthens it", async () => {
    const { start, pass, probes } = setup({ random: seededRandom(1) });
    await start();
    await pass(5_000_000);
    const waits = probes.slice(1).map((at, i) => at - probes[i]);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(4_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_000);
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    expect(mean).toBeGreaterThan(4_450);
    expect(mean).toBeLessThan(4_550);
  });

  test("outcomes: are counted", async () => {
    const { start, pass, state, resolver } = setup();
    await start();
    state.answer = failure("servfail");
    await pass(5_000);
    expect(resolver.outcomes).toEqual({
      ok: 1,
      servfail: 1,
      nxdomain: 0,
      nodata: 0,
      refused: 0,
      timeout: 0,
      garbage: 0,
      unreachable: 0,
    });
  });

  test("stop: nothing happens any more, not even when an answer is on its way", async () => {
    const { start, resolver, clock, hold, probes, events, pass } = setup();
    await start();
    const release = hold();
    clock.advance(5_000);
    resolver.stop();
    release();
    await Promise.resolve();
    await pass(60_000);
    resolver.refresh();
    expect(probes.length).toBe(2);
    expect(events).toEqual(["10.0.0.1"]);
    expect(clock.pending).toBe(0);
  });

  test("stop from within a report: is obeyed", async () => {
    const { clock, resolver } = setup();
    const done = new Promise<void>((resolve) => {
      resolver.start({
        resolved: () => {
          resolver.stop();
          resolve();
        },
        emptied: () => {},
        failed: () => {},
      });
    });
    await done;
    await Promise.resolve();
    expect(clock.pending).toBe(0);
  });
});

describe("polling: refresh", () => {
  test("asked for: comes at once, and the period starts anew", async () => {
    const { start, pass, resolver, probes } = setup();
    await start();
    await pass(2_000);
    resolver.refresh();
    await pass(0);
    expect(probes).toEqual([0, 2_000]);
    await pass(5_000);
    expect(probes).toEqual([0, 2_000, 7_000]);
  });

  test("asked for a thousand times: one query set a second", async () => {
    const { start, pass, resolver, probes } = setup();
    await start();
    for (let i = 0; i < 1_000; i++) {
      resolver.refresh();
      await pass(3);
    }
    expect(probes).toEqual([0, 1_000, 2_000, 3_000]);
  });

  test("asked for while one runs: another one follows, since the answer may be older than the question", async () => {
    const { startOnly, clock, resolver, hold, probes, state, pass } = setup();
    const release = hold();
    startOnly();
    clock.advance(1_500);
    resolver.refresh();
    resolver.refresh();
    release();
    await clock.waitForTimers(1);
    await pass(0);
    expect(probes).toEqual([0, 1_500]);
    expect(state.atOnce).toBe(1);
    await pass(4_999);
    expect(probes.length).toBe(2);
  });

  test("slow answers: never two query sets at once", async () => {
    const { start, clock, resolver, hold, probes, state } = setup();
    await start();
    const release = hold();
    clock.advance(5_000);
    for (let i = 0; i < 10; i++) {
      resolver.refresh();
      clock.advance(5_000);
    }
    expect(probes).toEqual([0, 5_000]);
    release();
    await clock.waitForTimers(1);
    expect(state.atOnce).toBe(1);
  });

  test("asked for by the listener itself: a second after the one that reported", async () => {
    const { clock, resolver, probes, pass } = setup();
    resolver.start({ resolved: () => resolver.refresh(), emptied: () => {}, failed: () => {} });
    await clock.waitForTimers(1);
    await pass(1_000);
    expect(probes).toEqual([0, 1_000]);
  });

  test("before the start: does nothing", () => {
    const { resolver, clock } = setup();
    resolver.refresh();
    expect(clock.pending).toBe(0);
  });
});

describe("polling: failures", () => {
  const faults = ["servfail", "refused", "timeout", "garbage", "unreachable"] as const;

  test.each(faults)("%s for an hour: the last set stays, and the waits grow to half a minute", async (outcome) => {
    const { start, pass, state, events, probes } = setup();
    await start();
    state.answer = failure(outcome);
    await pass(3_600_000);
    expect(new Set(events)).toEqual(new Set(["10.0.0.1", `failed: ${outcome}`]));
    const waits = probes.slice(1).map((at, i) => Math.round(at - probes[i]));
    expect(waits.slice(0, 12)).toEqual([
      5_000, 1_000, 1_600, 2_560, 4_096, 6_554, 10_486, 16_777, 26_844, 30_000, 30_000, 30_000,
    ]);
    state.answer = found("10.0.0.2");
    await pass(30_000);
    expect(events.at(-1)).toBe("10.0.0.2");
  });

  test.each(["nxdomain", "nodata"] as const)(
    "%s: empties the set after the hold, once, and not before",
    async (outcome) => {
      const { start, pass, state, events, clock } = setup();
      await start();
      state.answer = failure(outcome);
      await pass(5_000);
      const since = clock.now();
      await pass(29_999);
      expect(events.filter((event) => event.startsWith("emptied"))).toEqual([]);
      // The rate limit of a second may make it a little late.
      await pass(1_001);
      expect(clock.now() - since).toBe(31_000);
      expect(events.at(-1)).toBe(`emptied: echo: ${outcome}`);
      expect(state.forgotten).toBe(1);
      await pass(300_000);
      expect(events.filter((event) => event.startsWith("emptied")).length).toBe(1);
      state.answer = found("10.0.0.1");
      await pass(5_000);
      expect(events.at(-1)).toBe("10.0.0.1");
    },
  );

  test("nxdomain and nodata by turns: are both a no, and the hold goes on", async () => {
    const { start, pass, state, events } = setup();
    await start();
    for (let i = 0; i < 40; i++) {
      state.answer = failure(i % 2 === 0 ? "nxdomain" : "nodata");
      await pass(1_000);
    }
    expect(events.some((event) => event.startsWith("emptied"))).toBe(true);
  });

  test.each([...faults, "ok"] as const)("a single %s in between: the hold starts anew", async (outcome) => {
    const { start, pass, state, events, resolver, clock } = setup();
    await start();
    state.answer = failure("nxdomain");
    await pass(29_000);
    state.answer = outcome === "ok" ? found("10.0.0.1") : failure(outcome);
    resolver.refresh();
    await pass(1_000);
    expect(resolver.outcomes[outcome]).toBeGreaterThan(0);
    state.answer = failure("nxdomain");
    resolver.refresh();
    await pass(1_000);
    const since = clock.now();
    await pass(28_500);
    expect(events.some((event) => event.startsWith("emptied"))).toBe(false);
    await pass(2_000);
    expect(clock.now() - since).toBeGreaterThan(29_000);
    expect(events.at(-1)).toMatch(/^emptied/);
  });

  test("a no from the very start: is told after the hold as well", async () => {
    const { start, pass, state, events } = setup();
    state.answer = failure("nxdomain");
    await start();
    await pass(31_000);
    expect(events.at(-1)).toBe("emptied: echo: nxdomain");
  });

  test("a no: is asked again once a period at least, so that a Service scaled up from nothing is seen", async () => {
    const { start, pass, state, probes } = setup();
    state.answer = failure("nodata");
    await start();
    await pass(3_600_000);
    const waits = probes.slice(-100).map((at, i, all) => (i === 0 ? 0 : at - all[i - 1]));
    expect(Math.max(...waits)).toBe(5_000);
  });

  test("refresh during a back-off: is not made to wait for its end", async () => {
    const { start, pass, state, resolver, probes } = setup();
    state.answer = failure("timeout");
    await start();
    await pass(100_000);
    const before = probes.length;
    await pass(2_000);
    resolver.refresh();
    await pass(0);
    expect(probes.length).toBe(before + 1);
  });

  test("prober that throws: counts as garbage and is asked again", async () => {
    const clock = new FakeClock();
    const resolver = createPollingResolver(
      { probe: () => Promise.reject(new Error("broken")), forget: () => {} },
      { name: "echo", period: 5_000, hold: 30_000 },
      { clock, random: () => 0 },
      collectingLog(),
    );
    const errors: string[] = [];
    resolver.start({ resolved: () => {}, emptied: () => {}, failed: (error) => void errors.push(error.message) });
    await clock.waitForTimers(1);
    expect(errors).toEqual(["echo: Error: broken"]);
    resolver.stop();
  });

  test("log: says each change of state once", async () => {
    const { start, pass, state, log } = setup();
    await start();
    state.answer = failure("timeout");
    await pass(60_000);
    state.answer = failure("nxdomain");
    await pass(120_000);
    state.answer = found("10.0.0.1");
    await pass(60_000);
    expect(log.lines.map((line) => `${line.level} ${line.event} ${line.fields.outcome ?? ""}`)).toEqual([
      "warn resolution failed timeout",
      "warn resolution failed nxdomain",
      "warn resolution emptied nxdomain",
      "info resolution recovered ",
    ]);
  });
});
