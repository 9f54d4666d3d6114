import {
  type DescExtension,
  type DescField,
  type DescMessage,
  fromJsonString,
  type JsonValue,
  type Registry,
  ScalarType,
} from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";

/**
 * JSON.parse makes a double of every number, which holds integers exactly only up to 2^53, and so not every int64. Integers of
 * fewer than 16 digits without an exponent are exact, so hardly any message needs what is here.
 */
const maybeLarge = /(?:^|[:[,])\s*-?(?:\d[\d.]{15}|\d[\d.]*e)/i;

/**
 * JSON with its large integers kept: as strings of digits where a field of 64 bits is (the form that protobuf's JSON mapping
 * prefers), and as doubles everywhere else, as in google.protobuf.Value.
 * @returns undefined when it has no such integers: it is read as any other JSON then
 * @throws when it is not JSON, or has a key twice
 */
export function readLargeIntegers(text: string, type: DescMessage, types: Registry): JsonValue | undefined {
  if (!maybeLarge.test(text)) return undefined;
  const mark = unusedMark(text);
  const marked = markLargeIntegers(text, mark.written);
  if (marked === text) return undefined;
  // For its check of keys that come twice: JSON.parse keeps the last one.
  fromJsonString(EmptySchema, text, { ignoreUnknownFields: true });
  return new Restorer(mark.read, types).message(JSON.parse(marked), type);
}

interface Mark {
  /** As it is written in JSON, and as it is read. */
  readonly written: string;
  readonly read: string;
}

/** A control character that no string of the text has: there is but one way to write these. */
function unusedMark(text: string): Mark {
  for (let code = 0; code < 8; code++) {
    const written = `\\u000${code}`;
    if (!text.includes(written)) return { written, read: String.fromCharCode(code) };
  }
  throw new Error("it has all of the control characters U+0000 to U+0007, and integers beyond 2^53");
}

/** Puts numbers that a double would change, and whose double is an integer of 64 bits, into quotes, behind a mark. */
export function markLargeIntegers(json: string, mark: string): string {
  let marked = "";
  let done = 0;
  for (let at = 0; at < json.length; ) {
    const code = json.charCodeAt(at);
    if (code === 0x22 /* " */) at = afterString(json, at);
    else if (code === 0x2d /* - */ || isDigit(code)) {
      const end = afterNumber(json, at);
      const kept = end - at < SHORTEST_INEXACT ? null : keptOf(json.slice(at, end));
      if (kept !== null) {
        marked += `${json.slice(done, at)}"${mark}${kept}"`;
        done = end;
      }
      at = end;
    } else at++;
  }
  return done === 0 ? json : marked + json.slice(done);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Where a string that begins at `at` has ended. */
export function afterString(json: string, at: number): number {
  for (let i = at + 1; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === 0x22 /* " */) return i + 1;
    if (code === 0x5c /* \ */) i++;
  }
  return json.length;
}

function afterNumber(json: string, at: number): number {
  let end = at + 1;
  for (; end < json.length; end++) {
    const code = json.charCodeAt(end);
    const part = isDigit(code) || code === 0x2e || code === 0x2b || code === 0x2d || (code | 0x20) === 0x65; // . + - e
    if (!part) break;
  }
  return end;
}

/** Characters of the shortest number whose double is another integer of 64 bits: 9223372037e9. */
const SHORTEST_INEXACT = 12;
/** More than any integer of 64 bits: refused either way. */
const BEYOND = 2 ** 70;

/**
 * What has to be kept of a number: the digits of an integer, however it is written, or what is no integer, as it is. Null when
 * its double says the same.
 */
function keptOf(token: string): string | null {
  const double = Number(token);
  if (!Number.isInteger(double) || Number.isSafeInteger(double) || Math.abs(double) > BEYOND) return null;
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(token);
  // Not JSON, which JSON.parse will say.
  if (parts === null || /^-?0\d/.test(token)) return null;
  const [, sign, whole, fraction = "", exponent = "0"] = parts;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (/[^0]/.test(digits.slice(point))) return token;
  const integer = sign + digits.slice(0, point).padEnd(point, "0").replace(/^0+/, "");
  return BigInt(integer) === BigInt(double) ? null : integer;
}

/** Takes the marks away again, by what the fields are. Changes the value that it is given. */
class Restorer {
  readonly #mark: string;
  readonly #types: Registry;
  readonly #fields = new Map<DescMessage, Map<string, DescField>>();

  constructor(mark: string, types: Registry) {
    this.#mark = mark;
    this.#types = types;
  }

  message(json: JsonValue, type: DescMessage): JsonValue {
    switch (type.typeName) {
      case "google.protobuf.Any":
        return this.#any(json);
      case "google.protobuf.Struct":
      case "google.protobuf.Value":
      case "google.protobuf.ListValue":
        return this.#free(json);
      case "google.protobuf.Int64Value":
      case "google.protobuf.UInt64Value":
        return this.#single(json, type.fields[0]);
    }
    if (!isObject(json)) return this.#free(json);
    const fields = this.#fieldsOf(type);
    for (const [key, value] of Object.entries(json)) {
      const field = fields.get(key) ?? this.#extension(key, type);
      json[key] = field === undefined ? this.#free(value) : this.#field(value, field);
    }
    return json;
  }

  /** `[full.name]` is the key of an extension. */
  #extension(key: string, type: DescMessage): DescExtension | undefined {
    if (!key.startsWith("[") || !key.endsWith("]")) return undefined;
    const extension = this.#types.getExtension(key.slice(1, -1));
    return extension?.extendee.typeName === type.typeName ? extension : undefined;
  }

  #any(json: JsonValue): JsonValue {
    const url = isObject(json) ? json["@type"] : undefined;
    const type = typeof url === "string" ? this.#types.getMessage(url.slice(url.lastIndexOf("/") + 1)) : undefined;
    if (!isObject(json) || type === undefined) return this.#free(json);
    // Types with a form of their own stand in `value`.
    if (!type.typeName.startsWith("google.protobuf.") || json.value === undefined) return this.message(json, type);
    json.value = this.message(json.value, type);
    return json;
  }

  #field(json: JsonValue, field: DescField | DescExtension): JsonValue {
    if (field.fieldKind === "list" && Array.isArray(json)) return json.map((item) => this.#single(item, field));
    if (field.fieldKind === "map" && isObject(json)) {
      for (const [key, value] of Object.entries(json)) json[key] = this.#single(value, field);
      return json;
    }
    return this.#single(json, field);
  }

  #single(json: JsonValue, field: DescField | DescExtension): JsonValue {
    if (field.message !== undefined) return this.message(json, field.message);
    const digits = this.#digits(json);
    if (digits === null) return json;
    return field.scalar !== undefined && wide.has(field.scalar) ? digits : Number(digits);
  }

  /** Just any JSON: numbers are doubles. */
  #free(json: JsonValue): JsonValue {
    const digits = this.#digits(json);
    if (digits !== null) return Number(digits);
    if (Array.isArray(json)) return json.map((item) => this.#free(item));
    if (isObject(json)) for (const [key, value] of Object.entries(json)) json[key] = this.#free(value);
    return json;
  }

  /** What is behind the mark; null when there is none. */
  #digits(json: JsonValue): string | null {
    return typeof json === "string" && json.startsWith(this.#mark) ? json.slice(1) : null;
  }

  #fieldsOf(type: DescMessage): Map<string, DescField> {
    let fields = this.#fields.get(type);
    if (fields === undefined) {
      fields = new Map(
        type.fields.flatMap((field) => [[field.name, field] as const, [field.jsonName, field] as const]),
      );
      this.#fields.set(type, fields);
    }
    return fields;
  }
}

const wide: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
