/** `fairlead/fetch` on platforms that have `fetch` and no sockets, such as Vercel's edge: calls are chained to a cluster. */
import { portableClock } from "../runtime/portable-clock.ts";
import { createPortableMachine, DEFAULT_DOH } from "../runtime/portable-machine.ts";
import type { ChainConfig } from "./chain/chain-config.ts";
import { createOn } from "./create-on.ts";
import type { FileConfig } from "./fetch-config.ts";
import type { FetchHandler, FetchHandlerOptions } from "./fetch-handler.ts";
import { startKept } from "./kept-engine.ts";

export type { ChainConfig, ChainOptions } from "./chain/chain-config.ts";
export type { FileConfig } from "./fetch-config.ts";
export type { FetchHandler, FetchHandlerOptions } from "./fetch-handler.ts";

/** As on other platforms. A gateway's own form is taken, too, and answers every call that it has no sockets for pods. */
export function createFetchHandler(config: FileConfig | ChainConfig, options: FetchHandlerOptions = {}): FetchHandler {
  return createOn(
    {
      clock: portableClock,
      machine: ({ files = {}, dnsOverHttps = DEFAULT_DOH }) => createPortableMachine({ files, dnsOverHttps }, null),
      start: startKept,
    },
    config,
    options,
  );
}
