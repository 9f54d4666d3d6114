import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescMethodUnary } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { Transport } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { credentials } from "@grpc/grpc-js";
import { observeOverTransport } from "../e2e/clients/connect-node.ts";
import { grpcJs, observeByGrpcJs } from "../e2e/clients/grpc-js.ts";
import type { Observation } from "../e2e/support/call.ts";
import { ROOT } from "../e2e/support/runtimes.ts";
import type { ClientObservation } from "./support/seen.ts";
import { describeClients, type StockClient, statusMessage } from "./support/suite.ts";

/** Node: grpc-js, and connect-node in its three protocols. They are the project's own dependencies, so nothing is ever missing. */

function versionOf(name: string): string {
  const file = readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8");
  return `${name} ${(JSON.parse(file) as { readonly version: string }).version}, Node ${process.versions.node}`;
}

/** Of one connection; HTTP/1.1 transports have none to share. */
type Create = (baseUrl: string, sessions: Http2SessionManager, compress: object) => Transport;

function connectNode(order: number, name: string, create: Create, more: Partial<StockClient> = {}): StockClient {
  return {
    order,
    name,
    missing: null,
    versions: async () => versionOf("@connectrpc/connect-node"),
    observe: async (address, calls, caFile) => {
      const baseUrl = caFile === "" ? `http://${address}` : `https://${address}`;
      const secure = caFile === "" ? {} : { ca: readFileSync(caFile) };
      const sessions = new Http2SessionManager(baseUrl, {}, secure);
      const plain = create(baseUrl, sessions, {});
      const gzip = create(baseUrl, sessions, { sendCompression: compressionGzip, compressMinBytes: 0 });
      try {
        const seen: ClientObservation[] = [];
        for (const call of calls) {
          seen.push(withDetails(await observeOverTransport(call.compress ? gzip : plain, call)));
        }
        return seen;
      } finally {
        sessions.abort();
      }
    },
    ...more,
  };
}

/** The client of the end-to-end suite writes details as JSON among the trailers. */
function withDetails(observation: Observation): ClientObservation {
  const details = observation.trailers.flatMap(([name, json]): [string, string][] => {
    if (name !== "detail") return [];
    const { type, value } = JSON.parse(json) as { readonly type: string; readonly value: Record<string, number> };
    return [[type, Buffer.from(Object.values(value)).toString("base64")]];
  });
  // Errors of streams have the headers too.
  return { ...observation, details, headers: observation.code === 0 ? observation.headers : [] };
}

/** Bytes of a message that still goes into a URL. */
const URL_ROOM = 4_000;

/** By GET goes what the schema calls free of side effects; the pods' own does not, since it serves all clients. */
function withoutSideEffects(transport: Transport): Transport {
  return {
    unary: (method, ...rest) => {
      const asked: typeof method = Object.create(method as DescMethodUnary, {
        idempotency: { value: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS },
      });
      return transport.unary(asked, ...rest);
    },
    stream: transport.stream.bind(transport),
  };
}

const noBidi: Partial<StockClient> = {
  lacks: (call) => (call.kind === "Bidi" ? "HTTP/1.1 has no full duplex" : null),
};
const status: Partial<StockClient> = { sees: statusMessage };

describeClients([
  {
    order: 1,
    name: "grpc-js, HTTP/2",
    missing: null,
    versions: async () => versionOf("@grpc/grpc-js"),
    observe: grpcJs.observe,
  },
  {
    order: 1.1,
    name: "grpc-js, HTTP/2 with TLS",
    missing: null,
    tls: true,
    versions: async () => versionOf("@grpc/grpc-js"),
    observe: (address, calls, caFile) => observeByGrpcJs(address, calls, credentials.createSsl(readFileSync(caFile))),
  },
  connectNode(2, "connect-node, Connect, HTTP/2", (baseUrl, sessionManager, compress) =>
    createConnectTransport({ httpVersion: "2", baseUrl, sessionManager, ...compress }),
  ),
  connectNode(
    2.1,
    "connect-node, Connect, HTTP/2 with TLS",
    (baseUrl, sessionManager, compress) =>
      createConnectTransport({ httpVersion: "2", baseUrl, sessionManager, ...compress }),
    { tls: true },
  ),
  connectNode(
    2.2,
    "connect-node, Connect with GET, HTTP/2",
    (baseUrl, sessionManager, compress) =>
      withoutSideEffects(
        createConnectTransport({ httpVersion: "2", baseUrl, sessionManager, useHttpGet: true, ...compress }),
      ),
    { lacks: (call) => (call.kind === "Unary" && (call.sends[0] ?? 0) > URL_ROOM ? "too long for a URL" : null) },
  ),
  connectNode(
    3,
    "connect-node, Connect, JSON, HTTP/1.1",
    (baseUrl, _sessions, compress) =>
      createConnectTransport({ httpVersion: "1.1", baseUrl, useBinaryFormat: false, ...compress }),
    noBidi,
  ),
  connectNode(
    4,
    "connect-node, gRPC, HTTP/2",
    (baseUrl, sessionManager, compress) => createGrpcTransport({ baseUrl, sessionManager, ...compress }),
    status,
  ),
  connectNode(
    5,
    "connect-node, gRPC-Web, HTTP/2",
    (baseUrl, sessionManager, compress) =>
      createGrpcWebTransport({ httpVersion: "2", baseUrl, sessionManager, ...compress }),
    status,
  ),
  connectNode(
    6,
    "connect-node, gRPC-Web, HTTP/1.1",
    (baseUrl, _sessions, compress) => createGrpcWebTransport({ httpVersion: "1.1", baseUrl, ...compress }),
    { ...noBidi, ...status },
  ),
]);
