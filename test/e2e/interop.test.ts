import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findTool } from "../support/tools.ts";
import { type Child, startChild } from "./support/child.ts";
import { type GatewayProcess, startGatewayProcess } from "./support/gateway.ts";
import { expectQuiet } from "./support/quiet.ts";

/**
 * grpc-go's own interoperability client against its own server, through the gateway, and directly for comparison. The names and
 * meanings of the cases: grpc/grpc, doc/interop-test-descriptions.md. Left out: those that need credentials of a cloud, and
 * pick_first_unary, which asks for the id of the server that answered: grpc-go's server has none, and fails it directly too.
 */
const CASES = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "orca_per_rpc",
  "orca_oob",
  "rpc_soak",
  "channel_soak",
] as const;

const client = findTool("grpc-interop-client");
const server = findTool("grpc-interop-server");
const missing = [client, server].flatMap((tool) => ("missing" in tool ? [tool.missing] : []));
if (missing.length > 0) console.warn(`skipped: grpc-go interop: ${missing.join("; ")}`);

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Exit code and everything printed. */
async function runCase(
  name: string,
  host: string,
  port: number,
  more: readonly string[] = [],
): Promise<[number | null, string]> {
  if ("missing" in client) throw new Error(client.missing);
  // The two cases about load reports are watched by a balancer that only this client has.
  const orca = name.startsWith("orca_")
    ? ['--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}']
    : [];
  const soak = name.endsWith("_soak") ? ["--soak_iterations=20", "--soak_overall_timeout_seconds=60"] : [];
  const args = [`--test_case=${name}`, `--server_host=${host}`, `--server_port=${port}`, ...soak, ...orca, ...more];
  const child = spawn(client.path, args, { stdio: ["ignore", "pipe", "pipe"] });
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [out, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return [code, out + errors];
}

describe.skipIf(missing.length > 0)("grpc-go interop", () => {
  let pod: Child;
  let podPort: number;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    if ("missing" in server) return;
    podPort = await freePort();
    pod = startChild("interop server", server.path, [`--port=${podPort}`]);
    // It says nothing when it is ready: its first answer says so. grpc-go's client waits for the connection by itself.
    const [code, output] = await runCase("empty_unary", "127.0.0.1", podPort);
    expect(code, output).toBe(0);
    gateway = await startGatewayProcess({ target: `ipv4:127.0.0.1:${podPort}` });
  });
  afterAll(async () => {
    if (missing.length > 0) return;
    await pod?.stop();
    if (gateway === undefined) return;
    await expectQuiet(gateway);
    expect(await gateway.stop()).toBe(0);
  });

  test.each(CASES)("%s", async (name) => {
    const [code, output] = await runCase(name, gateway.host, gateway.port);
    if (code !== 0) {
      const [directCode, directOutput] = await runCase(name, "127.0.0.1", podPort);
      expect.fail(`through the gateway: ${code}\n${output}\ndirectly: ${directCode}\n${directOutput}`);
    }
  });
});
