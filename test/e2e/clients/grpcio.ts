import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Client, Observation } from "../support/call.ts";
import { python } from "../support/python.ts";
import { ROOT } from "../support/runtimes.ts";

/** grpcio: gRPC's C core under Python. Runs once for all calls to one address. */
export const grpcio: Client = {
  name: "grpcio",
  observe: async (address, cases) => {
    const program = python();
    if (program === null) throw new Error("grpcio: no Python with grpcio");
    const child = spawn(program, [join(ROOT, "test/e2e/clients/client.py"), address], {
      stdio: ["pipe", "pipe", "pipe"],
      // Proxies in the environment are not meant for loopback.
      env: { ...process.env, no_grpc_proxy: "127.0.0.1", GRPC_VERBOSITY: "NONE" },
    });
    const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
    child.stdin.end(JSON.stringify(cases));
    const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    if (code !== 0) throw new Error(`grpcio: exit ${code}: ${errors}`);
    return JSON.parse(output) as Observation[];
  },
};
