import { readFileSync } from "node:fs";
import { createFileRegistry, type DescMessage, type FileRegistry, fromBinary, type Message } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** What the runner asks of a server under test (connectrpc.conformance.v1.ServerCompatRequest), as far as it is used. */
export type ServerRequest = Message & {
  protocol: number;
  httpVersion: number;
  useTls: boolean;
  clientTlsCert: Uint8Array;
  messageReceiveLimit: number;
  serverCreds?: { cert: Uint8Array; key: Uint8Array };
};

export type ServerResponse = Message & { host: string; port: number; pemCert: Uint8Array };

/** What the runner asks of a client under test (ClientCompatRequest), as far as it is changed here. */
export type ClientRequest = Message & {
  testName: string;
  httpVersion: number;
  protocol: number;
  host: string;
  port: number;
  serverTlsCert: Uint8Array;
};

/** Values of the suite's enums. */
export const PROTOCOL = { connect: 1, grpc: 2, "grpc-web": 3 } as const;
export const HTTP_2 = 2;

/** The suite's messages, from its own descriptors: nothing is generated, nothing of it lies in this repository. */
export interface Messages {
  readonly registry: FileRegistry;
  readonly serverRequest: DescMessage;
  readonly serverResponse: DescMessage;
  readonly clientRequest: DescMessage;
}

/** @param file a serialized google.protobuf.FileDescriptorSet */
export function loadMessages(file: string): Messages {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
  const message = (name: string): DescMessage => {
    const found = registry.getMessage(`connectrpc.conformance.v1.${name}`);
    if (found === undefined) throw new Error(`${file}: message ${name} is missing`);
    return found;
  };
  return {
    registry,
    serverRequest: message("ServerCompatRequest"),
    serverResponse: message("ServerCompatResponse"),
    clientRequest: message("ClientCompatRequest"),
  };
}
