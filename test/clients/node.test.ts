import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Transport } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { observeOverTransport } from "../e2e/clients/connect-node.ts";
import { grpcJs } from "../e2e/clients/grpc-js.ts";
import { ROOT } from "../e2e/support/runtimes.ts";
import { describeClients, type StockClient, statusMessage } from "./support/suite.ts";

/** Node: grpc-js, and connect-node in its three protocols. They are the project's own dependencies, so nothing is ever missing. */

function versionOf(name: string): string {
  const file = readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8");
  return `${name} ${(JSON.parse(file) as { readonly version: string }).version}, Node ${process.versions.node}`;
}

type Options = Parameters<typeof createGrpcTransport>[0] & Parameters<typeof createConnectTransport>[0];

function connectNode(
  order: number,
  name: string,
  create: (options: Options) => Transport,
  options: Partial<Options>,
  more: Partial<StockClient> = {},
): StockClient {
  return {
    order,
    name,
    missing: null,
    versions: async () => versionOf("@connectrpc/connect-node"),
    observe: (address, calls) =>
      observeOverTransport(calls, (sessionManager, compress) =>
        create({
          httpVersion: "2",
          baseUrl: `http://${address}`,
          sessionManager,
          ...(compress && { sendCompression: compressionGzip, compressMinBytes: 0 }),
          ...options,
        } as Options),
      ),
    ...more,
  };
}
