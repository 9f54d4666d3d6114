import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Child } from "./support/child.ts";
import { type GatewayProcess, startGatewayProcess } from "./support/gateway.ts";
import { noInterop, runInterop, startInteropServer, UNHURRIED } from "./support/interop.ts";
import { expectQuiet } from "./support/quiet.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/**
 * grpc-go's own interoperability client against its own server, through the gateway, and directly for comparison. The names and
 * meanings of the cases: grpc/grpc, doc/interop-test-descriptions.md. Left out: those that need credentials of a cloud, and
 * pick_first_unary, which asks for the id of the server that answered: grpc-go's server has none, and fails it directly too.
 */
const SOAK = ["--soak_iterations=20", ...UNHURRIED];
/** The two cases about load reports are watched by a balancer that only this client has. */
const ORCA = ['--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}'];

const CASES: readonly (readonly [name: string, ...flags: string[]])[] = [
  ["empty_unary"],
  ["large_unary"],
  ["client_streaming"],
  ["server_streaming"],
  ["ping_pong"],
  ["empty_stream"],
  ["timeout_on_sleeping_server"],
  ["cancel_after_begin"],
  ["cancel_after_first_response"],
  ["status_code_and_message"],
  ["special_status_message"],
  ["custom_metadata"],
  ["unimplemented_method"],
  ["unimplemented_service"],
  ["orca_per_rpc", ...ORCA],
  ["orca_oob", ...ORCA],
  ["rpc_soak", ...SOAK],
  ["channel_soak", ...SOAK],
];

if (noInterop !== "") console.warn(`skipped: grpc-go interop: ${noInterop}`);

describe.skipIf(noInterop !== "")("grpc-go interop", () => {
  let pod: { readonly child: Child; readonly port: number } | undefined;
  let gateway: GatewayProcess | undefined;

  beforeAll(async () => {
    if (noInterop !== "") return;
    pod = await startInteropServer();
    gateway = await startGatewayProcess({ target: `ipv4:127.0.0.1:${pod.port}` });
  });
  afterAll(async () => {
    await pod?.child.stop();
    if (gateway === undefined) return;
    await expectQuiet(gateway);
    expect(await gateway.stop()).toBe(0);
  });

  test.each(CASES)("%s", async (name, ...flags) => {
    const [code, output] = await runInterop(name, gateway?.host ?? "", gateway?.port ?? 0, flags);
    if (code === 0) return;
    const [directCode, directOutput] = await runInterop(name, "127.0.0.1", pod?.port ?? 0, flags);
    expect.fail(`through the gateway: ${code}\n${output}\ndirectly: ${directCode}\n${directOutput}`);
  });
});
