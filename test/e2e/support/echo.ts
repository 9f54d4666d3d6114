import { create, createFileRegistry, type DescService, toBinary } from "@bufbuild/protobuf";
import {
  BytesValueSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";

/**
 * The service that every pod of the end-to-end suite serves, in whatever library. Its messages are google.protobuf.BytesValue.
 * What a pod is to do is said in the call's metadata, so that neither side needs generated code:
 *
 * | metadata | the pod |
 * |---|---|
 * | `x-echo-*` | sends it back in its headers |
 * | `x-trail-*` | sends it back in its trailers |
 * | `x-answers` | answers a server stream with so many messages; 1 when absent |
 * | `x-answer-bytes` | answers with messages of so many bytes; with what it was sent when absent |
 * | `x-fail` | ends with this status code, after its answers |
 * | `x-fail-message-bin` | with this message (UTF-8) |
 * | `x-fail-details-bin` | and this `grpc-status-details-bin` |
 * | `x-early` | ends a client or bidi stream without reading the requests |
 * | `x-hang` | does not end at all until it is cancelled, after its answers |
 */
export const SERVICE = "fairlead.test.v1.Echo";

export type Kind = "Unary" | "ServerStream" | "ClientStream" | "Bidi";

export const KINDS: readonly Kind[] = ["Unary", "ServerStream", "ClientStream", "Bidi"];

export function pathOf(kind: Kind | "Missing"): string {
  return `/${SERVICE}/${kind}`;
}

export function streamsRequests(kind: Kind): boolean {
  return kind === "ClientStream" || kind === "Bidi";
}

export function streamsResponses(kind: Kind): boolean {
  return kind === "ServerStream" || kind === "Bidi";
}

/** The service as protobuf-es describes it, made at run time: the suite needs no generated code. */
export function describeEcho(): DescService {
  const type = ".google.protobuf.BytesValue";
  const file = create(FileDescriptorProtoSchema, {
    name: "fairlead/test/v1/echo.proto",
    package: "fairlead.test.v1",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto"],
    service: [
      {
        name: "Echo",
        method: [...KINDS, "Missing" as const].map((name) => ({
          name,
          inputType: type,
          outputType: type,
          clientStreaming: name !== "Missing" && streamsRequests(name),
          serverStreaming: name !== "Missing" && streamsResponses(name),
        })),
      },
    ],
  });
  const set = create(FileDescriptorSetSchema, { file: [file_google_protobuf_wrappers.proto, file] });
  const service = createFileRegistry(set).getService(SERVICE);
  if (service === undefined) throw new Error(`${SERVICE}: not in its own registry`);
  return service;
}

/** A google.protobuf.BytesValue on the wire. */
export function encodeMessage(value: Uint8Array): Uint8Array {
  return toBinary(BytesValueSchema, create(BytesValueSchema, { value }));
}

/** `n` bytes of a fixed pattern that no shift or repetition leaves alone. */
export function pattern(n: number): Uint8Array {
  const bytes = new Uint8Array(n);
  for (let i = 0; i < n; i++) bytes[i] = (i * 31 + (i >>> 8) * 17) & 0xff;
  return bytes;
}

/** What a pod reads of a call's metadata; `get` gives the first value, binary ones as bytes. */
export interface Wishes {
  readonly answers: number;
  readonly answerBytes: number | null;
  readonly fail: { readonly code: number; readonly message: string; readonly details: Uint8Array | null } | null;
  readonly early: boolean;
  readonly hang: boolean;
}

export function readWishes(text: (key: string) => string | null, bytes: (key: string) => Uint8Array | null): Wishes {
  const fail = text("x-fail");
  const size = text("x-answer-bytes");
  return {
    answers: Number(text("x-answers") ?? 1),
    answerBytes: size === null ? null : Number(size),
    fail:
      fail === null
        ? null
        : {
            code: Number(fail),
            message: new TextDecoder().decode(bytes("x-fail-message-bin") ?? new Uint8Array()),
            details: bytes("x-fail-details-bin"),
          },
    early: text("x-early") !== null,
    hang: text("x-hang") !== null,
  };
}
