import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/**
 * Messages in JSON and in protobuf that the mapping has a rule for: kinds.v1.Every. Fractions of binary ones are written by hand,
 * because no library writes what is wrong.
 */

interface Row {
  readonly what: string;
  /** All refuse it. */
  readonly refused?: true;
  /** How we and connect-go differ, and why it stays so. It is an error when they do not. */
  readonly differs?: string;
  /** How we and protobuf-es differ. */
  readonly differsFromEs?: string;
}

export interface JsonRow extends Row {
  readonly json: string;
}

export interface BinaryRow extends Row {
  readonly bytes: Uint8Array;
}

const rows = (group: string, fields: Readonly<Record<string, string>>): JsonRow[] =>
  Object.entries(fields).map(([what, json]) => ({ what: `${group}: ${what}`, json }));
const refused = (group: string, fields: Readonly<Record<string, string>>): JsonRow[] =>
  rows(group, fields).map((row) => ({ ...row, refused: true }));

const differing = (why: string, group: string, fields: Readonly<Record<string, string>>): JsonRow[] =>
  rows(group, fields).map((row) => ({ ...row, differs: why }));

const EXACT = "protobuf-es reads JSON's numbers as doubles; connect-go and we read them exactly";
const LENIENT = "protobuf-es takes it: JavaScript's Number and BigInt read strings so";
const NAN = "the bits of NaN: Go's has 1 in the last place, JavaScript's 0";
const FLOAT =
  "the digits: protobuf-es writes a float as the double that it is, Go as the shortest that reads back to it";
const HOST = "protobuf-es keeps the name alone of an Any's type, and writes type.googleapis.com before it";
const ZERO = "the sign of -0 in JSON: JSON.stringify leaves it out";

const HALF = "protobuf-es makes U+FFFD of it where strings are not a message's own";
const PROTO = "JavaScript's objects do not hold it, but for Deno's";
const deaf = "__proto__" in {};

