import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

export interface Ran {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Environment of clients: proxies are not meant for loopback. */
const ENV = { no_proxy: "127.0.0.1", NO_PROXY: "127.0.0.1", no_grpc_proxy: "127.0.0.1", GRPC_VERBOSITY: "NONE" };

/** Runs a program to its end. */
export async function runProgram(
  command: string,
  args: readonly string[],
  input: string | Uint8Array = "",
): Promise<Ran> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...ENV } });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  // One that ends early does not read all of its input: its exit code tells.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, output, errors };
}

/** Runs a program that reads JSON and prints JSON. @throws when it fails */
export async function talk(command: string, args: readonly string[], input: unknown = null): Promise<unknown> {
  const ran = await runProgram(command, args, input === null ? "" : JSON.stringify(input));
  if (ran.code !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${ran.code}: ${ran.errors}`);
  return JSON.parse(ran.output);
}
