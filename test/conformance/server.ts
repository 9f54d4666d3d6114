/**
 * The server under test: reads one ServerCompatRequest, starts pods that speak gRPC over h2c only and a gateway in front of
 * them with the TLS settings that the request asks for, and answers with the gateway's address. Ends on SIGTERM.
 *
 * Environment: CONFORMANCE_POD (program), CONFORMANCE_DESCRIPTORS (file), CONFORMANCE_JSON (value of --json),
 * CONFORMANCE_DESCRIPTOR_SET (file for --descriptor-set), CONFORMANCE_TEXT (set: the client's binary gRPC-Web reaches the
 * gateway as grpc-web-text).
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { onNode } from "../e2e/support/runtimes.ts";
import { frame, readFrames } from "./delimited.ts";
import { startGateway, whenKnown } from "./gateway.ts";
import { loadMessages, type ServerRequest } from "./messages.ts";
import { startPod } from "./pods.ts";

/** More than one, so that a gateway is seen to balance. */
const PODS = 2;

const { CONFORMANCE_POD, CONFORMANCE_DESCRIPTORS, CONFORMANCE_JSON, CONFORMANCE_DESCRIPTOR_SET } = process.env;
const messages = loadMessages(CONFORMANCE_DESCRIPTORS ?? "");
const request = await readRequest();
const folder = mkdtempSync(join(tmpdir(), "fairlead-conformance-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const pods = await Promise.all(
  Array.from({ length: PODS }, () => startPod(CONFORMANCE_POD ?? "", messages, request.messageReceiveLimit)),
);
const { gateway, host, port } = await startGateway([
  ...tlsArguments(),
  ...whenKnown("connect-get", "*"),
  ...(CONFORMANCE_JSON === undefined ? [] : whenKnown("json", CONFORMANCE_JSON)),
  ...(CONFORMANCE_DESCRIPTOR_SET === undefined ? [] : whenKnown("descriptor-set", CONFORMANCE_DESCRIPTOR_SET)),
  `ipv4:${pods.map(({ address }) => address).join(",")}`,
]);

process.once("SIGTERM", async () => {
  await gateway.close();
  await Promise.all(pods.map((pod) => pod.stop()));
  process.exit(0);
});
const pemCert = request.useTls ? (request.serverCreds?.cert ?? new Uint8Array()) : new Uint8Array();
const response = create(messages.serverResponse, { host, port: await clientPort(), pemCert } as Record<
  string,
  unknown
>);
process.stdout.write(frame(toBinary(messages.serverResponse, response)));

/** Where the client is to connect to: the gateway, or what turns its calls into text on their way there. */
async function clientPort(): Promise<number> {
  if (process.env.CONFORMANCE_TEXT === undefined) return port;
  const { program, args } = onNode("test/conformance/web-text.ts");
  // It ends with its standard input, which this process holds open.
  const child = spawn(program, [...args, String(request.httpVersion), host, String(port)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) return Number(line);
  throw new Error("web-text ended before it listened");
}

async function readRequest(): Promise<ServerRequest> {
  for await (const bytes of readFrames(process.stdin))
    return fromBinary(messages.serverRequest, bytes) as ServerRequest;
  throw new Error("no request came");
}

function tlsArguments(): string[] {
  if (!request.useTls) return [];
  if (request.serverCreds === undefined) throw new Error("the request has no certificate");
  const write = (name: string, pem: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, pem);
    return path;
  };
  const own = ["--tls-cert", write("cert.pem", request.serverCreds.cert)];
  own.push("--tls-key", write("key.pem", request.serverCreds.key));
  return request.clientTlsCert.length === 0 ? own : [...own, "--client-ca", write("ca.pem", request.clientTlsCert)];
}
