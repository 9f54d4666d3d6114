import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/**
 * The messages of gRPC server reflection (grpc/reflection/v1/reflection.proto), as far as they are needed. v1alpha's are the
 * same on the wire. By hand, because two generated files with their descriptors would be ten times as long.
 */

/** What a server can be asked. */
export type Question = { readonly symbol: string } | { readonly file: string };

/** ServerReflectionRequest { oneof { string file_by_filename = 3; string file_containing_symbol = 4; } } */
export function encodeQuestion(question: Question): Uint8Array {
  const writer = new BinaryWriter();
  if ("file" in question) writer.tag(3, WireType.LengthDelimited).string(question.file);
  else writer.tag(4, WireType.LengthDelimited).string(question.symbol);
  return writer.finish();
}

/** What a server answers to one question. */
export type Reply =
  /** Serialized FileDescriptorProtos: the file asked for, and any number of those that it imports. */
  | { readonly files: readonly Uint8Array[] }
  /** A gRPC status: 5 when it does not have what was asked for. */
  | { readonly code: number; readonly message: string };

/**
 * ServerReflectionResponse { oneof { FileDescriptorResponse file_descriptor_response = 4; ErrorResponse error_response = 7; } }
 * @throws when it is malformed
 */
export function decodeReply(bytes: Uint8Array): Reply {
  const reader = new BinaryReader(bytes);
  let reply: Reply = { code: 2, message: "neither files nor an error" };
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 4 && wireType === WireType.LengthDelimited) reply = { files: readFiles(reader.bytes()) };
    else if (number === 7 && wireType === WireType.LengthDelimited) reply = readError(reader.bytes());
    else reader.skip(wireType, number);
  }
  return reply;
}

/** FileDescriptorResponse { repeated bytes file_descriptor_proto = 1; } */
function readFiles(bytes: Uint8Array): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const files: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    // A copy: a view would keep the whole answer in memory.
    if (number === 1 && wireType === WireType.LengthDelimited) files.push(reader.bytes().slice());
    else reader.skip(wireType, number);
  }
  return files;
}

/** ErrorResponse { int32 error_code = 1; string error_message = 2; } */
function readError(bytes: Uint8Array): Reply {
  const reader = new BinaryReader(bytes);
  let code = 2;
  let message = "";
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1 && wireType === WireType.Varint) code = reader.int32();
    else if (number === 2 && wireType === WireType.LengthDelimited) message = reader.string();
    else reader.skip(wireType, number);
  }
  return { code, message };
}

/** FileDescriptorProto { string name = 1; repeated string dependency = 3; } @throws when it is malformed */
export function readFileNames(file: Uint8Array): { readonly name: string; readonly dependencies: readonly string[] } {
  const reader = new BinaryReader(file);
  const dependencies: string[] = [];
  let name = "";
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 1 && wireType === WireType.LengthDelimited) name = reader.string();
    else if (number === 3 && wireType === WireType.LengthDelimited) dependencies.push(reader.string());
    else reader.skip(wireType, number);
  }
  return { name, dependencies };
}
