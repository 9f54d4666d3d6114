// Cloudflare Workers: calls go on to gateways in a cluster, whose addresses stand in INGRESSES, apart by commas.
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
