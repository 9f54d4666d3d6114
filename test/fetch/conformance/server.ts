/**
 * The server under test of the Connect conformance suite: pods that speak gRPC over h2c only, and the fetch entry in front of
 * them on the platform that FETCH_PLATFORM names. Ends on SIGTERM. See test/conformance/server.ts.
 */
import process from "node:process";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { frame, readFrames } from "../../conformance/delimited.ts";
import { loadMessages, type ServerRequest } from "../../conformance/messages.ts";
import { startPod } from "../../conformance/pods.ts";
import { createFolder } from "../support/bundle.ts";
import { startDenoServe, startWorkerd } from "../support/platforms.ts";

/** More than one, so that the entry is seen to balance. */
const PODS = 2;

const { CONFORMANCE_POD, CONFORMANCE_DESCRIPTORS, FETCH_PLATFORM } = process.env;
const messages = loadMessages(CONFORMANCE_DESCRIPTORS ?? "");
const request = await readRequest();
const pods = await Promise.all(
  Array.from({ length: PODS }, () => startPod(CONFORMANCE_POD ?? "", messages, request.messageReceiveLimit)),
);
const target = `ipv4:${pods.map(({ address }) => address).join(",")}`;
const running =
  FETCH_PLATFORM === "workerd"
    ? await startWorkerd("test/fetch/conformance/worker.ts", { TARGET: target }, true, createFolder())
    : await startDenoServe("test/fetch/conformance/deno.ts", target);

process.once("SIGTERM", async () => {
  await running.stop();
  await Promise.all(pods.map((pod) => pod.stop()));
  process.exit(0);
});
const { hostname, port } = new URL(running.url);
const response = create(messages.serverResponse, { host: hostname, port: Number(port) } as Record<string, unknown>);
process.stdout.write(frame(toBinary(messages.serverResponse, response)));

async function readRequest(): Promise<ServerRequest> {
  for await (const bytes of readFrames(process.stdin))
    return fromBinary(messages.serverRequest, bytes) as ServerRequest;
  throw new Error("no request came");
}
