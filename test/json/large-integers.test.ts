import fc from "fast-check";
import { expect, test } from "vitest";
import { quoteLargeIntegers } from "../../src/json/large-integers.ts";

const cases: readonly (readonly [what: string, json: string, quoted: string])[] = [
  ["no numbers", `{"a":"b"}`, `{"a":"b"}`],
  ["a double holds it", "9007199254740992", "9007199254740992"],
  ["a double does not", "9007199254740993", `"9007199254740993"`],
  ["the largest uint64", "[18446744073709551615]", `["18446744073709551615"]`],
  ["the smallest int64 is a power of two", `{"a":-9223372036854775808}`, `{"a":-9223372036854775808}`],
  ["negative", "-9223372036854775807", `"-9223372036854775807"`],
  ["in a string", `"9007199254740993"`, `"9007199254740993"`],
  ["in a key, after an escaped quote", `{"\\"9007199254740993":1}`, `{"\\"9007199254740993":1}`],
  ["a backslash before the end of a string", `["\\\\",9007199254740993]`, `["\\\\","9007199254740993"]`],
  ["with a fraction", "9007199254740993.5", "9007199254740993.5"],
  ["the fraction of one", "1.9007199254740993", "1.9007199254740993"],
  ["with an exponent", "9007199254740993e3", "9007199254740993e3"],
  ["an exponent", "1e-9007199254740993", "1e-9007199254740993"],
  ["not JSON: a leading zero", "09007199254740993", "09007199254740993"],
  ["not JSON: a string without an end", `"9007199254740993`, `"9007199254740993`],
];

test.each(cases)("large integers: %s", (_what, json, quoted) => {
  expect(quoteLargeIntegers(json)).toBe(quoted);
});

test("large integers: what JSON.parse reads exactly is left alone, all else keeps its digits", () => {
  const number = fc.oneof(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String), fc.double().map(String));
  const value = fc.array(
    fc.oneof(
      number,
      fc.string().map((text) => JSON.stringify(text)),
    ),
  );
  fc.assert(
    fc.property(value, (parts) => {
      const texts = parts.map((part) => (/NaN|Infinity/.test(part) ? "0" : part));
      const read = JSON.parse(quoteLargeIntegers(`[${texts.join(", ")}]`)) as unknown[];
      texts.forEach((text, i) => {
        if (text.startsWith('"')) expect(read[i]).toBe(JSON.parse(text));
        else if (typeof read[i] === "string") expect(read[i]).toBe(text);
        else if (/^-?\d+$/.test(text)) expect(BigInt(read[i] as number)).toBe(BigInt(text));
        else expect(read[i]).toBe(Number(text));
      });
    }),
  );
});

test("large integers: 4 MiB of escaped quotes in a string without an end take linear time", () => {
  // Quadratic would be minutes; the test's own timeout is the bound.
  const json = `1234567890123456789"${'\\"'.repeat(2 << 20)}`;
  expect(quoteLargeIntegers(json)).toHaveLength(json.length + 2);
});
