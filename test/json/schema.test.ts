import { clearField, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { beforeAll, expect, test } from "vitest";
import {
  createSchema,
  extendSchema,
  type Files,
  hasNoSideEffects,
  readDescriptorSet,
  sameFiles,
} from "../../src/json/schema.ts";
import { toJsonText, toProtobuf } from "../../src/json/translate.ts";
import { buildSet, filesOf } from "./support/protos.ts";

let set: Uint8Array;
let files: Files;
beforeAll(() => {
  set = buildSet("v1");
  files = filesOf(set);
});

/** The files, each changed a little. */
function changed(change: (file: FileDescriptorProto) => void): Files {
  const made = [...files].map(([name, bytes]): [string, Uint8Array] => {
    const file = fromBinary(FileDescriptorProtoSchema, bytes);
    change(file);
    return [name, toBinary(FileDescriptorProtoSchema, file)];
  });
  return new Map(made);
}

test("schema: finds methods, and says which have no side effects", () => {
  const schema = readDescriptorSet(set);
  const price = schema.method("shop.v1.Cart", "Price");
  const add = schema.method("shop.v1.Cart", "Add");
  expect(price && hasNoSideEffects(price)).toBe(true);
  expect(add && hasNoSideEffects(add)).toBe(false);
  expect(schema.method("shop.v1.Cart", "Steal")).toBe(undefined);
  expect(schema.method("shop.v1.Item", "Add")).toBe(undefined);
});

test("schema: only unary calls can be without side effects, as far as GET is concerned", () => {
  const schema = createSchema(
    changed((file) => {
      for (const { method } of file.service) {
        for (const each of method) {
          each.options = create(MethodOptionsSchema, {
            idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
          });
        }
      }
    }),
  );
  const methods = schema.method("shop.v1.Cart", "Add")?.parent.methods ?? [];
  expect(methods.filter(hasNoSideEffects).map(({ name }) => name)).toEqual(["Add", "Price"]);
});

test("schema: files come in any order", () => {
  const names = [...files.keys()];
  expect(names.length).toBeGreaterThan(2);
  for (let i = 0; i < names.length; i++) {
    const turned = [...names.slice(i), ...names.slice(0, i)].reverse();
    const schema = createSchema(new Map(turned.map((name) => [name, files.get(name) as Uint8Array])));
    expect(schema.method("shop.v1.Cart", "Add")).toBeDefined();
  }
});

test("schema: json_name may be absent, as from C++'s reflection", () => {
  const schema = createSchema(
    changed((file) => {
      for (const message of file.messageType) for (const field of message.field) field.jsonName = "";
    }),
  );
  const item = schema.message("shop.v1.Item");
  if (item === undefined) throw new Error("no Item");
  const json = `{"paidWith":{"currency":"EUR"}}`;
  const read = toProtobuf(schema, item, new TextEncoder().encode(json), { ignoreUnknown: false, maxBytes: 4 << 20 });
  if ("error" in read) throw new Error(read.error);
  const written = toJsonText(schema, item, read.bytes, 4 << 20);
  expect("bytes" in written && new TextDecoder().decode(written.bytes)).toBe(json);
});

test("schema: type names may be relative, and types of fields absent, as from protobuf.js", () => {
  const schema = createSchema(
    changed((file) => {
      for (const message of file.messageType) {
        for (const field of message.field) {
          if (field.typeName === "") continue;
          field.typeName = field.typeName.replace(/^\.(shop\.)?/, "").replace(/^v1\./, "");
          clearField(field, FieldDescriptorProtoSchema.field.type);
        }
      }
      for (const service of file.service) for (const method of service.method) method.inputType = "Item";
    }),
  );
  const add = schema.method("shop.v1.Cart", "Add");
  expect(add?.input.typeName).toBe("shop.v1.Item");
  expect(add?.input.field.paidWith.message?.typeName).toBe("shop.v1.Money");
  expect(add?.input.field.gift.message?.typeName).toBe("google.protobuf.Any");
});

test("schema: an imported file that is not to be had is no matter unless a type of it is used", () => {
  const more = changed((file) => {
    if (file.name === "shop/v1/cart.proto") file.dependency.push("gogoproto/gogo.proto");
  });
  expect(createSchema(more).method("shop.v1.Cart", "Add")).toBeDefined();
  const fewer = new Map(files);
  fewer.delete("shop/v1/money.proto");
  expect(() => createSchema(fewer)).toThrow(/shop\.v1\.Money/);
});

test("schema: a file that is no descriptor set is refused", () => {
  expect(() => readDescriptorSet(new TextEncoder().encode('syntax = "proto3";'))).toThrow();
  expect(() => readDescriptorSet(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema)))).toThrow(
    "has no files",
  );
});

test("schema: pods have the same version when every byte is the same", () => {
  expect(sameFiles(files, filesOf(set))).toBe(true);
  expect(
    sameFiles(
      files,
      changed((file) => file.name === "shop/v1/money.proto" && file.messageType[0].field.pop()),
    ),
  ).toBe(false);
  expect(sameFiles(files, filesOf(buildSet("v2")))).toBe(false);
});

