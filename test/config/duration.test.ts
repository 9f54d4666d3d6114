import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDuration, guessDuration, parseDuration } from "../../src/config/duration.ts";
import { nearest } from "../../src/config/nearest.ts";

describe("durations", () => {
  test.each([
    ["0s", 0],
    ["250ms", 250],
    ["5s", 5000],
    ["1m30s", 90_000],
    ["1h", 3_600_000],
    ["1h2m3s4ms", 3_723_004],
    ["1s1s", 2000],
    ["99999h", 359_996_400_000],
  ])("%s is %d ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(["", "5", "s", "5 s", "-5s", "1.5s", "5S", "5sec", "100000s", "1h1m1s1ms1s", "5s ", "٣s"])(
    "%j is none",
    (text) => expect(parseDuration(text)).toBeNull(),
  );

  test.each([
    ["5", "5s"],
    ["0.25s", "250ms"],
    ["1.5h", "1h30m"],
    ["5 sec", "5s"],
    ["10 minutes", "10m"],
    ["500millis", "500ms"],
    ["soon", null],
    ["-5s", null],
    ["9e99", null],
  ])("%j was perhaps meant as %s", (text, guess) => expect(guessDuration(text)).toBe(guess));

  test("what is written is read back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 99_999 * 3_600_000 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});

describe("the nearest word", () => {
  const words = ["listeners", "routes", "backends", "connect_timeout"];
  test.each([
    ["listener", "listeners"],
    ["lisetners", "listeners"],
    ["Routes", "routes"],
    ["connectTimeout", "connect_timeout"],
    ["connect-timeuot", "connect_timeout"],
    ["frontends", null],
    ["x", null],
    ["", null],
    ["listeners".repeat(1000), null],
  ])("of row %#", (word, wanted) => expect(nearest(word, words)).toBe(wanted));
});