export const jsonRows: readonly JsonRow[] = [
  ...rows("defaults", {
    "an empty message": "{}",
    "are left out": `{"i32":0,"i64":"0","single":0,"real":0,"yes":false,"text":"","raw":"","size":0,"manyI64":[],"byText":{}}`,
    "are kept where presence is explicit": `{"maybeI32":0,"maybeText":"","maybeYes":false,"maybeSize":0,"maybeRaw":""}`,
    "are kept in a oneof": `{"oneI64":"0"}`,
    "an empty message that is set": `{"inner":{}}`,
    "null is unset": `{"i32":null,"text":null,"raw":null,"size":null,"manyI64":null,"byText":null,"inner":null,"maybeI32":null}`,
    whitespace: ` \n\t{ "i32" : 1 }\r\n `,
  }),
  ...differing(ZERO, "defaults", { "-0 is none": `{"real":-0.0,"single":-0.0}` }),
  ...rows("integers", {
    limits: `{"i32":-2147483648,"s32":2147483647,"u32":4294967295,"f32":4294967295,"sf32":-2147483648}`,
    "64 bits in strings": `{"i64":"-9223372036854775808","s64":"9223372036854775807","u64":"18446744073709551615","f64":"18446744073709551615","sf64":"-9223372036854775808"}`,
    "32 bits in strings": `{"i32":"-1","u32":"1"}`,
    "with a fraction of 0": `{"i32":1.0,"i64":1.0}`,
    "with an exponent": `{"i32":1e5,"u32":1.5e1,"i64":1e5}`,
    "with an exponent or a fraction of 0, in strings": `{"i32":"1e5","u32":"1.0"}`,
    "in lists": `{"manyI64":[1,"2",-3]}`,
  }),
  ...rows("integers", {
    "64 bits in numbers, exactly": `{"i64":9007199254740993,"s64":-9007199254740993,"u64":18446744073709551615,"f64":9007199254740995,"sf64":-9223372036854775807}`,
    "64 bits in numbers in lists": `{"manyI64":[9007199254740993]}`,
    "64 bits in numbers in wrappers": `{"wI64":9007199254740993}`,
    "64 bits in numbers with a fraction of 0": `{"i64":9007199254740993.0,"manyI64":[-9007199254740993.00]}`,
    "64 bits in numbers with an exponent": `{"i64":9.007199254740993e15,"u64":9223372037E9,"s64":900719925474099300e-2}`,
  }).map((row) => ({ ...row, differsFromEs: EXACT })),
  ...refused("integers", { "a fraction, beyond 53 bits": `{"i64":9007199254740993.5}` }).map((row) => ({
    ...row,
    differsFromEs: EXACT,
  })),
  ...differing("protobuf-es refuses it: JavaScript's BigInt does not read it", "integers", {
    "64 bits with an exponent, in strings": `{"i64":"1e5"}`,
    "64 bits with a fraction of 0, in strings": `{"i64":"1.0"}`,
  }),
  ...differing(LENIENT, "integers", {
    "a space in front, 64 bits": `{"i64":" 1"}`,
    hexadecimal: `{"i32":"0x1"}`,
    "hexadecimal, 64 bits": `{"i64":"0x1"}`,
    "a plus sign": `{"i32":"+1"}`,
  }),
  ...refused("integers", {
    "beyond 32 bits": `{"i32":2147483648}`,
    "below 32 bits": `{"i32":-2147483649}`,
    "negative and unsigned": `{"u32":-1}`,
    "negative and unsigned, 64 bits": `{"u64":"-1"}`,
    "beyond 64 bits": `{"i64":"9223372036854775808"}`,
    "beyond 64 bits, as a number": `{"i64":9223372036854775808}`,
    "beyond 64 bits, unsigned": `{"u64":"18446744073709551616"}`,
    "a fraction": `{"i32":1.5}`,
    "a fraction, 64 bits": `{"i64":1.5}`,
    "a space in front": `{"i32":" 1"}`,
    "a space behind": `{"i32":"1 "}`,
    "an empty string": `{"i32":""}`,
    "an empty string, 64 bits": `{"i64":""}`,
    "a boolean": `{"i32":true}`,
    "an object": `{"i32":{}}`,
    "null in a list": `{"manyI64":[1,null]}`,
    "no list": `{"manyI64":1}`,
  }),
  ...rows("floating point", {
    infinities: `{"real":"Infinity","single":"-Infinity","manyReal":["Infinity","-Infinity"]}`,
    "NaN of float": `{"single":"NaN"}`,
    "limits of double": `{"real":1.7976931348623157e308,"manyReal":[5e-324,-1.7976931348623157e308]}`,
    "in strings": `{"real":"1.5","single":"-2.5e3"}`,
    "what a double does not hold exactly": `{"real":0.1}`,
    "an integer beyond 53 bits": `{"real":9007199254740993}`,
  }),
  ...differing(NAN, "floating point", { "NaN of double": `{"real":"NaN"}`, "NaN in a wrapper": `{"wReal":"NaN"}` }),
  ...differing(FLOAT, "floating point", {
    "limits of float": `{"single":3.4028234663852886e38}`,
    "the smallest float": `{"single":1.401298464324817e-45}`,
    "what a float does not hold exactly": `{"single":0.1}`,
  }),
  ...refused("floating point", {
    "beyond a float": `{"single":3.5e38}`,
    "beyond a double": `{"real":1e309}`,
    "beyond a double, in a string": `{"real":"1e309"}`,
    "nan in small letters": `{"real":"nan"}`,
    inf: `{"real":"inf"}`,
    "NaN without quotes": `{"real":NaN}`,
    "an empty string": `{"real":""}`,
    "a space": `{"real":" 1"}`,
  }),
  ...rows("text and bool", {
    escapes: `{"text":"\\u0041\\n\\"\\\\\\/\\ud83d\\ude00"}`,
    "all of Unicode": `{"text":"é 日本 😀 \u2028"}`,
    NUL: `{"text":"\\u0000"}`,
    true: `{"yes":true}`,
  }),
  ...refused("text and bool", {
    "a number": `{"text":1}`,
    "half of a surrogate pair": `{"text":"\\ud83d"}`,
    "a bare newline": `{"text":"a\nb"}`,
    "an unknown escape": `{"text":"\\x41"}`,
    "true in a string": `{"yes":"true"}`,
    "0 as a bool": `{"yes":0}`,
    "null in a list": `{"manyText":["a",null]}`,
  }),
  ...rows("bytes", {
    "the standard alphabet": `{"raw":"+/8="}`,
    "the URL alphabet": `{"raw":"-_8="}`,
    "without padding": `{"raw":"+/8"}`,
    "the URL alphabet without padding": `{"raw":"-_8"}`,
    "in lists and maps": `{"manyRaw":["","AA==","/w"],"byU64":{"18446744073709551615":"AQI="}}`,
  }),
  ...differing("protobuf-es takes what it can of it", "bytes", {
    "padding in the middle": `{"raw":"Y=Q="}`,
    "a space": `{"raw":"YW Fh"}`,
  }),
  ...refused("bytes", {
    "no base64": `{"raw":"*"}`,
    "a quantum of one": `{"raw":"A"}`,
    "a number": `{"raw":1}`,
  }),
  ...rows("enums", {
    "by name": `{"size":"SIZE_LARGE","manySizes":["SIZE_SMALL",2]}`,
    "by number": `{"size":2}`,
    "by an alias": `{"size":"SIZE_TINY"}`,
    negative: `{"size":-1}`,
    "by a number without a name": `{"size":77,"manySizes":[77]}`,
    "in a map": `{"byI32":{"-1":"SIZE_SMALL","0":99}}`,
    "the name of 0": `{"maybeSize":"SIZE_UNSPECIFIED"}`,
  }),
  ...refused("enums", {
    "a fraction": `{"size":1.5}`,
    "a boolean": `{"size":true}`,
    "beyond 32 bits": `{"size":2147483648}`,
  }),
  ...rows("names", {
    "as in the proto file": `{"snake_case_2":"a","maybe_i32":1,"many_i64":["1"]}`,
    lowerCamelCase: `{"snakeCase2":"a"}`,
    json_name: `{"other":"a"}`,
    "the proto file's, beside json_name": `{"renamed":"a"}`,
    "with an escape": `{"\\u0069\\u00332":1}`,
  }),
  ...refused("names", {
    "a field by both of its names": `{"snakeCase2":"a","snake_case_2":"b"}`,
    "a key twice": `{"i32":1,"i32":2}`,
    "a wrong case": `{"I32":1,"i32":"x"}`,
  }),
  ...rows("unknown fields", {
    "are dropped": `{"nope":1,"i32":2}`,
    "of any shape": `{"nope":{"a":[1,null,{"b":"c"}]},"i32":2}`,
    "value of an Any of Empty": `{"any":{"@type":"type.googleapis.com/google.protobuf.Empty","value":{}}}`,
    "an enum's unknown names are, too": `{"size":"SIZE_HUGE","maybeSize":"size_large","null":"NOTHING"}`,
    inside: `{"inner":{"nope":[],"i32":1},"manyInner":[{"nope":true}],"byYes":{"true":{"nope":0}}}`,
  }),
  ...rows("maps", {
    "of every key": `{"byText":{"":"","a":"b"},"byI32":{"1":1},"byI64":{"-9223372036854775808":"x","9007199254740993":"y"},"byU64":{"0":"AA=="},"byYes":{"true":{"i32":1},"false":{}}}`,
  }),
  ...differing(PROTO, "maps", { "a key __proto__": `{"byText":{"__proto__":"a"}}` }).map((row) => ({
    ...row,
    differsFromEs: "protobuf-es drops it, but on Deno",
  })),
  ...refused("maps", {
    "a key that is no number": `{"byI32":{"a":1}}`,
    "a key beyond 32 bits": `{"byI32":{"2147483648":1}}`,
    "a key that is no bool": `{"byYes":{"1":{}}}`,
    "an empty key": `{"byI32":{"":1}}`,
    "a value of null": `{"byText":{"a":null}}`,
    "a key twice": `{"byText":{"a":"b","a":"c"}}`,
    "a list": `{"byText":[]}`,
  }),
  ...rows("oneofs", {
    text: `{"oneText":""}`,
    message: `{"oneInner":{}}`,
    "null is unset": `{"oneText":null}`,
    "null of one and a value of another": `{"oneText":null,"oneYes":false}`,
    "NullValue: null is its value": `{"oneNull":null}`,
    "NullValue by name": `{"oneNull":"NULL_VALUE"}`,
    "a wrapper": `{"oneWrapped":""}`,
  }),
  ...refused("oneofs", {
    "two of one": `{"oneText":"a","oneYes":true}`,
    "the same one twice": `{"oneText":"a","oneText":"b"}`,
  }),
  ...rows("Any", {
    "of a message": `{"any":{"@type":"type.googleapis.com/kinds.v1.Every","i32":1,"inner":{"text":"a"}}}`,
    "@type at the end": `{"any":{"i32":1,"@type":"type.googleapis.com/kinds.v1.Every"}}`,
    "of a well-known type": `{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.5s"}}`,
    "of a wrapper": `{"any":{"@type":"type.googleapis.com/google.protobuf.Int64Value","value":"9007199254740993"}}`,
    "of a Struct": `{"any":{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"a":1}}}`,
    "of a Value": `{"any":{"@type":"type.googleapis.com/google.protobuf.Value","value":null}}`,
    "of Empty": `{"any":{"@type":"type.googleapis.com/google.protobuf.Empty"}}`,
    "of Any": `{"any":{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/kinds.v1.Raw","raw":"AA=="}}}`,
    empty: `{"any":{}}`,
  }),
  ...differing(HOST, "Any", { "another host": `{"any":{"@type":"example.com/a/kinds.v1.Every"}}` }),
  ...differing("connect-go drops what it does not know even here, and makes an empty Any", "Any", {
    "without @type": `{"any":{"i32":1}}`,
  }),
  ...refused("Any", {
    "of an unknown type": `{"any":{"@type":"type.googleapis.com/kinds.v1.Nope"}}`,
    "@type is empty": `{"any":{"@type":"","i32":1}}`,
    "@type is a number": `{"any":{"@type":1}}`,
    "a well-known type without value": `{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","seconds":1}}`,
    "@type twice": `{"any":{"@type":"a/kinds.v1.Raw","@type":"a/kinds.v1.Raw"}}`,
    "a wrong field": `{"any":{"@type":"type.googleapis.com/kinds.v1.Every","i32":"x"}}`,
  }),
  ...rows("FieldMask", {
    paths: `{"mask":"a,bC,dEf.gH"}`,
    empty: `{"mask":""}`,
    digits: `{"mask":"snakeCase2"}`,
  }),
  ...refused("FieldMask", {
    "an underscore": `{"mask":"a_b"}`,
    "no string": `{"mask":["a"]}`,
  }),
  ...rows("Duration", {
    zero: `{"took":"0s"}`,
    limits: `{"took":"315576000000.999999999s","manyTook":["-315576000000.999999999s"]}`,
    "fractions of 3, 6 and 9 digits": `{"manyTook":["1.5s","1.000500s","1.000000005s","-0.5s","-0.000000001s","0.010s"]}`,
  }),
  ...refused("Duration", {
    "beyond the limit": `{"took":"315576000001s"}`,
    "below the limit": `{"took":"-315576000001s"}`,
    "without s": `{"took":"1"}`,
    "ten digits": `{"took":"1.0000000001s"}`,
    "a space": `{"took":"1 s"}`,
    "a number": `{"took":1}`,
    empty: `{"took":""}`,
    "no digits": `{"took":"s"}`,
  }),
  ...rows("Timestamp", {
    "the epoch": `{"at":"1970-01-01T00:00:00Z"}`,
    limits: `{"at":"0001-01-01T00:00:00Z"}`,
    "the last": `{"at":"9999-12-31T23:59:59.999999999Z"}`,
    fractions: `{"at":"2026-11-25T10:00:00.123456Z"}`,
    "an offset": `{"at":"2026-11-25T10:00:00+02:30"}`,
    "before the epoch": `{"at":"1969-12-31T23:59:59.5Z"}`,
    "a leap day": `{"at":"2024-02-29T00:00:00Z"}`,
  }),
  ...refused("Timestamp", {
    "before the first": `{"at":"0000-12-31T23:59:59Z"}`,
    "after the last": `{"at":"10000-01-01T00:00:00Z"}`,
    "past the limit by its offset": `{"at":"9999-12-31T23:59:59-01:00"}`,
    "no offset": `{"at":"2026-11-25T10:00:00"}`,
    "small t": `{"at":"2026-11-25t10:00:00Z"}`,
    "small z": `{"at":"2026-11-25T10:00:00z"}`,
    "a space": `{"at":"2026-11-25 10:00:00Z"}`,
    "no seconds": `{"at":"2026-11-25T10:00Z"}`,
    "a 13th month": `{"at":"2026-13-01T00:00:00Z"}`,
    "a 25th hour": `{"at":"2026-11-25T25:00:00Z"}`,
    "ten digits": `{"at":"2026-11-25T10:00:00.1234567891Z"}`,
    "a number": `{"at":1}`,
  }),
  ...differing("protobuf-es takes it for the 2nd of March: JavaScript's Date does", "Timestamp", {
    "a 30th of February": `{"at":"2026-02-30T00:00:00Z"}`,
  }),
  ...refused("Struct, Value, ListValue, NullValue", {
    "half of a surrogate pair": `{"value":"\\ud83d"}`,
    "half of a surrogate pair in a key": `{"struct":{"\\udc00":1}}`,
  }).map((row) => ({ ...row, differsFromEs: HALF })),
  ...rows("Struct, Value, ListValue, NullValue", {
    "every kind of value": `{"struct":{"a":null,"b":1.5,"c":"x","d":true,"e":[],"f":{},"g":[[null]]}}`,
    "Value: null": `{"value":null}`,
    "Value: number": `{"value":9007199254740993}`,
    "Value: string": `{"value":"a"}`,
    "Value: bool": `{"value":false}`,
    "Value: list": `{"value":[1,"a",null]}`,
    "Value: object": `{"value":{"a":{}}}`,
    "values in lists and maps": `{"manyValues":[null,1,"a"],"values":{"a":null,"b":[]}}`,
    "an empty list": `{"list":[]}`,
    "a list": `{"list":[1,null,[]]}`,
    "an empty Struct": `{"struct":{}}`,
    NullValue: `{"null":null}`,
    "NullValue by number": `{"null":0}`,
  }),
  ...refused("Struct, Value, ListValue, NullValue", {
    "Struct: a list": `{"struct":[]}`,
    "ListValue: an object": `{"list":{}}`,
    "Struct: a key twice": `{"struct":{"a":1,"a":2}}`,
    "Value: a key twice": `{"value":{"a":1,"a":2}}`,
  }),
  ...rows("wrappers", {
    "of every kind": `{"wReal":1.5,"wSingle":2.5,"wI64":"-1","wU64":"18446744073709551615","wI32":-1,"wU32":1,"wYes":true,"wText":"a","wRaw":"AA=="}`,
    defaults: `{"wReal":0,"wSingle":0,"wI64":"0","wU64":0,"wI32":0,"wU32":0,"wYes":false,"wText":"","wRaw":""}`,
    infinity: `{"wReal":"Infinity","wSingle":"Infinity"}`,
    "null is unset": `{"wReal":null,"wText":null,"wYes":null}`,
  }),
  ...refused("wrappers", {
    "in an object": `{"wI32":{"value":1}}`,
    "a wrong type": `{"wText":1}`,
  }),
  ...rows("Empty", { "an object": `{"empty":{}}` }),
  ...refused("Empty", { "a list": `{"empty":[]}` }),
  ...differing("gRPC's empty message is an empty message to connect-go, and no JSON to us", "what is not JSON", {
    nothing: "",
  }),
  ...differing("RFC 8259 8.1 lets parsers ignore it, and we do", "what is not JSON", {
    "a byte order mark": "\uFEFF{}",
  }).map((row) => ({ ...row, differsFromEs: "JSON.parse refuses it" })),
  ...refused("what is not JSON", {
    "a word": "x",
    "a list": "[]",
    "a string": `"a"`,
    null: "null",
    "cut off": `{"i32":1`,
    "a comma at the end": `{"i32":1,}`,
    "single quotes": `{'i32':1}`,
    "a comment": `{"i32":1/**/}`,
    "two values": "{}{}",
    "a leading zero": `{"i32":01}`,
    "a plus sign": `{"i32":+1}`,
    "no digit after the point": `{"real":1.}`,
  }),
];

