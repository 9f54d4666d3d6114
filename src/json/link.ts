import {
  create,
  createFileRegistry,
  createRegistry,
  type DescEnum,
  type DescFile,
  isFieldSet,
  type Registry,
} from "@bufbuild/protobuf";
import { nestedTypes, protoCamelCase } from "@bufbuild/protobuf/reflect";
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

/** Files that fit together. */
export interface Linked {
  readonly registry: Registry;
  /** By name, those that were not to be had included. */
  readonly files: ReadonlyMap<string, DescFile>;
  readonly types: Types;
}

/**
 * Makes one registry of files in any order, as servers' reflection gives them: with what protoc would have filled in and some
 * servers leave out. The files are changed.
 * @throws when they do not fit together
 */
export function link(files: readonly FileDescriptorProto[]): Linked {
  const types = completed(files, new Map());
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: sorted(files, new Map()) }));
  for (const type of registry) if (type.kind === "enum") preferFirstNames(type);
  return { registry, files: new Map([...registry.files].map((file) => [file.proto.name, file])), types };
}

/**
 * The same for files beside others that are linked and stay as they are. A pod's services are learnt one by one, and linking
 * all of its files each time takes seconds where there are hundreds.
 * @param files none of which is there already. They are changed
 * @param known finds the very same file, beside the same imports, where it is linked already: it is not made again
 */
export function linkMore(base: Linked, files: readonly FileDescriptorProto[], known: FindLinked): Linked {
  const types = completed(files, base.types);
  const found = new Map(base.files);
  const more: DescFile[] = [];
  for (const proto of sorted(files, base.files)) {
    const file = known(proto, found) ?? made(proto, found);
    found.set(proto.name, file);
    more.push(file);
  }
  return { registry: createRegistry(base.registry, ...more), files: found, types };
}

export type FindLinked = (proto: FileDescriptorProto, imports: ReadonlyMap<string, DescFile>) => DescFile | undefined;

function made(proto: FileDescriptorProto, imports: ReadonlyMap<string, DescFile>): DescFile {
  const file = createFileRegistry(proto, (name) => withoutImports(imports.get(name))).getFile(proto.name) as DescFile;
  for (const type of nestedTypes(file)) if (type.kind === "enum") preferFirstNames(type);
  return file;
}

/** The registry would go into what a file imports, and what that imports, by every way that leads there. Nobody needs it. */
function withoutImports(file: DescFile | undefined): DescFile | undefined {
  return file === undefined ? undefined : { ...file, dependencies: [] };
}

function completed(files: readonly FileDescriptorProto[], known: Types): Types {
  const types = new Map(known);
  for (const file of files) declare(file, types);
  for (const file of files) complete(file, types);
  return types;
}

/** Of values with one number (`allow_alias`) the first is the one that is written, as protoc's own code has it; the registry takes the last. */
function preferFirstNames({ values, value }: DescEnum): void {
  for (const one of [...values].reverse()) value[one.number] = one;
}

/** A type that a file defines. */
interface Declared {
  readonly type: FieldDescriptorProto_Type;
  readonly file: string;
}

/** By full name, without a leading dot. */
type Types = ReadonlyMap<string, Declared>;

/** The registry wants what is imported before what imports it. @param known need not be in it */
function sorted(files: readonly FileDescriptorProto[], known: ReadonlyMap<string, DescFile>): FileDescriptorProto[] {
  const found: FileDescriptorProto[] = [];
  const byName = new Map(files.map((file) => [file.name, file]));
  const visited = new Set<string>(known.keys());
  const visit = (file: FileDescriptorProto): void => {
    if (visited.has(file.name)) return;
    visited.add(file.name);
    for (const name of file.dependency) if (!visited.has(name)) visit(byName.get(name) ?? missing(name));
    found.push(file);
  };
  for (const file of files) visit(file);
  return found;
}

/**
 * A file that is imported and was not to be had: often it defines options only, which nobody here needs. If it defines a
 * type that is used, the registry says so.
 */
function missing(name: string): FileDescriptorProto {
  return create(FileDescriptorProtoSchema, { name, syntax: "proto3" });
}

function declare(file: FileDescriptorProto, types: Map<string, Declared>): void {
  const message = { type: FieldDescriptorProto_Type.MESSAGE, file: file.name };
  const enumeration = { type: FieldDescriptorProto_Type.ENUM, file: file.name };
  for (const { name } of file.enumType) types.set(join(file.package, name), enumeration);
  const visit = (proto: DescriptorProto, scope: string): void => {
    const name = join(scope, proto.name);
    types.set(name, message);
    for (const nested of proto.enumType) types.set(join(name, nested.name), enumeration);
    for (const nested of proto.nestedType) visit(nested, name);
  };
  for (const proto of file.messageType) visit(proto, file.package);
}

function complete(file: FileDescriptorProto, types: Types): void {
  const imported = new Set([file.name, ...file.dependency]);
  const resolve = (name: string, scope: string): string => {
    const resolved = resolveName(name, scope, types);
    const from = types.get(resolved.slice(1))?.file;
    // Public imports, and grpc-js's reflection, whose files import nothing.
    if (from !== undefined && !imported.has(from)) {
      imported.add(from);
      file.dependency.push(from);
    }
    return resolved;
  };
  const field = (proto: FieldDescriptorProto, scope: string): void => {
    // C++'s reflection leaves json_name out (FileDescriptor::CopyTo).
    if (proto.jsonName === "") proto.jsonName = protoCamelCase(proto.name);
    if (proto.extendee !== "") proto.extendee = resolve(proto.extendee, scope);
    if (proto.typeName === "") return;
    proto.typeName = resolve(proto.typeName, scope);
    // "If type_name is set, this need not be set" (descriptor.proto, FieldDescriptorProto.type).
    if (isFieldSet(proto, FieldDescriptorProtoSchema.field.type)) return;
    proto.type = types.get(proto.typeName.slice(1))?.type ?? FieldDescriptorProto_Type.MESSAGE;
  };
  const message = (proto: DescriptorProto, outer: string): void => {
    const scope = join(outer, proto.name);
    for (const each of [...proto.field, ...proto.extension]) field(each, scope);
    for (const nested of proto.nestedType) message(nested, scope);
  };
  for (const each of file.messageType) message(each, file.package);
  for (const each of file.extension) field(each, file.package);
  for (const service of file.service) {
    const scope = join(file.package, service.name);
    for (const method of service.method) {
      method.inputType = resolve(method.inputType, scope);
      method.outputType = resolve(method.outputType, scope);
    }
  }
}

/**
 * "If the name starts with a '.', it is fully-qualified. Otherwise, C++-like scoping rules are used to find the type (i.e.
 * first the nested types within this message are searched, then within the parent, on up to the root namespace)"
 * (descriptor.proto, FieldDescriptorProto.type_name). protobuf.js writes such names, and with it grpc-js's reflection.
 */
function resolveName(name: string, scope: string, types: Types): string {
  if (name.startsWith(".")) return name;
  for (let at = scope; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    if (types.has(`${at}.${name}`)) return `.${at}.${name}`;
  }
  return `.${name}`;
}

function join(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}
