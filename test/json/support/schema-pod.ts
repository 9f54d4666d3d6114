import { fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { MessageReader } from "../../../src/json/message-reader.ts";
import { readFileNames } from "../../../src/json/reflection-codec.ts";
import { createSchema, type Files } from "../../../src/json/schema.ts";
import { envelope } from "../../../src/protocols/envelope.ts";
import { okHead, okTrailers } from "../../gateway/support/fields.ts";
import type { Party } from "../../gateway/support/party.ts";
import type { Pod } from "../../gateway/support/pod.ts";

const REFLECTION = /^\/grpc\.reflection\.(v1|v1alpha)\.ServerReflection\/ServerReflectionInfo$/;

export interface SchemaPodOptions {
  readonly files: Files;
  /** Which reflection it has. `silent`: one that never answers. */
  readonly reflection?: "v1" | "v1alpha" | "none" | "silent" | "forbidden";
  /** Answers with the one file, as some servers do, and not with what it imports. */
  readonly alone?: boolean;
}

/** A call as a pod of this kind sees it, in JSON. */
export interface SchemaCall {
  readonly party: Party;
  readonly messages: readonly JsonValue[];
  /** Sends the head, if it has not been sent, and a message. */
  answer(message: JsonValue): SchemaCall;
  ok(): void;
}

/** What a pod with a schema takes and gives: protobuf alone. */
export interface SchemaPod {
  readonly pod: Pod;
  /** What its reflection was asked, in order: symbols, files. */
  readonly asked: string[];
  /** Messages as this pod understands them. */
  readonly got: JsonValue[];
  readonly calls: SchemaCall[];
  /** Default: nothing until the request has ended. */
  onMessage: (call: SchemaCall, message: JsonValue) => void;
  /** Default: one answer, with the last message in it. */
  onEnd: (call: SchemaCall) => void;
  /** What it has from now on. */
  files: Files;
}

/** Makes a scripted pod one that has protos and server reflection. @param version what it puts into its receipts */
export function withSchema(pod: Pod, version: string, options: SchemaPodOptions): SchemaPod {
  const made: SchemaPod = {
    pod,
    asked: [],
    got: [],
    calls: [],
    onMessage: () => {},
    onEnd: (call) => call.answer({ version, item: call.messages.at(-1) ?? null }).ok(),
    files: options.files,
  };
  pod.onHead = (party) => {
    const path = party.fields[party.fields.indexOf(":path") + 1];
    const api = REFLECTION.exec(path)?.[1];
    if (api !== undefined) reflect(made, options, party, api);
    else serve(made, party, path);
  };
  return made;
}

/** Calls `take` for each message of a request, as soon as it is there. */
function onMessages(party: Party, take: (bytes: Uint8Array) => void): void {
  const reader = new MessageReader(1 << 26);
  const data = party.data.bind(party);
  party.data = (bytes, start, end) => {
    data(bytes, start, end);
    reader.add(bytes, start, end);
    for (let next = reader.next(); next !== null; next = reader.next()) {
      if ("error" in next || next.compressed) throw new Error("the pod got what is no plain message");
      take(next.bytes);
    }
    reader.settle();
  };
}

function onEnd(party: Party, run: () => void): void {
  const end = party.end.bind(party);
  party.end = (trailers) => {
    end(trailers);
    run();
  };
}

function serve(made: SchemaPod, party: Party, path: string): void {
  const schema = createSchema(made.files);
  const [, service, name] = path.split("/");
  const type = party.fields[party.fields.indexOf("content-type") + 1];
  const method = schema.method(service, name);
  if (type !== "application/grpc+proto" && type !== "application/grpc") {
    party.sendHead([...okHead, "grpc-status", "12", "grpc-message", `no codec for ${type}`]).finish();
    return;
  }
  if (method === undefined) {
    party.sendHead([...okHead, "grpc-status", "12", "grpc-message", "unknown method"]).finish();
    return;
  }
  const messages: JsonValue[] = [];
  let headSent = false;
  const call: SchemaCall = {
    party,
    messages,
    answer(json) {
      if (!headSent) party.sendHead(okHead);
      headSent = true;
      const message = fromJson(method.output, json, { registry: schema.types });
      party.send(envelope(0, toBinary(method.output, message)));
      return call;
    },
    ok() {
      if (!headSent) party.sendHead(okHead);
      party.finish(okTrailers);
    },
  };
  made.calls.push(call);
  onMessages(party, (bytes) => {
    const json = toJson(method.input, fromBinary(method.input, bytes), { registry: schema.types });
    messages.push(json);
    made.got.push(json);
    made.onMessage(call, json);
  });
  onEnd(party, () => made.onEnd(call));
}

function reflect(
  made: SchemaPod,
  { reflection = "v1", alone = false }: SchemaPodOptions,
  party: Party,
  api: string,
): void {
  if (reflection === "silent") return;
  if (reflection === "forbidden") {
    party.sendHead([...okHead, "grpc-status", "7", "grpc-message", "not for you"]).finish();
    return;
  }
  if (reflection !== api) {
    party.sendHead([...okHead, "grpc-status", "12", "grpc-message", `unknown service ${api}`]).finish();
    return;
  }
  party.sendHead(okHead);
  onMessages(party, (bytes) => {
    const question = readQuestion(bytes);
    made.asked.push(question.symbol ?? question.file ?? "?");
    const name = question.file ?? fileOf(made.files, question.symbol ?? "");
    const files = name === null ? [] : alone ? [name] : closure(made.files, name);
    const found = files.flatMap((file) => made.files.get(file) ?? []);
    party.send(envelope(0, writeReply(found)));
  });
  onEnd(party, () => party.finish(okTrailers));
}

function readQuestion(bytes: Uint8Array): { symbol?: string; file?: string } {
  const reader = new BinaryReader(bytes);
  const question: { symbol?: string; file?: string } = {};
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === 3) question.file = reader.string();
    else if (number === 4) question.symbol = reader.string();
    else reader.skip(wireType, number);
  }
  return question;
}

function writeReply(files: readonly Uint8Array[]): Uint8Array {
  const writer = new BinaryWriter();
  if (files.length === 0) {
    const error = new BinaryWriter()
      .tag(1, WireType.Varint)
      .int32(5)
      .tag(2, WireType.LengthDelimited)
      .string("not here");
    return writer.tag(7, WireType.LengthDelimited).bytes(error.finish()).finish();
  }
  const answer = new BinaryWriter();
  for (const file of files) answer.tag(1, WireType.LengthDelimited).bytes(file);
  return writer.tag(4, WireType.LengthDelimited).bytes(answer.finish()).finish();
}

/** The file that defines a service or a message. */
function fileOf(files: Files, symbol: string): string | null {
  for (const type of createSchema(files).types)
    if (type.typeName === symbol && "file" in type) return type.file.proto.name;
  return null;
}

function closure(files: Files, name: string): string[] {
  const found = new Set<string>();
  const visit = (file: string): void => {
    const bytes = files.get(file);
    if (bytes === undefined || found.has(file)) return;
    found.add(file);
    for (const next of readFileNames(bytes).dependencies) visit(next);
  };
  visit(name);
  return [...found];
}
