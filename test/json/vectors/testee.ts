/**
 * What protobuf's own conformance runner talks to: answers each request on standard input with our translation. Only JSON to
 * protobuf and back is done; the rest is skipped, because the gateway does not do it.
 * Argument: conformance.proto and the test messages, as a serialized FileDescriptorSet.
 */
import { readFileSync, readSync, writeSync } from "node:fs";
import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { readDescriptorSet } from "../../../src/json/schema.ts";
import { type Translated, toJsonText, toProtobuf } from "../../../src/json/translate.ts";

/** conformance.ConformanceRequest, as far as it is read. */
interface Request {
  readonly payload: { readonly case?: string; readonly value?: unknown };
  readonly requestedOutputFormat: number;
  readonly messageType: string;
  readonly testCategory: number;
}

/** WireFormat and TestCategory of conformance.proto. */
const PROTOBUF = 1;
const JSON_FORMAT = 2;
const JSON_IGNORE_UNKNOWN = 3;

const schema = readDescriptorSet(readFileSync(process.argv[2]));
const type = (name: string): DescMessage => {
  const found = schema.message(name);
  if (found === undefined) throw new Error(`${name} is not in the descriptor set`);
  return found;
};
const requestType = type("conformance.ConformanceRequest");
const responseType = type("conformance.ConformanceResponse");

for (let length = readExactly(4); length !== null; length = readExactly(4)) {
  const bytes = readExactly(new DataView(length.buffer).getUint32(0, true));
  if (bytes === null) break;
  const request = fromBinary(requestType, bytes) as Message & Request;
  const result = answer(request);
  const response = toBinary(responseType, create(responseType, { result } as Record<string, unknown>));
  const framed = new Uint8Array(4 + response.length);
  new DataView(framed.buffer).setUint32(0, response.length, true);
  framed.set(response, 4);
  for (let at = 0; at < framed.length; ) at += writeSync(1, framed, at);
}

function answer({ payload, requestedOutputFormat, messageType, testCategory }: Request) {
  // What the runner asks first: which failures are expected, for runners that know none.
  if (messageType === "conformance.FailureSet") return { case: "protobufPayload", value: new Uint8Array(0) };
  const json = payload.case === "jsonPayload";
  const wanted = requestedOutputFormat;
  if (!json && !(payload.case === "protobufPayload" && wanted === JSON_FORMAT)) return skipped("not JSON");
  if (wanted !== PROTOBUF && wanted !== JSON_FORMAT) return skipped("not a format of ours");
  const of = type(messageType);
  let bytes = payload.value as Uint8Array;
  if (json) {
    const text = new TextEncoder().encode(payload.value as string);
    const read = toProtobuf(schema, of, text, {
      ignoreUnknown: testCategory === JSON_IGNORE_UNKNOWN,
      maxBytes: 4 << 20,
    });
    if ("error" in read) return { case: "parseError", value: read.error };
    bytes = read.bytes;
  }
  if (wanted === PROTOBUF) return { case: "protobufPayload", value: bytes };
  const written: Translated = toJsonText(schema, of, bytes, 4 << 20);
  // A malformed message and one that JSON cannot hold are one thing here; the runner tells them apart by our words.
  if ("error" in written)
    return { case: isWritingError(written.error) ? "serializeError" : "parseError", value: written.error };
  return { case: "jsonPayload", value: new TextDecoder().decode(written.bytes) };
}

function isWritingError(error: string): boolean {
  return /google\.protobuf\.|must|out of range|irreversible|cannot be/.test(error);
}

function skipped(why: string) {
  return { case: "skipped", value: why };
}

function readExactly(length: number): Uint8Array | null {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const got = readSync(0, bytes, at, length - at, null);
    if (got === 0) return null;
    at += got;
  }
  return bytes;
}
