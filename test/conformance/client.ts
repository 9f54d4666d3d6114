/**
 * The client under test: the suite's reference client, sent through a gateway. Each ClientCompatRequest is made to go to a
 * gateway that has the request's server as its only pod, in the protocol that CONFORMANCE_PROTOCOL names, and handed to the
 * reference client, whose answers go back as they are.
 *
 * Environment: CONFORMANCE_CLIENT (program), CONFORMANCE_DESCRIPTORS (file), CONFORMANCE_PROTOCOL (grpc, connect, grpc-web),
 * CONFORMANCE_HTTP (1 or 2: between client and gateway; 2 when absent).
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { createAuthority } from "../support/certs.ts";
import { frame, readFrames } from "./delimited.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { type ClientRequest, HTTP_2, loadMessages, PROTOCOL } from "./messages.ts";

const { CONFORMANCE_CLIENT, CONFORMANCE_DESCRIPTORS, CONFORMANCE_PROTOCOL, CONFORMANCE_HTTP } = process.env;
const messages = loadMessages(CONFORMANCE_DESCRIPTORS ?? "");
const protocol = PROTOCOL[CONFORMANCE_PROTOCOL as keyof typeof PROTOCOL];
const folder = mkdtempSync(join(tmpdir(), "fairlead-conformance-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** What the client sees of the gateway with TLS. */
const authority = createAuthority("conformance gateway");
const own = authority.issue(["127.0.0.1", "localhost"]);
const listenTls = ["--tls-cert", file("cert.pem", own.cert), "--tls-key", file("key.pem", own.key)];

/** Gateways by the address of their pod. */
const gateways = new Map<string, RunningGateway>();

const client = spawn(CONFORMANCE_CLIENT ?? "", [], { stdio: ["pipe", "inherit", "inherit"] });
const ended = new Promise<number>((resolve) => client.once("exit", (code) => resolve(code ?? 1)));
process.once("SIGTERM", () => client.kill());

for await (const bytes of readFrames(process.stdin)) {
  const request = fromBinary(messages.clientRequest, bytes) as ClientRequest;
  const { host, port } = await gatewayFor(request);
  request.host = host;
  request.port = port;
  request.protocol = protocol;
  request.httpVersion = CONFORMANCE_HTTP === undefined ? HTTP_2 : Number(CONFORMANCE_HTTP);
  if (request.serverTlsCert.length > 0) request.serverTlsCert = new TextEncoder().encode(authority.cert);
  client.stdin.write(frame(toBinary(messages.clientRequest, request)));
}
client.stdin.end();
const code = await ended;
for (const { gateway } of gateways.values()) await gateway.close();
process.exit(code);

async function gatewayFor({ host, port, serverTlsCert }: ClientRequest): Promise<RunningGateway> {
  const pod = `${host}:${port}`;
  const known = gateways.get(pod);
  if (known !== undefined) return known;
  const ca = serverTlsCert.length === 0 ? null : file(`pod-${port}.pem`, serverTlsCert);
  const tls = ca === null ? [] : [...listenTls, "--backend-tls", "--backend-ca", ca, "--backend-server-name", host];
  const gateway = await startGateway([...tls, `ipv4:${pod}`]);
  gateways.set(pod, gateway);
  return gateway;
}
