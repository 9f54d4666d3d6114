import { create, type JsonValue, toBinary } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { markLargeIntegers, readLargeIntegers } from "../../src/json/large-integers.ts";
import { createSchema, readDescriptorSet, type Schema } from "../../src/json/schema.ts";
import { buildSet } from "./support/protos.ts";

const BIG = "9007199254740993";

const marked: readonly (readonly [what: string, json: string, marked: string])[] = [
  ["no numbers", `{"a":"b"}`, `{"a":"b"}`],
  ["a double holds it", "9007199254740992", "9007199254740992"],
  ["a double does not", BIG, `"#${BIG}"`],
  ["the largest uint64", "[18446744073709551615]", `["#18446744073709551615"]`],
  ["the smallest int64 is a power of two", `{"a":-9223372036854775808}`, `{"a":-9223372036854775808}`],
  ["negative", "-9223372036854775807", `"#-9223372036854775807"`],
  ["in a string", `"${BIG}"`, `"${BIG}"`],
  ["in a key, after an escaped quote", `{"\\"${BIG}":1}`, `{"\\"${BIG}":1}`],
  ["a backslash before the end of a string", `["\\\\",${BIG}]`, `["\\\\","#${BIG}"]`],
  ["no integer, though its double is one", `${BIG}.5`, `"#${BIG}.5"`],
  ["with a fraction of 0", `[${BIG}.0,-${BIG}.00]`, `["#${BIG}","#-${BIG}"]`],
  ["a fraction that the exponent takes away", "9.007199254740993e15", `"#${BIG}"`],
  ["an exponent below 0", "900719925474099300E-2", `"#${BIG}"`],
  ["the shortest", "9223372037e9", `"#9223372037000000000"`],
  ["leading zeros", "0.00009007199254740993e+20", `"#${BIG}"`],
  ["the fraction of one", `1.${BIG}`, `1.${BIG}`],
  ["with an exponent", `${BIG}e3`, `"#${BIG}000"`],
  ["with an exponent that a double holds", "1e18", "1e18"],
  ["an exponent", `1e-${BIG}`, `1e-${BIG}`],
  ["not JSON: a leading zero", `0${BIG}`, `0${BIG}`],
  ["not JSON: a string without an end", `"${BIG}`, `"${BIG}`],
];

test.each(marked)("large integers: %s", (_what, json, expected) => {
  expect(markLargeIntegers(json, "#")).toBe(expected);
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
      const read = JSON.parse(markLargeIntegers(`[${texts.join(", ")}]`, "\\u0000")) as unknown[];
      texts.forEach((text, i) => {
        if (text.startsWith('"')) expect(read[i]).toBe(JSON.parse(text));
        else if (typeof read[i] === "string" && /e/.test(text))
          expect(Number(`${read[i]}`.slice(1))).toBe(Number(text));
        else if (typeof read[i] === "string") expect(read[i]).toBe(`\0${text}`);
        else if (/^-?\d+$/.test(text)) expect(BigInt(read[i] as number)).toBe(BigInt(text));
        else expect(read[i]).toBe(Number(text));
      });
    }),
  );
});

test("large integers: an integer is the same however it is written", () => {
  const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(integer, fc.integer({ min: 0, max: 25 }), fc.integer({ min: 0, max: 4 }), (value, point, zeros) => {
      const sign = value < 0n ? "-" : "";
      const digits = `${value}`.replace("-", "") + "0".repeat(zeros);
      const at = Math.min(point, digits.length);
      const json = `${sign}${digits.slice(0, at) || "0"}.${digits.slice(at)}0e${digits.length - at - zeros}`.replace(
        /^(-?)0+(?=\d)/,
        "$1",
      );
      const read: unknown = JSON.parse(markLargeIntegers(json, "\\u0000"));
      expect(BigInt(typeof read === "string" ? read.slice(1) : (read as number))).toBe(value);
    }),
  );
});

test("large integers: 4 MiB of escaped quotes in a string without an end take linear time", () => {
  // Quadratic would be minutes; the test's own timeout is the bound.
  const json = `1234567890123456789"${'\\"'.repeat(2 << 20)}`;
  expect(markLargeIntegers(json, "#")).toHaveLength(json.length + 3);
});

