import { type ChildProcess, spawn } from "node:child_process";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { frame, readFrames } from "./delimited.ts";
import { HTTP_2, type Messages, PROTOCOL, type ServerResponse } from "./messages.ts";

/** A pod: one of the suite's servers, which speaks gRPC over h2c whatever the client speaks. */
export interface Pod {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Closes its standard input, which ends it; resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * @param program a server that the harness has patched
 * @param receiveLimit largest request message in bytes; 0 for no limit
 */
export async function startPod(program: string, messages: Messages, receiveLimit: number): Promise<Pod> {
  const child = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const request = create(messages.serverRequest, {
    protocol: PROTOCOL.grpc,
    httpVersion: HTTP_2,
    messageReceiveLimit: receiveLimit,
  } as Record<string, unknown>);
  child.stdin.write(frame(toBinary(messages.serverRequest, request)));
  const { host, port } = await firstResponse(child, messages);
  return {
    address: `${host}:${port}`,
    stop: () => {
      child.stdin?.end();
      return gone;
    },
  };
}

async function firstResponse(child: ChildProcess, messages: Messages): Promise<ServerResponse> {
  for await (const bytes of readFrames(child.stdout as AsyncIterable<Uint8Array>)) {
    return fromBinary(messages.serverResponse, bytes) as ServerResponse;
  }
  throw new Error(`${child.spawnfile} ended before it listened`);
}
