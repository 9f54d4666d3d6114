/** `fairlead/fetch` on Cloudflare Workers. */
import { portableClock } from "../runtime/portable-clock.ts";
import { DEFAULT_DOH } from "../runtime/portable-machine.ts";
import { createWorkerdMachine } from "../runtime/workerd-machine.ts";
import type { ChainConfig } from "./chain/chain-config.ts";
import { createOn } from "./create-on.ts";
import type { FileConfig } from "./fetch-config.ts";
import type { FetchHandler, FetchHandlerOptions } from "./fetch-handler.ts";
import { startKept } from "./kept-engine.ts";

export type { ChainConfig, ChainOptions } from "./chain/chain-config.ts";
export type { FileConfig } from "./fetch-config.ts";
export type { FetchHandler, FetchHandlerOptions } from "./fetch-handler.ts";

/** As on other platforms. With a gateway's own form it has to live in a Durable Object: see docs/serverless.md. */
export function createFetchHandler(config: FileConfig | ChainConfig, options: FetchHandlerOptions = {}): FetchHandler {
  return createOn(
    {
      clock: portableClock,
      machine: ({ files = {}, dnsOverHttps = DEFAULT_DOH }) => createWorkerdMachine({ files, dnsOverHttps }),
      start: startKept,
    },
    config,
    { peer: (request) => request.headers.get("cf-connecting-ip") ?? "", ...options },
  );
}
