import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { CallCase, Client, Observation } from "../support/call.ts";
import { NO_PYTHON, python } from "../support/python.ts";
import { ROOT } from "../support/runtimes.ts";

/** grpcio: gRPC's C core under Python. Runs once for all calls to one address. */
export const grpcio: Client = { name: "grpcio", observe: (address, cases) => observeByGrpcio(address, cases) };

/** @param options channel options by name */
export async function observeByGrpcio(
  address: string,
  cases: readonly CallCase[],
  options: Readonly<Record<string, string | number>> = {},
): Promise<readonly Observation[]> {
  const program = python();
  if (program === null) throw new Error(NO_PYTHON);
  const script = join(ROOT, "test/e2e/clients/client.py");
  const child = spawn(program, [script, address, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "pipe"],
    // Proxies in the environment are not meant for loopback.
    env: { ...process.env, no_grpc_proxy: "127.0.0.1", GRPC_VERBOSITY: "NONE" },
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.stdin.end(JSON.stringify(cases));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  if (code !== 0) throw new Error(`grpcio: exit ${code}: ${errors}`);
  return JSON.parse(output) as Observation[];
}
