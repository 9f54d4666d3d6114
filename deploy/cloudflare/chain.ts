// Cloudflare Workers, `wrangler deploy chain.ts --env chain`: calls go on to the gateways that INGRESSES names, apart by commas.
import { createFetchHandler, type FetchHandler } from "fairlead/fetch";

interface Env {
  readonly INGRESSES: string;
}

let handler: FetchHandler | undefined;

export default {
  fetch(request: Request, env: Env): Response | Promise<Response> {
    handler ??= createFetchHandler({ chain: { ingresses: env.INGRESSES.split(",") } });
    return handler.fetch(request);
  },
};