describe("large integers, by the field that they are in", () => {
  let schema: Schema;
  beforeAll(() => {
    schema = readDescriptorSet(buildSet("kinds"));
  });

  const rounded = Number(BIG);
  const cases: readonly (readonly [what: string, type: string, json: string, read: JsonValue])[] = [
    ["int64 and uint64", "Kinds", `{"big":${BIG},"huge":${BIG}}`, { big: BIG, huge: BIG }],
    ["lists and maps", "Kinds", `{"many":[1,${BIG}],"byName":{"a":${BIG}}}`, { many: [1, BIG], byName: { a: BIG } }],
    ["inside", "Kinds", `{"inner":{"inner":{"big":${BIG}}}}`, { inner: { inner: { big: BIG } } }],
    ["a wrapper", "Kinds", `{"wrapped":${BIG}}`, { wrapped: BIG }],
    ["a double", "Kinds", `{"real":${BIG}}`, { real: rounded }],
    [
      "what takes no integers of this size is to refuse it",
      "Kinds",
      `{"text":${BIG},"number":${BIG}}`,
      { text: rounded, number: rounded },
    ],
    [
      "Value and Struct beside an int64",
      "Loose",
      `{"big":${BIG},"value":[${BIG}],"struct":{"a":${BIG}}}`,
      { big: BIG, value: [rounded], struct: { a: rounded } },
    ],
    [
      "Any of a known type",
      "Loose",
      `{"any":{"@type":"x/kinds.v1.Kinds","big":${BIG}}}`,
      { any: { "@type": "x/kinds.v1.Kinds", big: BIG } },
    ],
    [
      "Any of a wrapper",
      "Loose",
      `{"any":{"@type":"x/google.protobuf.Int64Value","value":${BIG}}}`,
      { any: { "@type": "x/google.protobuf.Int64Value", value: BIG } },
    ],
    [
      "Any of an unknown type",
      "Loose",
      `{"any":{"@type":"x/Nope","big":${BIG}}}`,
      { any: { "@type": "x/Nope", big: rounded } },
    ],
    ["unknown fields", "Kinds", `{"nope":[${BIG}],"big":${BIG}}`, { nope: [rounded], big: BIG }],
    ["a string that looks like a mark", "Kinds", `{"text":"\\u00001","big":${BIG}}`, { text: "\0" + "1", big: BIG }],
  ];

  test.each(cases)("%s", (_what, name, json, read) => {
    const type = schema.message(`kinds.v1.${name}`);
    if (type === undefined) throw new Error(`no ${name}`);
    expect(readLargeIntegers(json, type, schema.types)).toEqual(read);
  });

  test("extensions", () => {
    const wide = { number: 100, type: FieldDescriptorProto_Type.INT64, label: FieldDescriptorProto_Label.OPTIONAL };
    const proto = create(FileDescriptorProtoSchema, {
      name: "ext.proto",
      package: "ext",
      messageType: [{ name: "Open", extensionRange: [{ start: 100, end: 200 }] }, { name: "Other" }],
      extension: [
        { ...wide, name: "one", extendee: ".ext.Open" },
        { ...wide, number: 101, name: "many", label: FieldDescriptorProto_Label.REPEATED, extendee: ".ext.Open" },
      ],
    });
    const made = createSchema(new Map([["ext.proto", toBinary(FileDescriptorProtoSchema, proto)]]));
    const read = (name: string, json: string) => {
      const type = made.message(name);
      if (type === undefined) throw new Error(`no ${name}`);
      return readLargeIntegers(json, type, made.types);
    };
    const json = `{"[ext.one]":${BIG},"[ext.many]":[${BIG}],"[ext.none]":${BIG}}`;
    expect(read("ext.Open", json)).toEqual({ "[ext.one]": BIG, "[ext.many]": [BIG], "[ext.none]": rounded });
    expect(read("ext.Other", `{"[ext.one]":${BIG}}`)).toEqual({ "[ext.one]": rounded });
  });

  test("a key twice is refused as without them", () => {
    const type = schema.message("kinds.v1.Kinds");
    if (type === undefined) throw new Error("no Kinds");
    expect(() => readLargeIntegers(`{"big":1,"big":${BIG}}`, type, schema.types)).toThrow(/duplicate object key "big"/);
  });
});
