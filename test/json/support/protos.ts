import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Files } from "../../../src/json/schema.ts";

const buf = join(import.meta.dirname, "../../../node_modules/.bin/buf");

/** A folder of test/json/protos as `buf build -o` writes it. */
export function buildSet(folder: string): Uint8Array {
  return execFileSync(buf, ["build", join(import.meta.dirname, "../protos", folder), "-o", "-"], {
    maxBuffer: 1 << 26,
  });
}

/** The files of a descriptor set, as a server's reflection gives them. */
export function filesOf(set: Uint8Array): Files {
  const { file } = fromBinary(FileDescriptorSetSchema, set);
  return new Map(file.map((proto) => [proto.name, toBinary(FileDescriptorProtoSchema, proto)]));
}
