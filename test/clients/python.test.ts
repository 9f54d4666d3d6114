import { join } from "node:path";
import { observeByGrpcio } from "../e2e/clients/grpcio.ts";
import { NO_PYTHON, python } from "../e2e/support/python.ts";
import { ROOT } from "../e2e/support/runtimes.ts";
import { runProgram, talk } from "./support/program.ts";
import type { ClientObservation } from "./support/seen.ts";
import { describeClients, type StockClient, statusMessage } from "./support/suite.ts";
import { missingTool, PROGRAMS } from "./tools.ts";

/** Python: grpcio, and connectrpc in its three protocols. */

const SCRIPT = join(ROOT, "test/clients/python/client.py");
const missing = missingTool("python");

function connectPython(
  order: number,
  name: string,
  options: Readonly<Record<string, string | boolean>>,
  more: Partial<StockClient> = {},
): StockClient {
  return {
    order,
    name,
    missing,
    versions: async () => {
      const versions = (await talk(PROGRAMS.python, [SCRIPT, "version"])) as Record<string, string>;
      return `connectrpc ${versions.connectrpc}, Python ${versions.python}`;
    },
    observe: async (address, calls) =>
      (await talk(PROGRAMS.python, [SCRIPT, address, JSON.stringify(options)], calls)) as ClientObservation[],
    ...more,
  };
}

const noBidi: Partial<StockClient> = {
  lacks: (call) => (call.kind === "Bidi" ? "HTTP/1.1 has no full duplex" : null),
};
const status: Partial<StockClient> = { sees: statusMessage };

describeClients([
  {
    order: 50,
    name: "grpcio, HTTP/2",
    missing: python() === null ? NO_PYTHON : null,
    versions: async () => {
      const script = "import grpc, platform; print(f'grpcio {grpc.__version__}, Python {platform.python_version()}')";
      return (await runProgram(python() ?? "", ["-c", script])).output.trim();
    },
    observe: (address, calls) => observeByGrpcio(address, calls),
  },
  connectPython(51, "connectrpc (Python), Connect, HTTP/2", { protocol: "connect" }),
  connectPython(
    52,
    "connectrpc (Python), Connect, JSON, HTTP/1.1",
    { protocol: "connect", json: true, http1: true },
    noBidi,
  ),
  connectPython(53, "connectrpc (Python), gRPC, HTTP/2", { protocol: "grpc" }, status),
  connectPython(
    54,
    "connectrpc (Python), gRPC-Web, HTTP/1.1",
    { protocol: "grpc-web", http1: true },
    { ...noBidi, ...status },
  ),
]);
