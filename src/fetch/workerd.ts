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

/** Sockets of one request must not be touched by another, and a gateway's are. A Durable Object counts as one request. */
const NO_OBJECT =
  "on Cloudflare Workers a gateway has to live in a Durable Object: create the handler in its constructor, with the option " +
  "{ durableObject: state } (docs/serverless.md)";

/** As on other platforms; with a gateway's own form, in a Durable Object only. */
export function createFetchHandler(config: FileConfig | ChainConfig, options: FetchHandlerOptions = {}): FetchHandler {
  return createOn(
    {
      clock: portableClock,
      machine: ({ files = {}, dnsOverHttps = DEFAULT_DOH }) => createWorkerdMachine({ files, dnsOverHttps }),
      start: async (file, machine, given, log) => {
        if (given.durableObject === undefined) throw new Error(NO_OBJECT);
        return startKept(file, machine, given, log);
      },
    },
    config,
    { peer: (request) => request.headers.get("cf-connecting-ip") ?? "", ...options },
  );
}