// ── Protobuf ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Write = (writer: BinaryWriter) => BinaryWriter;
const bytes = (write: Write): Uint8Array => write(new BinaryWriter()).finish();
/** A field that is a message. */
const sub = (number: number, write: Write): Uint8Array =>
  bytes((writer) => writer.tag(number, WireType.LengthDelimited).bytes(bytes(write)));
const time = (seconds: bigint, nanos: number): Write => {
  return (writer) => writer.tag(1, WireType.Varint).int64(seconds).tag(2, WireType.Varint).int32(nanos);
};
const any = (url: string, value: Uint8Array): Write => {
  return (writer) => writer.tag(1, WireType.LengthDelimited).string(url).tag(2, WireType.LengthDelimited).bytes(value);
};

const taken = (group: string, messages: Readonly<Record<string, Uint8Array>>): BinaryRow[] =>
  Object.entries(messages).map(([what, bytes]) => ({ what: `${group}: ${what}`, bytes }));
const unlike = (why: string, group: string, messages: Readonly<Record<string, Uint8Array>>): BinaryRow[] =>
  taken(group, messages).map((row) => ({ ...row, differs: why }));
const broken = (group: string, messages: Readonly<Record<string, Uint8Array>>): BinaryRow[] =>
  taken(group, messages).map((row) => ({ ...row, refused: true }));