/** Some of the files, by name. */
const some = (...names: string[]): Files => new Map([...files].filter(([name]) => names.includes(name)));

test("schema: more files join those that are there, which are not made again", () => {
  const one = createSchema(some("shop/v1/money.proto"));
  const all = extendSchema(one, files);
  expect(all.method("shop.v1.Cart", "Add")).toBeDefined();
  // What was known is the very same: hundreds of services are learnt one by one.
  expect(all.message("shop.v1.Money")).toBe(one.message("shop.v1.Money"));
  expect(all.message("shop.v1.Item")?.field.paidWith.message).toBe(one.message("shop.v1.Money"));
  expect(sameFiles(all.files, files)).toBe(true);
  const item = all.message("shop.v1.Item");
  if (item === undefined) throw new Error("no Item");
  const json = `{"paidWith":{"currency":"EUR"},"gift":{"@type":"type.googleapis.com/shop.v1.Gift","wrapping":"red"}}`;
  const read = toProtobuf(all, item, new TextEncoder().encode(json), { ignoreUnknown: false, maxBytes: 4 << 20 });
  if ("error" in read) throw new Error(read.error);
  const written = toJsonText(all, item, read.bytes, 4 << 20);
  expect("bytes" in written && JSON.parse(new TextDecoder().decode(written.bytes))).toEqual(JSON.parse(json));
  // The same files once more change nothing.
  expect(extendSchema(all, filesOf(set))).toBe(all);
});

test("schema: a file that has changed, or that was not to be had before, is seen by all that import it", () => {
  const before = createSchema(files);
  const money = changed((file) => {
    if (file.name === "shop/v1/money.proto") file.messageType[0].field[0].name = "coin";
  }).get("shop/v1/money.proto") as Uint8Array;
  const after = extendSchema(before, new Map([["shop/v1/money.proto", money]]));
  expect(after.message("shop.v1.Item")?.field.paidWith.message?.fields[0].name).toBe("coin");

  const late = changed((file) => file.name === "shop/v1/money.proto" && file.dependency.push("shop/v1/gift.proto"));
  const stub = createSchema(new Map([["shop/v1/money.proto", late.get("shop/v1/money.proto") as Uint8Array]]));
  expect(extendSchema(stub, some("shop/v1/gift.proto")).message("shop.v1.Gift")).toBeDefined();
});

test("schema: pods that know different parts of the same protos share what they have in common", () => {
  const one = createSchema(some("shop/v1/money.proto", "shop/v1/gift.proto"));
  // Other bytes, the same content.
  const two = createSchema(filesOf(set), [one]);
  expect(two.message("shop.v1.Money")).toBe(one.message("shop.v1.Money"));
  expect(two.files.get("shop/v1/money.proto")).toBe(one.files.get("shop/v1/money.proto"));
  expect(two.message("shop.v1.Item")?.field.paidWith.message).toBe(one.message("shop.v1.Money"));
  const three = extendSchema(one, filesOf(set), [one, two]);
  expect(three.method("shop.v1.Cart", "Add")).toBe(two.method("shop.v1.Cart", "Add"));
});

test("schema: a file is not shared that another version has, nor one that imports it", () => {
  const one = createSchema(files);
  const other = changed((file) => {
    if (file.name === "shop/v1/money.proto") file.messageType[0].field[0].name = "coin";
  });
  const two = createSchema(other, [one]);
  // cart.proto is the same, byte by byte.
  expect(two.files.get("shop/v1/cart.proto")).toBe(one.files.get("shop/v1/cart.proto"));
  expect(two.message("shop.v1.Item")).not.toBe(one.message("shop.v1.Item"));
  expect(two.message("shop.v1.Item")?.field.paidWith.message?.fields[0].name).toBe("coin");
  expect(one.message("shop.v1.Item")?.field.paidWith.message?.fields[0].name).toBe("currency");
  expect(two.message("shop.v1.Gift")).toBe(one.message("shop.v1.Gift"));
  // And one that was not to be had there.
  const late = changed((file) => file.name === "shop/v1/money.proto" && file.dependency.push("shop/v1/gift.proto"));
  const money = new Map([["shop/v1/money.proto", late.get("shop/v1/money.proto") as Uint8Array]]);
  const without = createSchema(money);
  expect(createSchema(money, [without]).message("shop.v1.Money")).toBe(without.message("shop.v1.Money"));
  const whole = createSchema(late, [without]);
  expect(whole.message("shop.v1.Money")).not.toBe(without.message("shop.v1.Money"));
  expect(whole.message("shop.v1.Gift")).toBeDefined();
});

test("schema: files that do not fit to those that are there are refused, and change nothing", () => {
  const one = createSchema(some("shop/v1/gift.proto"));
  expect(() => extendSchema(one, some("shop/v1/cart.proto"))).toThrow(/google\.protobuf\.Any|shop\.v1\.Money/);
  expect(one.message("shop.v1.Gift")).toBeDefined();
  expect(one.message("shop.v1.Item")).toBe(undefined);
});
