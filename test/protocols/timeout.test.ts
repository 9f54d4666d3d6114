import { describe, expect, test } from "vitest";
import { formatTimeout, parseConnectTimeout, parseTimeout } from "../../src/protocols/timeout.ts";
import { seededRandom } from "../support/random.ts";

describe("parseTimeout", () => {
  test.each([
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3_000],
    ["4m", 4],
    ["5000u", 5],
    ["6000000n", 6],
    ["0S", 0],
    ["00000001S", 1_000],
    ["99999999m", 99_999_999],
    ["99999999H", 99_999_999 * 3_600_000],
  ])("%s: %d ms", (text, ms) => {
    expect(parseTimeout(text)).toBeCloseTo(ms, 6);
  });

  test("absent: no limit", () => {
    expect(parseTimeout(undefined)).toBe(Number.POSITIVE_INFINITY);
    expect(parseConnectTimeout(undefined)).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    "",
    "1",
    "S",
    "1s",
    "1h",
    "123456789S",
    "-1S",
    "+1S",
    "1.5S",
    " 1S",
    "1S ",
    "1SS",
    "0x1S",
    "1e3S",
    "NaN",
    "1S\n",
  ])("%j: malformed", (text) => {
    expect(parseTimeout(text)).toBeNaN();
  });

  test.each(["", "1S", "12345678901", "-1", "1.5", " 1", "1e3", "0x10"])("connect-timeout-ms %j: malformed", (text) => {
    expect(parseConnectTimeout(text)).toBeNaN();
  });

  test("connect-timeout-ms: up to ten digits", () => {
    expect(parseConnectTimeout("0")).toBe(0);
    expect(parseConnectTimeout("9999999999")).toBe(9_999_999_999);
  });
});

describe("formatTimeout", () => {
  test.each([
    [1, "1m"],
    [1.999, "1m"],
    [997, "997m"],
    [99_999_999, "99999999m"],
    [99_999_999.9, "99999999m"],
    [100_000_000, "100000S"],
    [99_999_999_999, "99999999S"],
    [100_000_000_000, "1666666M"],
    [5_999_999_940_000, "99999999M"],
    [6_000_000_000_000, "1666666H"],
    [1e30, "99999999H"],
    [0.999, "999u"],
    [0.5, "500u"],
    [0.001, "1u"],
    [0.0000001, "1u"],
  ])("%d ms: %s", (ms, text) => {
    expect(formatTimeout(ms)).toBe(text);
  });

  test("read again: never more than it was, and within one of its unit", () => {
    const random = seededRandom();
    for (let i = 0; i < 5_000; i++) {
      const ms = 10 ** (random() * 17 - 3);
      const text = formatTimeout(ms);
      expect(text).toMatch(/^[1-9]\d{0,7}[HMSmu]$/);
      const back = parseTimeout(text);
      expect(back, `${ms}`).toBeLessThanOrEqual(ms * (1 + 1e-12));
      const unit = parseTimeout(`1${text.slice(-1)}`);
      if (ms < 99_999_999 * 3_600_000) expect(ms - back, `${ms}`).toBeLessThan(unit * (1 + 1e-9));
    }
  });
});
