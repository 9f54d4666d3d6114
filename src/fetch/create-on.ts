import type { Clock, Log, Machine } from "../runtime/machine.ts";
import { type ChainConfig, isChain } from "./chain/chain-config.ts";
import { startChain } from "./chain/chain-engine.ts";
import { createConsoleLog } from "./console-log.ts";
import type { FileConfig } from "./fetch-config.ts";
import { createHandler, type Engine, type FetchHandler, type FetchHandlerOptions } from "./fetch-handler.ts";

/** What differs between platforms. */
export interface Platform {
  readonly clock: Clock;
  machine(options: FetchHandlerOptions): Machine;
  /** A gateway on this machine. */
  start(config: FileConfig, machine: Machine, options: FetchHandlerOptions, log: Log | undefined): Promise<Engine>;
}

/** The fetch entry on a platform. Nothing is done before the first request but checking which of the two forms is meant. */
export function createOn(
  platform: Platform,
  config: FileConfig | ChainConfig,
  options: FetchHandlerOptions,
): FetchHandler {
  const { clock } = platform;
  const log = options.log ?? createConsoleLog("info", clock);
  // Called through a function, because some platforms want their `fetch` called without a `this`.
  const parts = { clock, random: Math.random, fetch: ((input, init) => fetch(input, init)) as typeof fetch };
  const start = isChain(config)
    ? () => startChain(config, parts)
    : () => platform.start(config, platform.machine(options), options, options.log);
  return createHandler(start, log, clock, options);
}
