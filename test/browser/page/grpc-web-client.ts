import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { GrpcWebClientBase, MethodDescriptor, MethodType, type RpcError } from "grpc-web";
import { BrowserService } from "../gen/fairlead/browser/v1/browser_pb.ts";
import { asError } from "./connect-clients.ts";
import type { CallSpec, Outcome, Pair } from "./spec.ts";

/**
 * The official grpc-web client. Its calls are the ones that protoc-gen-grpc-web writes into a stub; only the messages are
 * protobuf-es's, so that the suite needs no second generator.
 */
function describe(method: DescMethod): MethodDescriptor<Message, Message> {
  return new MethodDescriptor(
    `/${method.parent.typeName}/${method.name}`,
    method.methodKind === "unary" ? MethodType.UNARY : MethodType.SERVER_STREAMING,
    messageClass(),
    messageClass(),
    (message: Message) => toBinary(method.input, message),
    (bytes: Uint8Array) => fromBinary(method.output, bytes),
  );
}

/** grpc-web wants classes and never makes anything of them. */
function messageClass(): new () => Message {
  return class {} as new () => Message;
}

export function callByGrpcWeb(spec: CallSpec, signal: AbortSignal, report: (what: string) => void): Promise<Outcome> {
  const client = new GrpcWebClientBase({ format: spec.client === "grpc-web-text" ? "text" : "binary" });
  const method = BrowserService.methods.find(({ name }) => name === spec.method) as DescMethod;
  const metadata: Record<string, string> = Object.fromEntries(spec.headers ?? []);
  // Its way to say a deadline: milliseconds since the epoch.
  if (spec.timeoutMs !== undefined) metadata.deadline = String(Date.now() + spec.timeoutMs);
  const path = `${spec.baseUrl}/${method.parent.typeName}/${method.name}`;
  const request = fromJson(method.input as DescMessage, spec.request);

  return new Promise((resolve) => {
    const messages: JsonValue[] = [];
    let header: readonly Pair[] | null = null;
    let trailer: readonly Pair[] = [];
    /** Undefined until the call has ended. */
    let error: RpcError | null | undefined;
    // The client tells of the headers when the body is complete, which is after an error in the trailers.
    const settle = () => {
      if (header === null || error === undefined) return;
      resolve({ messages, header, trailer, error: error === null ? null : asError(connectError(error)) });
    };
    const end = (how: RpcError | null) => {
      error ??= how;
      settle();
    };
    const took = (message: Message) => {
      messages.push(toJson(method.output, message));
      report(`message ${messages.length}`);
    };
    const stream =
      method.methodKind === "unary"
        ? client.rpcCall(path, request, metadata, describe(method), (failed: RpcError | null, message) => {
            if (failed === null) took(message);
            end(failed);
          })
        : client.serverStreaming(path, request, metadata, describe(method)).on("data", took);
    stream.on("metadata", (sent) => {
      header = Object.entries(sent);
      settle();
    });
    stream.on("status", (status) => {
      trailer = Object.entries(status.metadata ?? {});
    });
    if (method.methodKind !== "unary") {
      stream.on("error", end);
      stream.on("end", () => end(null));
    }
    signal.addEventListener("abort", () => {
      stream.cancel();
      // It says nothing more after that.
      const cancelled = new ConnectError("cancelled by the page", Code.Canceled);
      resolve({ messages, header: header ?? [], trailer, error: asError(cancelled) });
    });
  });
}

/** With the details that grpc-web leaves in the metadata for the app to read. Its numbers of codes are Connect's. */
function connectError({ code, message, metadata }: RpcError): ConnectError {
  const headers = new Headers(metadata);
  headers.set("grpc-status", String(code));
  const details = findTrailerError(headers)?.details ?? [];
  return Object.assign(new ConnectError(message, Number(code) as Code, metadata), { details });
}
