import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  type Registry,
} from "@bufbuild/protobuf";
import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from "@bufbuild/protobuf/wkt";

/** Serialized `google.protobuf.FileDescriptorProto`s by file name. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** One version of somebody's protos, as far as it is known: what messages are translated by. */
export class Schema {
  /** What it was made of; empty for a descriptor set. */
  readonly files: Files;
  readonly types: Registry;
  /** A type that was looked for in vain since this was last emptied: an `Any` held it. */
  missed = "";
  readonly #registry: FileRegistry;
  readonly #free = new Map<string, boolean>();

  constructor(files: Files, registry: FileRegistry) {
    this.files = files;
    this.#registry = registry;
    this.types = { ...registry, getMessage: (name) => this.#message(name) };
  }

  #message(name: string): DescMessage | undefined {
    const found = this.#registry.getMessage(name);
    if (found === undefined) this.missed = name;
    return found;
  }

  method(service: string, method: string): DescMethod | undefined {
    return this.#registry.getService(service)?.methods.find(({ name }) => name === method);
  }

  message(name: string): DescMessage | undefined {
    return this.#registry.getMessage(name);
  }

  /** True when a message of this type may hold numbers that are any JSON number, and so lose nothing by being doubles. */
  holdsFreeJson(type: DescMessage): boolean {
    const known = this.#free.get(type.typeName);
    if (known !== undefined) return known;
    const free = reachesFreeJson(type);
    this.#free.set(type.typeName, free);
    return free;
  }
}

/** `idempotency_level = NO_SIDE_EFFECTS`: may be called by GET. */
export function hasNoSideEffects(method: DescMethod): boolean {
  return method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

function reachesFreeJson(type: DescMessage): boolean {
  const seen = new Set<DescMessage>();
  const queue = [type];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    // Struct and ListValue hold Values; what an Any holds is not known beforehand.
    if (next.typeName === "google.protobuf.Value" || next.typeName === "google.protobuf.Any") return true;
    for (const { message } of next.fields) if (message !== undefined) queue.push(message);
  }
  return false;
}

/** @throws when the files do not fit together */
export function createSchema(files: Files): Schema {
  return new Schema(files, link([...files.values()].map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))));
}

/** @param bytes a serialized FileDescriptorSet, or a buf image, which is one with more fields. @throws when it is not */
export function readDescriptorSet(bytes: Uint8Array): Schema {
  const { file } = fromBinary(FileDescriptorSetSchema, bytes);
  if (file.length === 0) throw new Error("has no files in it");
  return new Schema(new Map(), link(file));
}

/** True when two pods have the very same protos. */
export function sameFiles(one: Files, other: Files): boolean {
  if (one.size !== other.size) return false;
  for (const [name, bytes] of one) {
    const others = other.get(name);
    if (others === undefined || !sameBytes(bytes, others)) return false;
  }
  return true;
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

function link(files: readonly FileDescriptorProto[]): FileRegistry {
  const file: FileDescriptorProto[] = [];
  const byName = new Map(files.map((proto) => [proto.name, proto]));
  const visited = new Set<string>();
  // The registry wants what is imported before what imports it.
  const visit = (proto: FileDescriptorProto): void => {
    if (visited.has(proto.name)) return;
    visited.add(proto.name);
    for (const name of proto.dependency) visit(byName.get(name) ?? missing(name));
    for (const message of proto.messageType) nameFields(message);
    file.push(proto);
  };
  for (const proto of files) visit(proto);
  return createFileRegistry(create(FileDescriptorSetSchema, { file }));
}

/**
 * A file that is imported and was not to be had: often it defines options only, which nobody here needs. If it defines a
 * type that is used, linking fails.
 */
function missing(name: string): FileDescriptorProto {
  return create(FileDescriptorProtoSchema, { name, syntax: "proto3" });
}

/** Not every server's reflection gives `json_name`: C++'s does not (FileDescriptor::CopyTo leaves it out). */
function nameFields(message: DescriptorProto): void {
  for (const field of message.field) if (field.jsonName === "") field.jsonName = protoCamelCase(field.name);
  for (const nested of message.nestedType) nameFields(nested);
}
