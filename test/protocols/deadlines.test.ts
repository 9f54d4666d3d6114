import { describe, expect, test } from "vitest";
import { type Deadline, Deadlines } from "../../src/protocols/deadlines.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { integer, seededRandom } from "../support/random.ts";

const TICK = 5;
/** One round of the wheel. */
const ROUND = 2_048 * TICK;
/** The timer's whole milliseconds. */
const ROUNDING = 1;

class Entry implements Deadline {
  at: number;
  next: Deadline | null = null;
  previous: Deadline | null = null;
  slot = -1;
  /** When it expired; -1 before. */
  expiredAt = -1;
  times = 0;
  readonly #clock: FakeClock;
  readonly #then: () => void;

  constructor(clock: FakeClock, at: number, run: () => void = () => {}) {
    this.#clock = clock;
    this.at = at;
    this.#then = run;
  }

  expired(): void {
    this.times++;
    this.expiredAt = this.#clock.now();
    this.#then();
  }
}

function wheel() {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const add = (at: number, run?: () => void): Entry => {
    const entry = new Entry(clock, at, run);
    deadlines.add(entry);
    return entry;
  };
  return { clock, deadlines, add };
}

describe("deadlines", () => {
  test("empty: no timer runs", () => {
    const { clock, deadlines, add } = wheel();
    expect(clock.pending).toBe(0);
    const entry = add(100);
    expect(clock.pending).toBe(1);
    deadlines.remove(entry);
    expect([clock.pending, deadlines.size, entry.slot]).toEqual([0, 0, -1]);
    add(100);
    clock.advance(1_000);
    expect([clock.pending, deadlines.size]).toEqual([0, 0]);
  });

  test("never early, at most a tick and a millisecond late, wherever time and deadline stand in a tick", () => {
    const random = seededRandom();
    for (let round = 0; round < 20; round++) {
      const { clock, deadlines, add } = wheel();
      clock.advance(random() * 20_000);
      const entries = Array.from({ length: 100 }, () =>
        add(clock.now() + 0.001 + random() * 3 * ROUND * (random() < 0.3 ? 1 : 0.01)),
      );
      for (const end = clock.now() + 3.1 * ROUND; clock.now() < end; ) clock.advance(random() * 0.1 * ROUND);
      for (const { at, expiredAt, times } of entries) {
        expect(times).toBe(1);
        expect(expiredAt).toBeGreaterThanOrEqual(at);
        expect(expiredAt).toBeLessThanOrEqual(at + TICK + ROUNDING);
      }
      expect(deadlines.size).toBe(0);
    }
  });

  test("same slot, different rounds: each in its own round", () => {
    const { clock, add } = wheel();
    const entries = [0, 1, 2, 3].map((round) => add(100 + round * ROUND));
    for (let round = 0; round < 4; round++) {
      clock.advance(round === 0 ? 99 : ROUND - 2);
      expect(entries.map(({ times }) => times)).toEqual([0, 1, 2, 3].map((i) => (i < round ? 1 : 0)));
      clock.advance(2);
      expect(entries[round].times).toBe(1);
    }
  });

  test("far future: a century costs nothing and expires when it has come", () => {
    const { clock, deadlines, add } = wheel();
    const century = 100 * 365.25 * 24 * 3_600_000;
    const longest = add(99_999_999 * 3_600_000);
    const far = add(century);
    clock.advance(10 * ROUND);
    expect([far.times, longest.times]).toEqual([0, 0]);
    deadlines.remove(far);
    deadlines.remove(longest);
    expect(clock.pending).toBe(0);
  });

  test("in the past already: expires at the next tick", () => {
    const { clock, add } = wheel();
    clock.advance(1_234.5);
    const past = add(100);
    const now = add(1_234.5);
    expect(past.times).toBe(0);
    clock.advance(TICK + ROUNDING);
    expect([past.times, now.times]).toEqual([1, 1]);
  });

  test("long pause: everything that fell due expires at once, however many rounds have passed", () => {
    const clock = new FakeClock();
    // A clock whose timers come late, like those of a process that was stopped.
    let frozen = 0;
    let run = () => {};
    const deadlines = new Deadlines({
      now: () => frozen,
      wall: () => 0,
      timer: (callback) => {
        run = callback;
        return { cancel: () => {} };
      },
    });
    const entries = Array.from({ length: 500 }, (_, i) => new Entry(clock, i * 97 + 1));
    for (const entry of entries) deadlines.add(entry);
    frozen = 30_000;
    run();
    for (const { at, times } of entries) expect(times, String(at)).toBe(at <= 30_000 ? 1 : 0);
    expect(deadlines.size).toBe(entries.filter(({ at }) => at > 30_000).length);
    frozen = 10 * ROUND;
    run();
    expect(deadlines.size).toBe(0);
  });

  test("added while others expire: waits for its own time, in the same slot or another", () => {
    const { clock, add } = wheel();
    const added: Entry[] = [];
    for (let i = 0; i < 10; i++) {
      add(100, () => {
        for (const ms of [0.5, TICK, 3 * TICK, ROUND, ROUND + 100]) added.push(add(clock.now() + ms));
      });
    }
    clock.advance(3 * ROUND);
    expect(added).toHaveLength(50);
    for (const { at, expiredAt, times } of added) {
      expect(times).toBe(1);
      expect(expiredAt - at).toBeGreaterThanOrEqual(0);
      expect(expiredAt - at).toBeLessThanOrEqual(TICK + ROUNDING);
    }
  });

  test("adds itself again: once per time, for as long as it does", () => {
    const { clock, deadlines } = wheel();
    const entry: Entry = new Entry(clock, 100, () => {
      if (entry.times === 7) return;
      entry.at = clock.now() + 100;
      deadlines.add(entry);
    });
    deadlines.add(entry);
    clock.advance(100_000);
    expect(entry.times).toBe(7);
    expect(deadlines.size).toBe(0);
  });

  test("removed while another one expires: does not expire, whether it stood before or behind it", () => {
    for (const kill of [0, 1, 2, 4]) {
      const { clock, deadlines } = wheel();
      const entries: Entry[] = [];
      // All in one slot, and the one in the middle removes another.
      for (let i = 0; i < 5; i++) {
        entries.push(
          new Entry(clock, 100, () => {
            const victim = entries[kill];
            if (i === 3 && victim.slot >= 0) deadlines.remove(victim);
          }),
        );
      }
      for (const entry of entries) deadlines.add(entry);
      clock.advance(200);
      expect(deadlines.size).toBe(0);
      // The list is last in, first out: those before the third are looked at after it.
      expect(entries.map(({ times }) => times)).toEqual([0, 1, 2, 3, 4].map((i) => (i === kill && kill < 3 ? 0 : 1)));
    }
  });

  test("all of a slot removed by the first that expires", () => {
    const { clock, deadlines } = wheel();
    const entries: Entry[] = [];
    for (let i = 0; i < 20; i++) {
      entries.push(
        new Entry(clock, 100 + (i % 2) * ROUND, () => {
          for (const other of entries) if (other.slot >= 0) deadlines.remove(other);
        }),
      );
    }
    for (const entry of entries) deadlines.add(entry);
    clock.advance(3 * ROUND);
    expect(entries.reduce((sum, { times }) => sum + times, 0)).toBe(1);
    expect([deadlines.size, clock.pending]).toEqual([0, 0]);
  });

  test("any order of adding, removing and waiting: as a list that is searched would do", () => {
    const random = seededRandom();
    const { clock, deadlines } = wheel();
    const alive = new Set<Entry>();
    for (let step = 0; step < 20_000; step++) {
      const draw = random();
      if (draw < 0.5) {
        const entry: Entry = new Entry(clock, clock.now() + 0.01 + random() * (random() < 0.1 ? 40_000 : 300), () => {
          expect(alive.delete(entry)).toBe(true);
          expect(clock.now()).toBeGreaterThanOrEqual(entry.at);
          // A neighbour goes with it now and then.
          const [other] = alive;
          if (other !== undefined && random() < 0.3) {
            alive.delete(other);
            deadlines.remove(other);
          }
        });
        alive.add(entry);
        deadlines.add(entry);
      } else if (draw < 0.7 && alive.size > 0) {
        const victim = [...alive][integer(random, 0, Math.min(alive.size, 50) - 1)];
        alive.delete(victim);
        deadlines.remove(victim);
      } else clock.advance(random() * 10);
      for (const { at } of [...alive].slice(0, 3)) expect(at).toBeGreaterThan(clock.now() - TICK - ROUNDING);
      expect(deadlines.size).toBe(alive.size);
    }
  });
});
