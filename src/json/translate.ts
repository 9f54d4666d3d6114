import { type DescMessage, fromBinary, fromJson, fromJsonString, toBinary, toJson } from "@bufbuild/protobuf";
import { isFieldError } from "@bufbuild/protobuf/reflect";
import { tooManyMessages } from "./count-messages.ts";
import { lossIn, tooManyValues } from "./hostile-json.ts";
import { readLargeIntegers } from "./large-integers.ts";
import type { Schema } from "./schema.ts";

/** A message in the other form, or why there is none. `missing`: with this type's schema it might be translated. */
export type Translated =
  | { readonly bytes: Uint8Array }
  | { readonly error: string }
  /** It is refused for what it would cost. */
  | { readonly error: string; readonly tooLarge: true }
  | { readonly error: string; readonly missing: string };

// A byte order mark at the beginning is dropped (RFC 8259 8.1 lets parsers do so).
const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

export interface RequestOptions {
  /** Drops fields that the schema does not have. */
  readonly ignoreUnknown: boolean;
  /** Of the largest message: see {@link tooManyValues}. */
  readonly maxBytes: number;
}

/** One message from JSON to protobuf. */
export function toProtobuf(
  schema: Schema,
  type: DescMessage,
  json: Uint8Array,
  { ignoreUnknown, maxBytes }: RequestOptions,
): Translated {
  let text: string;
  try {
    text = decoder.decode(json);
  } catch {
    return { error: "it is not UTF-8" };
  }
  if (text === "") return { error: "it is empty, and not JSON" };
  const problem = tooManyValues(text, maxBytes);
  if (problem !== null) return { error: problem, tooLarge: true };
  schema.missed = "";
  try {
    const options = { registry: schema.types, ignoreUnknownFields: ignoreUnknown };
    const exact = readLargeIntegers(text, type, schema.types);
    const message = exact === undefined ? fromJsonString(type, text, options) : fromJson(type, exact, options);
    const loss = lossIn(text);
    return loss === null ? { bytes: toBinary(type, message) } : { error: loss };
  } catch (error) {
    return failure(schema, type, error);
  }
}

/** One message from protobuf to JSON. @param maxBytes of the largest message: see {@link tooManyMessages} */
export function toJsonText(schema: Schema, type: DescMessage, bytes: Uint8Array, maxBytes: number): Translated {
  schema.missed = "";
  try {
    const problem = tooManyMessages(type, bytes, maxBytes);
    if (problem !== null) return { error: problem, tooLarge: true };
    const json = toJson(type, fromBinary(type, bytes), { registry: schema.types });
    return { bytes: encoder.encode(JSON.stringify(json)) };
  } catch (error) {
    return failure(schema, type, error);
  }
}

/** A message as a value for JSON; undefined when its type, or one that an Any in it holds, is not known or its bytes are not of it. */
export function toJsonValue(schema: Schema, type: string, bytes: Uint8Array): unknown {
  schema.missed = "";
  const found = schema.message(type);
  if (found === undefined) return undefined;
  try {
    return toJson(found, fromBinary(found, bytes), { registry: schema.types });
  } catch {
    return undefined;
  }
}

/** Characters of an error, which travels in a header: names and values in it are the peer's, and as long as it likes. */
const MAX_ERROR = 500;

function failure(schema: Schema, type: DescMessage, error: unknown): Translated {
  const { missed } = schema;
  schema.missed = "";
  if (missed === "") return { error: cut(explain(type, error), MAX_ERROR) };
  return { error: `google.protobuf.Any holds a ${cut(missed, 200)}, which is in no known schema`, missing: missed };
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}...` : text;
}

/** The library's words, with the field in front: `field "price" of shop.v1.Item: expected number (int32), got "x"`. */
function explain(type: DescMessage, error: unknown): string {
  if (error instanceof RangeError) {
    return /call stack/i.test(error.message) ? "it is nested too deeply" : "it has a value out of range";
  }
  if (!(error instanceof Error)) return String(error);
  if (isFieldError(error.cause)) {
    const field = error.cause.field();
    const kind = field.kind === "oneof" ? "oneof" : "field";
    const parent = field.parent.typeName;
    const where = parent === type.typeName ? "" : ` of ${parent}`;
    return `${kind} "${field.name}"${where}: ${error.cause.message}`;
  }
  const match = /^cannot (?:de|en)code (?:(\w+) )?(\S+) (?:from|to) (?:JSON|binary): (.*)$/s.exec(error.message);
  if (match === null) return error.message;
  const [, kind = "message", name, what] = match;
  const unknown = /^key (".*") is unknown$/s.exec(what);
  const where = name === type.typeName ? "" : ` of ${name}`;
  if (/^duplicate object key /.test(what)) return what;
  if (unknown !== null) return `field ${unknown[1]}${where} is unknown`;
  return name === type.typeName ? `not a ${name}: ${what}` : `${kind} ${name}: ${what}`;
}
