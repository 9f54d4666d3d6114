/** The chain on whichever runtime this is: prints its port, and takes INGRESSES as the entries of deploy/ do. */
import { serve } from "@hono/node-server";
import { createFetchHandler } from "../../../src/fetch/node.ts";

type Fetch = (request: Request) => Response | Promise<Response>;
interface Others {
  readonly Deno?: {
    serve(
      options: { readonly port: number; readonly hostname: string; readonly onListen: (at: { port: number }) => void },
      fetch: Fetch,
    ): unknown;
  };
  readonly Bun?: { serve(options: { readonly port: number; readonly fetch: Fetch }): { readonly port: number } };
}

const { Deno, Bun } = globalThis as Others;
const { fetch } = createFetchHandler({ chain: { ingresses: (process.env.INGRESSES ?? "").split(",") } });
const say = (port: number): void => console.log(`listening on port ${port}`);
if (Deno !== undefined)
  Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: ({ port }) => say(port) }, (request) => fetch(request));
else if (Bun !== undefined) say(Bun.serve({ port: 0, fetch: (request) => fetch(request) }).port);
else serve({ fetch: (request) => fetch(request), port: 0, hostname: "127.0.0.1" }, ({ port }) => say(port));
