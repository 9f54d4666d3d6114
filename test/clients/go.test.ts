import type { CallCase } from "../e2e/support/call.ts";
import { talk } from "./support/program.ts";
import type { ClientObservation } from "./support/seen.ts";
import { describeClients, type StockClient, statusMessage } from "./support/suite.ts";
import { missingTool, PROGRAMS } from "./tools.ts";

/** connect-go and grpc-go: test/clients/go. */

const missing = missingTool("go");

function goClient(
  order: number,
  name: string,
  program: "connect" | "grpc",
  options: Readonly<Record<string, string | boolean>>,
  more: Partial<StockClient> = {},
): StockClient {
  const module = program === "connect" ? "connectrpc.com/connect" : "google.golang.org/grpc";
  return {
    order,
    name,
    missing,
    versions: async () => {
      const versions = (await talk(PROGRAMS.go, ["version"])) as Record<string, string>;
      return `${module} ${versions[module]}, ${versions.go}`;
    },
    observe: async (address, calls: readonly CallCase[], ca) =>
      (await talk(PROGRAMS.go, [program, address, JSON.stringify({ ...options, ca })], calls)) as ClientObservation[],
    ...more,
  };
}

/** Over HTTP/1.1 connect-go reads no answer of a bidi call, whoever sends it. */
const noBidi: Partial<StockClient> = {
  lacks: (call) => (call.kind === "Bidi" ? "connect-go refuses bidi over HTTP/1.1" : null),
};
const status: Partial<StockClient> = { sees: statusMessage };
const tls: Partial<StockClient> = { tls: true };

describeClients([
  goClient(10, "grpc-go, HTTP/2", "grpc", {}, status),
  goClient(11, "grpc-go, HTTP/2 with TLS", "grpc", {}, { ...status, ...tls }),
  goClient(20, "connect-go, Connect, HTTP/2", "connect", { protocol: "connect" }),
  goClient(21, "connect-go, Connect, JSON, HTTP/2", "connect", { protocol: "connect", json: true }),
  goClient(22, "connect-go, Connect with GET, HTTP/2", "connect", { protocol: "connect", get: true }),
  goClient(
    23,
    "connect-go, Connect, JSON, HTTP/1.1",
    "connect",
    { protocol: "connect", json: true, http1: true },
    noBidi,
  ),
  goClient(23.1, "connect-go, Connect, HTTP/2 with TLS", "connect", { protocol: "connect" }, tls),
  goClient(
    23.2,
    "connect-go, Connect, JSON, HTTP/1.1 with TLS",
    "connect",
    { protocol: "connect", json: true, http1: true },
    { ...noBidi, ...tls },
  ),
  goClient(24, "connect-go, gRPC, HTTP/2", "connect", { protocol: "grpc" }, status),
  goClient(25, "connect-go, gRPC-Web, HTTP/2", "connect", { protocol: "grpc-web" }, status),
  goClient(
    26,
    "connect-go, gRPC-Web, HTTP/1.1",
    "connect",
    { protocol: "grpc-web", http1: true },
    { ...noBidi, ...status },
  ),
]);
