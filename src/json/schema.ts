import { type DescMessage, type DescMethod, type FileRegistry, fromBinary, type Registry } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from "@bufbuild/protobuf/wkt";
import { link } from "./link.ts";

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
}

/** `idempotency_level = NO_SIDE_EFFECTS`: may be called by GET. */
export function hasNoSideEffects(method: DescMethod): boolean {
  return method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
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
