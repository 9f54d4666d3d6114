import { createRegistry, type DescMessage, type DescMethod, fromBinary, type Registry } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from "@bufbuild/protobuf/wkt";
import { sameBytes } from "../files/watched-files.ts";
import { type FindLinked, type Linked, link, linkMore } from "./link.ts";

/** Serialized `google.protobuf.FileDescriptorProto`s by file name. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** One version of somebody's protos, as far as it is known: what messages are translated by. */
export class Schema {
  /** What it was made of; empty for a descriptor set. */
  readonly files: Files;
  readonly types: Registry;
  /** A type that was looked for in vain since this was last emptied: an `Any` held it. */
  missed = "";
  readonly linked: Linked;
  readonly #registry: Registry;

  constructor(files: Files, linked: Linked) {
    const { registry } = linked;
    this.files = files;
    this.linked = linked;
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

/** `idempotency_level = NO_SIDE_EFFECTS`: may be called by GET, as unary calls alone may. */
export function hasNoSideEffects(method: DescMethod): boolean {
  return method.methodKind === "unary" && method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

const nothing: Linked = { registry: createRegistry(), files: new Map(), types: new Map() };

/** @param others of other pods: the files that they have in common are linked once, and kept once. @throws when the files do not fit together */
export function createSchema(files: Files, others: readonly Schema[] = []): Schema {
  return linked(nothing, new Map(), files, others);
}

/** A schema with more files. Those that are in `schema`, too, may have changed. @throws when they do not fit together */
export function extendSchema(schema: Schema, more: Files, others: readonly Schema[] = []): Schema {
  const fresh: Files = new Map([...more].filter(([name, bytes]) => !isSame(schema.files.get(name), bytes)));
  if (fresh.size === 0) return schema;
  for (const name of fresh.keys()) {
    if (schema.linked.files.has(name)) return createSchema(new Map([...schema.files, ...fresh]), others);
  }
  return linked(schema.linked, schema.files, fresh, others);
}

function linked(base: Linked, had: Files, fresh: Files, others: readonly Schema[]): Schema {
  const files = new Map(had);
  for (const [name, bytes] of fresh) {
    const other = others.find((each) => isSame(each.files.get(name), bytes));
    files.set(name, other?.files.get(name) ?? bytes);
  }
  const known: FindLinked = (proto, imports) => {
    for (const other of others) {
      const theirs = other.linked.files.get(proto.name);
      if (theirs === undefined || other.files.get(proto.name) !== files.get(proto.name)) continue;
      // What it imports is in the proto, implied imports as well. It has to be the very same, all the way down.
      const wanted = theirs.proto.dependency;
      const same = (name: string, index: number) =>
        name === wanted[index] && imports.get(name) === other.linked.files.get(name);
      if (wanted.length === proto.dependency.length && proto.dependency.every(same)) return theirs;
    }
    return undefined;
  };
  return new Schema(files, linkMore(base, parsed(fresh), known));
}

function parsed(files: Files): FileDescriptorProto[] {
  return [...files.values()].map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
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
    if (!isSame(other.get(name), bytes)) return false;
  }
  return true;
}

/** Pods of one version share the very arrays, mostly. */
function isSame(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one === other || (one !== undefined && sameBytes(one, other));
}
