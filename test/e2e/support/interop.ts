import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { findTool } from "../../support/tools.ts";
import { type Child, startChild } from "./child.ts";

/** grpc-go's interoperability programs. */

const client = findTool("grpc-interop-client");
const server = findTool("grpc-interop-server");

/** Why there are none; empty when there are. Said aloud by the suites that skip. */
export const noInterop = [client, server].flatMap((tool) => ("missing" in tool ? [tool.missing] : [])).join("; ");

/** Flags of the soak cases: their own limits are about speed, which a test must not depend on. */
export const UNHURRIED = [
  "--soak_overall_timeout_seconds=100",
  "--soak_per_iteration_max_acceptable_latency_ms=100000",
] as const;

/** Runs one case. @returns the exit code and everything printed */
export async function runInterop(
  name: string,
  host: string,
  port: number,
  more: readonly string[] = [],
): Promise<readonly [code: number | null, output: string]> {
  if ("missing" in client) throw new Error(client.missing);
  const args = [`--test_case=${name}`, `--server_host=${host}`, `--server_port=${port}`, ...more];
  const child = spawn(client.path, args, { stdio: ["ignore", "pipe", "pipe"] });
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [out, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return [code, out + errors];
}

/** Starts a server and waits until it answers. It listens on every address of the machine, and says nothing of its own. */
export async function startInteropServer(): Promise<{ readonly child: Child; readonly port: number }> {
  if ("missing" in server) throw new Error(server.missing);
  const port = await freePort();
  const child = startChild("interop server", server.path, [`--port=${port}`]);
  let ended = false;
  void child.exited.then(() => {
    ended = true;
  });
  let answer = await runInterop("empty_unary", "127.0.0.1", port);
  while (answer[0] !== 0 && !ended) answer = await runInterop("empty_unary", "127.0.0.1", port);
  if (!ended) return { child, port };
  throw new Error(`the interop server ended: ${child.output()}${answer[1]}`);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
