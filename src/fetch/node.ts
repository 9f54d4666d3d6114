/** `fairlead/fetch` on Node, Deno and Bun: sockets, resolver and files are the machine's own. */
import { systemClock } from "../runtime/clock.ts";
import { createFetchMachine } from "../runtime/fetch-machine.ts";
import type { ChainConfig } from "./chain/chain-config.ts";
import { createOn } from "./create-on.ts";
import type { FileConfig } from "./fetch-config.ts";
import type { FetchHandler, FetchHandlerOptions } from "./fetch-handler.ts";
import { startKept } from "./kept-engine.ts";

export type { ChainConfig, ChainOptions } from "./chain/chain-config.ts";
export type { FileConfig } from "./fetch-config.ts";
export type { FetchHandler, FetchHandlerOptions } from "./fetch-handler.ts";

/**
 * The gateway as a fetch handler.
 * @param config what stands in the configuration file; or a chain to gateways in a cluster
 */
export function createFetchHandler(config: FileConfig | ChainConfig, options: FetchHandlerOptions = {}): FetchHandler {
  return createOn(
    {
      clock: systemClock,
      machine: ({ files = {}, dnsOverHttps = null }) => createFetchMachine(files, dnsOverHttps),
      start: startKept,
    },
    config,
    options,
  );
}