const proto = sub(40, (writer) =>
  writer.tag(1, WireType.LengthDelimited).string("__proto__").tag(2, WireType.LengthDelimited).string("a"),
);

export const binaryRows: readonly BinaryRow[] = [
  ...taken("fields", {
    none: new Uint8Array(0),
    "a default that was sent": bytes((w) => w.tag(1, WireType.Varint).int32(0)),
    "unknown ones are left out": bytes((w) => w.tag(999, WireType.Varint).int32(1).tag(1, WireType.Varint).int32(2)),
    "the last one counts": bytes((w) => w.tag(1, WireType.Varint).int32(1).tag(1, WireType.Varint).int32(2)),
    "messages that come twice are merged": Uint8Array.of(
      ...sub(17, (w) => w.tag(1, WireType.Varint).int32(1)),
      ...sub(17, (w) => w.tag(14, WireType.LengthDelimited).string("a")),
    ),
    "the last of a oneof counts": bytes((w) =>
      w.tag(50, WireType.LengthDelimited).string("a").tag(52, WireType.Varint).bool(false),
    ),
    "an enum without a name": bytes((w) => w.tag(16, WireType.Varint).int32(77)),
    "an alias": bytes((w) => w.tag(16, WireType.Varint).int32(1)),
    "a list that is not packed": bytes((w) => w.tag(30, WireType.Varint).int64(1n).tag(30, WireType.Varint).int64(2n)),
    "an int32 of ten bytes": bytes((w) => w.tag(1, WireType.Varint).int64(-1n)),
    "64-bit limits": bytes((w) =>
      w.tag(2, WireType.Varint).int64(-9223372036854775808n).tag(4, WireType.Varint).uint64(18446744073709551615n),
    ),
    "NaN and infinities": bytes((w) =>
      w.tag(11, WireType.Bit32).float(Number.NaN).tag(12, WireType.Bit64).double(Number.NEGATIVE_INFINITY),
    ),
    bytes: bytes((w) => w.tag(15, WireType.LengthDelimited).bytes(Uint8Array.of(0xfb, 0xff))),
    "a map entry without a value": sub(41, (w) => w.tag(1, WireType.Varint).int32(5)),
    "a map entry without a key": sub(40, (w) => w.tag(2, WireType.LengthDelimited).string("a")),
  }),
  ...unlike("protobuf-es reads by the schema's wire type and stumbles; to connect-go the field is unknown", "fields", {
    "a wrong wire type": bytes((w) => w.tag(1, WireType.LengthDelimited).string("a")),
  }),
  ...unlike(ZERO, "fields", { "-0": bytes((w) => w.tag(12, WireType.Bit64).double(-0)) }),
  ...unlike(FLOAT, "fields", { "a float that is no short double": bytes((w) => w.tag(11, WireType.Bit32).float(0.1)) }),
  // Deno under a test runner is of two minds about it.
  ...(process.versions.deno !== undefined
    ? []
    : deaf
      ? unlike(PROTO, "fields", { "a key __proto__ of a map": proto })
      : taken("fields", { "a key __proto__": proto })),
  ...taken("well-known types", {
    "a Timestamp without fields": sub(63, (w) => w),
    "Timestamp, the first": sub(63, time(-62135596800n, 0)),
    "Timestamp, the last": sub(63, time(253402300799n, 999_999_999)),
    "Timestamp, 6 digits": sub(63, time(1n, 1_000)),
    "Duration, negative": sub(62, time(-1n, -500_000_000)),
    "Duration, a negative fraction": sub(62, time(0n, -1)),
    "Duration, limits": sub(62, time(315576000000n, 999_999_999)),
    "Value of null": sub(65, (w) => w.tag(1, WireType.Varint).int32(0)),
    "an empty Any": sub(60, (w) => w),
    "Any of Every": sub(
      60,
      any(
        "type.googleapis.com/kinds.v1.Every",
        bytes((w) => w.tag(1, WireType.Varint).int32(7)),
      ),
    ),
    "Any of another host": sub(60, any("example.com/kinds.v1.Every", new Uint8Array(0))),
    "Any of a Duration": sub(60, any("type.googleapis.com/google.protobuf.Duration", bytes(time(1n, 0)))),
    FieldMask: sub(61, (w) =>
      w.tag(1, WireType.LengthDelimited).string("foo_bar.baz").tag(1, WireType.LengthDelimited).string("q"),
    ),
    "wrappers of defaults": Uint8Array.of(...sub(72, (w) => w), ...sub(76, (w) => w), ...sub(78, (w) => w)),
    "a oneof's NullValue": bytes((w) => w.tag(54, WireType.Varint).int32(0)),
  }),
  ...broken("well-known types", {
    "Timestamp, before the first": sub(63, time(-62135596801n, 0)),
    "Timestamp, after the last": sub(63, time(253402300800n, 0)),
    "Timestamp, negative nanos": sub(63, time(1n, -1)),
    "Timestamp, nanos of a second": sub(63, time(1n, 1_000_000_000)),
    "Duration, beyond the limit": sub(62, time(315576000001n, 0)),
    "Duration, signs that differ": sub(62, time(1n, -1)),
    "Duration, nanos of a second": sub(62, time(1n, 1_000_000_000)),
    "Value without a kind": sub(65, (w) => w),
    "Value of NaN": sub(65, (w) => w.tag(2, WireType.Bit64).double(Number.NaN)),
    "Value of infinity": sub(65, (w) => w.tag(2, WireType.Bit64).double(Number.POSITIVE_INFINITY)),
    "FieldMask, a path that does not come back": sub(61, (w) => w.tag(1, WireType.LengthDelimited).string("fooBar")),
    "Any of an unknown type": sub(60, any("type.googleapis.com/kinds.v1.Nope", new Uint8Array(0))),
    "Any whose bytes are not of its type": sub(60, any("type.googleapis.com/kinds.v1.Every", Uint8Array.of(0x08))),
  }),
  ...unlike("protobuf-es takes an Any without a type for an empty one", "well-known types", {
    "Any without a type, but with bytes": sub(60, any("", Uint8Array.of(1))),
  }),
  ...broken("what is no message", {
    "cut off": Uint8Array.of(0x72, 5, 97),
    "a varint without an end": new Uint8Array(12).fill(0xff),
    "field number 0": Uint8Array.of(0x00, 0x00),
    "an unknown wire type": Uint8Array.of(0x0f),
    "an end of a group that has no beginning": Uint8Array.of(0x0c),
    "text that is not UTF-8": Uint8Array.of(0x72, 1, 0xff),
  }),
];
