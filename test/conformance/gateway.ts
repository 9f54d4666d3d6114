import { parseArgs } from "node:util";
import { createLog } from "../../src/admin/log.ts";
import { argOptions, loadSettings, parseCommand } from "../../src/config/command-line.ts";
import { flags } from "../../src/config/flags.ts";
import { createGateway } from "../../src/create-gateway.ts";
import type { Gateway } from "../../src/gateway-api.ts";
import { createMachine } from "../../src/runtime/create-machine.ts";

export interface RunningGateway {
  readonly gateway: Gateway;
  readonly host: string;
  readonly port: number;
}

/**
 * Starts a gateway in this process, from the arguments that its command line would get, on a free port of 127.0.0.1.
 * @throws (rejects) when the arguments are wrong
 */
export async function startGateway(args: readonly string[]): Promise<RunningGateway> {
  const machine = createMachine();
  const all = ["--listen", "127.0.0.1:0", "--admin", "off", "--log-level", "warn", ...args];
  const parsed = parseArgs({ args: all, options: argOptions(), strict: false, tokens: true, allowPositionals: true });
  const command = parseCommand(parsed.tokens);
  if (command.kind !== "run") throw new Error(`wrong arguments: ${JSON.stringify(command)}`);
  const access = { ...machine, isPair: () => true };
  const loaded = await loadSettings(command.source, access);
  if ("problems" in loaded) throw new Error(`wrong arguments: ${JSON.stringify(loaded.problems)}`);
  const log = createLog(loaded.settings.log, process.stderr, machine.clock, machine.soon);
  const gateway = createGateway(loaded.settings, machine, log);
  await gateway.start();
  const [listener] = gateway.view.listeners();
  return { gateway, host: listener.host, port: listener.port };
}

/** The arguments of a flag; none when this gateway does not know it (yet), which is said on standard error. */
export function whenKnown(name: string, ...values: readonly string[]): string[] {
  if (flags.some((flag) => flag.name === name)) return values.flatMap((value) => [`--${name}`, value]);
  process.stderr.write(`conformance: the gateway has no flag --${name}\n`);
  return [];
}
