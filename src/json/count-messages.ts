import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { mostObjects } from "./hostile-json.ts";

/** protobuf's own limit; what is nested deeper is refused by whoever reads it. */
const MAX_DEPTH = 100;

/**
 * Why an answer is too costly to be made JSON of; null when it is not. A client may have stored in gRPC, which passes as it is,
 * what another call reads in JSON: an empty message in a list is two bytes, and some kilobytes as an object.
 * @param maxBytes of a message
 * @throws when it is malformed
 */
export function tooManyMessages(type: DescMessage, bytes: Uint8Array, maxBytes: number): string | null {
  const max = mostObjects(maxBytes);
  // A tag and a length for each, at least.
  if (bytes.length < max * 2) return null;
  return new Counter(bytes, max).within(type, bytes.length, 0) ? null : `it has more than ${max} messages in it`;
}

class Counter {
  readonly #reader: BinaryReader;
  readonly #fields = new Map<DescMessage, Map<number, DescField>>();
  #left: number;

  constructor(bytes: Uint8Array, max: number) {
    this.#reader = new BinaryReader(bytes);
    this.#left = max;
  }

  /** @returns false when there are more than allowed. `end`: of the message of this type that begins here */
  within(type: DescMessage, end: number, depth: number): boolean {
    if (depth > MAX_DEPTH) return true;
    const reader = this.#reader;
    const fields = this.#fieldsOf(type);
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      const field = fields.get(number);
      const inner = field?.message;
      if (inner === undefined || wireType !== WireType.LengthDelimited) {
        reader.skip(wireType, number);
        continue;
      }
      if (this.#left-- === 0) return false;
      const to = reader.uint32() + reader.pos;
      const found = field?.fieldKind === "map" ? this.#entry(inner, to, depth) : this.within(inner, to, depth + 1);
      if (!found) return false;
      reader.pos = to;
    }
    return true;
  }

  /** A map's entry: the value is field 2. */
  #entry(value: DescMessage, end: number, depth: number): boolean {
    const reader = this.#reader;
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (number === 2 && wireType === WireType.LengthDelimited) {
        const to = reader.uint32() + reader.pos;
        if (!this.within(value, to, depth + 1)) return false;
        reader.pos = to;
      } else reader.skip(wireType, number);
    }
    return true;
  }

  #fieldsOf(type: DescMessage): Map<number, DescField> {
    let fields = this.#fields.get(type);
    if (fields === undefined) {
      fields = new Map(type.fields.map((field) => [field.number, field]));
      this.#fields.set(type, fields);
    }
    return fields;
  }
}
