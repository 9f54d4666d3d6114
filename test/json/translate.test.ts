import { create, fromBinary, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { beforeAll, describe, expect, test } from "vitest";
import { readDescriptorSet, type Schema } from "../../src/json/schema.ts";
import { toJsonText, toProtobuf } from "../../src/json/translate.ts";
import { buildSet } from "./support/protos.ts";

/** The mapping itself is under protobuf's own vectors: see vectors/run.ts. Here is what pages and curl send, and the errors. */

let schema: Schema;
beforeAll(() => {
  schema = readDescriptorSet(buildSet("kinds"));
});

function bytesOf(json: string | JsonValue, type = "Kinds", ignoreUnknown = false) {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  const message = schema.message(`kinds.v1.${type}`);
  if (message === undefined) throw new Error(`no ${type}`);
  return toProtobuf(schema, message, new TextEncoder().encode(text), { ignoreUnknown, maxBytes: 4 << 20 });
}

/** To protobuf and back. */
function there(json: string | JsonValue, type = "Kinds", ignoreUnknown = false): JsonValue {
  const message = schema.message(`kinds.v1.${type}`);
  const read = bytesOf(json, type, ignoreUnknown);
  if (message === undefined || "error" in read) throw new Error("error" in read ? read.error : "no such type");
  const written = toJsonText(schema, message, read.bytes, 4 << 20);
  if ("error" in written) throw new Error(written.error);
  return JSON.parse(new TextDecoder().decode(written.bytes)) as JsonValue;
}

const mapped: readonly (readonly [what: string, json: string, back: string])[] = [
  ["defaults are left out", `{"number":0,"text":"","yes":false,"many":[],"byName":{}}`, "{}"],
  ["but not where presence is explicit", `{"maybe":0}`, `{"maybe":0}`],
  ["int64 as a string", `{"big":"-9223372036854775808"}`, `{"big":"-9223372036854775808"}`],
  ["int64 as a number, exactly", `{"big":9007199254740993}`, `{"big":"9007199254740993"}`],
  ["uint64 as a number, exactly", `{"huge":18446744073709551615}`, `{"huge":"18446744073709551615"}`],
  [
    "int64 in lists and maps",
    `{"many":[1,"2"],"byName":{"a":9007199254740993}}`,
    `{"many":["1","2"],"byName":{"a":"9007199254740993"}}`,
  ],
  ["enum by name", `{"color":"COLOR_RED"}`, `{"color":"COLOR_RED"}`],
  ["enum by number", `{"color":1}`, `{"color":"COLOR_RED"}`],
  ["enum by a number without a name", `{"color":7}`, `{"color":7}`],
  ["bytes in base64, either alphabet, padded or not", `{"raw":"-_8"}`, `{"raw":"+/8="}`],
  ["NaN and infinities", `{"real":"NaN","single":"-Infinity"}`, `{"real":"NaN","single":"-Infinity"}`],
  ["numbers in strings", `{"number":"12","real":"1.5"}`, `{"number":12,"real":1.5}`],
  ["names as in the proto file", `{"snake_case":"a"}`, `{"snakeCase":"a"}`],
  ["json_name", `{"other":"a"}`, `{"other":"a"}`],
  ["null is unset", `{"text":null,"inner":null}`, "{}"],
  ["oneof", `{"right":0}`, `{"right":0}`],
  [
    "well-known types",
    `{"at":"2026-11-25T10:00:00.5Z","took":"1.500s","mask":"a,bC","wrapped":"5","empty":{}}`,
    `{"at":"2026-11-25T10:00:00.500Z","took":"1.500s","mask":"a,bC","wrapped":"5","empty":{}}`,
  ],
  ["a byte order mark", `\uFEFF{"number":1}`, `{"number":1}`],
];

test.each(mapped)("JSON: %s", (_what, json, back) => {
  expect(there(json)).toEqual(JSON.parse(back));
});

test("JSON: Struct, Value and Any take any JSON; large numbers there are doubles, as in every JSON parser", () => {
  const json = {
    struct: { a: [1, null, { b: true }] },
    value: "x",
    any: { "@type": "type.googleapis.com/kinds.v1.Kinds", number: 3 },
  };
  expect(there(json, "Loose")).toEqual(json);
  expect(there(`{"value":9007199254740993,"big":9007199254740993}`, "Loose")).toEqual({
    value: 9007199254740992,
    big: "9007199254740993",
  });
});

test("JSON: unknown fields are dropped when that is configured, at every depth", () => {
  expect(there({ number: 1, nope: 2, inner: { neither: 3, text: "a" } }, "Kinds", true)).toEqual({
    number: 1,
    inner: { text: "a" },
  });
});

const refused: readonly (readonly [what: string, json: string, error: string])[] = [
  ["unknown field", `{"prce":1}`, `field "prce" is unknown`],
  [
    "unknown field inside",
    `{"inner":{"at":"2026-11-25T10:00:00Z","empty":{"prce":1}}}`,
    `field "prce" of google.protobuf.Empty is unknown`,
  ],
  ["wrong type", `{"number":"x"}`, `field "number": expected number (int32), got "x"`],
  ["out of range", `{"number":3000000000}`, `field "number": expected number (int32): 3000000000 out of range`],
  ["unknown enum name", `{"color":"GREEN"}`, `enum kinds.v1.Color: "GREEN"`],
  ["bad base64", `{"raw":"*"}`, `field "raw": invalid base64 string`],
  ["bad timestamp", `{"at":"yesterday"}`, "message google.protobuf.Timestamp: invalid RFC 3339 string"],
  ["both of a oneof", `{"left":"a","right":1}`, `oneof "either": oneof set multiple times by left and right`],
  ["a key twice", `{"number":1,"number":2}`, `duplicate object key "number"`],
  [
    "a key twice, beside a large integer",
    `{"number":1,"number":2,"big":9007199254740993}`,
    `duplicate object key "number"`,
  ],
  ["a number that is no string", `{"text":9007199254740993}`, `field "text": expected string, got 9007199254740992`],
  ["a field by both names", `{"snakeCase":"a","snake_case":"b"}`, `field "snake_case": set multiple times`],
  ["not an object", "[]", "not a kinds.v1.Kinds: Array(0)"],
  ["a key __proto__, which JavaScript would lose", `{"byName":{"__proto__":1}}`, 'the key "__proto__" cannot be taken'],
  ["the same, with an escape", `{"byName":{"__\\u0070roto__":1}}`, 'the key "__proto__" cannot be taken'],
  ["empty", "", "it is empty, and not JSON"],
];

test.each(refused)("JSON errors: %s", (_what, json, error) => {
  expect(bytesOf(json)).toEqual({ error });
});

test("JSON errors: what is not JSON is refused in the parser's words", () => {
  const read = bytesOf("{");
  expect("error" in read && read.error).toMatch(/JSON/);
});

test("JSON errors: invalid UTF-8", () => {
  const message = schema.message("kinds.v1.Kinds");
  if (message === undefined) throw new Error("no Kinds");
  const bytes = new Uint8Array([0x22, 0xff, 0x22]);
  expect(toProtobuf(schema, message, bytes, { ignoreUnknown: false, maxBytes: 4 << 20 })).toEqual({
    error: "it is not UTF-8",
  });
});

const many = (count: number, value: string) => Array(count).fill(value).join();

test.each([
  ["objects", `{"inner":${many(104_858, "{}")}}`, "it has more than 104857 objects"],
  ["values", `{"many":[${many(524_289, "1")}]}`, "it has more than 524288 values"],
  ["paths", `{"mask":"${many(524_289, "a")}"}`, "it has more than 524288 paths in a field mask"],
  ["lists in lists", "[".repeat(600_000), "it has more than 524288 values"],
])("JSON errors: more %s than the one thread should make", (_what, json, error) => {
  expect(bytesOf(json)).toEqual({ error, tooLarge: true });
});

test("JSON: what is dense, or in strings, is no matter", () => {
  expect(bytesOf(`{"many":[${many(500_000, "1")}]}`)).toHaveProperty("bytes");
  expect(bytesOf(`{"text":"${"{,[".repeat(1 << 20)}"}`)).toHaveProperty("bytes");
  expect(bytesOf(`{"text":"${many(600_000, "a b")}"}`)).toHaveProperty("bytes");
});

test("to JSON: more messages than the one thread should make objects of, in a list, in a map and inside each other", () => {
  const kinds = schema.message("kinds.v1.Kinds");
  if (kinds === undefined) throw new Error("no Kinds");
  const { number } = kinds.field.inner;
  const list = (count: number) => {
    const writer = new BinaryWriter();
    for (let i = 0; i < count; i++) writer.tag(number, WireType.LengthDelimited).bytes(new Uint8Array(0));
    return writer.finish();
  };
  const error = "it has more than 104857 messages in it";
  expect(toJsonText(schema, kinds, list(104_858), 4 << 20)).toEqual({ error, tooLarge: true });
  expect(toJsonText(schema, kinds, list(104_857), 4 << 20)).toHaveProperty("bytes");
  expect(toJsonText(schema, kinds, list(150_000), 8 << 20)).toHaveProperty("bytes");
  // One that holds the others: they count, too.
  const inside = new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(list(104_857)).finish();
  expect(toJsonText(schema, kinds, inside, 4 << 20)).toEqual({ error, tooLarge: true });
  // Malformed at the end.
  expect(toJsonText(schema, kinds, new Uint8Array([...list(104_857), 0x82, 0x01, 0xff]), 4 << 20)).toHaveProperty(
    "error",
  );
  const every = schema.message("kinds.v1.Every");
  if (every === undefined) throw new Error("no Every");
  const entries = new BinaryWriter();
  for (let i = 0; i < 60_000; i++) {
    // by_yes: a key and an empty message
    entries.tag(44, WireType.LengthDelimited).bytes(Uint8Array.of(0x08, 1, 0x12, 3, 0x8a, 1, 0));
  }
  expect(toJsonText(schema, every, entries.finish(), 4 << 20)).toEqual({ error, tooLarge: true });
});

test("JSON errors: nesting without end is refused, and does not end the process", () => {
  const read = bytesOf(`${'{"inner":'.repeat(100_000)}{}${"}".repeat(100_000)}`);
  expect("error" in read && read.error).toMatch(/recursion depth|too deeply/);
});

describe("Any of a type that nobody knows", () => {
  test("to protobuf: says which", () => {
    expect(bytesOf({ any: { "@type": "type.googleapis.com/shop.v1.Gift" } }, "Loose")).toEqual({
      error: "google.protobuf.Any holds a shop.v1.Gift, which is in no known schema",
      missing: "shop.v1.Gift",
    });
  });

  test("to JSON: says which", () => {
    const loose = schema.message("kinds.v1.Loose");
    if (loose === undefined) throw new Error("no Loose");
    const any = { typeUrl: "type.googleapis.com/shop.v1.Gift", value: new Uint8Array(0) };
    const bytes = toBinary(loose, create(loose, { any } as Record<string, unknown>));
    expect(toJsonText(schema, loose, bytes, 4 << 20)).toEqual({
      error: "google.protobuf.Any holds a shop.v1.Gift, which is in no known schema",
      missing: "shop.v1.Gift",
    });
  });
});

test("to JSON: bytes that are not of the type are an error, and not a message", () => {
  const kinds = schema.message("kinds.v1.Kinds");
  if (kinds === undefined) throw new Error("no Kinds");
  expect("error" in toJsonText(schema, kinds, new Uint8Array([0x0a, 0xff]), 4 << 20)).toBe(true);
  expect(fromBinary(kinds, new Uint8Array(0))).toBeDefined();
});
