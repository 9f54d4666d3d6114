import { Hono } from "hono/tiny";
import type { GatewayView } from "../admin/view.ts";
import type { CorsSettings } from "../config/settings.ts";
import type { Clock, Log } from "../runtime/machine.ts";
import type { GivenFiles } from "../runtime/portable-files.ts";
import { refuseNativeGrpc } from "./native-grpc.ts";

/** What a handler may be given besides its configuration. */
export interface FetchHandlerOptions {
  /** Files that the configuration names, by their paths there, for platforms without a file system. Default: none. */
  readonly files?: GivenFiles;
  /**
   * Where names are resolved by DNS over HTTPS (RFC 8484). Default: where there is a resolver, it; on the others
   * `https://cloudflare-dns.com/dns-query`.
   */
  readonly dnsOverHttps?: string;
  /** Default: lines of JSON on the console. */
  readonly log?: Log;
  /**
   * On Cloudflare Workers, where a gateway has to live in a Durable Object: the state that its constructor is given. Not needed
   * for a chain, and nowhere else.
   */
  readonly durableObject?: object;
  /** The client's address, for the access log. Default: empty. */
  readonly peer?: (request: Request) => string;
}

/** A Hono app that takes calls at every path: give its `fetch` to the platform, or `route` it into another app. */
export interface FetchHandler extends Hono {
  /** Starts now instead of with the first request. @throws (rejects) when the configuration is wrong, a line per problem */
  start(): Promise<void>;
  /** Ends every connection and timer. */
  close(): Promise<void>;
  /** What the gateway looks like from outside; null before it has started, and where there is none. */
  view(): GatewayView | null;
}

/** What answers calls, once it has started. */
export interface Engine {
  fetch(request: Request, peer: string): Promise<Response>;
  close(): Promise<void>;
  /** Which pages may call; null when nothing is said of it. */
  readonly cors: CorsSettings | null;
  readonly view: GatewayView | null;
}

/** @param start called at the first request and not before: platforms forbid nearly everything outside of one */
export function createHandler(
  start: () => Promise<Engine>,
  log: Log,
  clock: Pick<Clock, "timer">,
  options: FetchHandlerOptions,
): FetchHandler {
  let engine: Engine | null = null;
  let starting: Promise<Engine> | null = null;
  const started = (): Promise<Engine> => {
    starting ??= start().then(
      (made) => {
        engine = made;
        return made;
      },
      (error: unknown) => {
        // The next request tries again.
        starting = null;
        throw error;
      },
    );
    return starting;
  };
  const app = new Hono();
  app.all("*", async ({ req: { raw } }) => {
    let running: Engine;
    try {
      running = engine ?? (await started());
    } catch (error) {
      log.error("cannot start", { error: error instanceof Error ? error.message : String(error) });
      return new Response("fairlead: the gateway could not be started; its log says why.\n", { status: 500 });
    }
    const refused = refuseNativeGrpc(raw, running.cors, clock);
    if (refused !== null) return refused;
    return running.fetch(raw, options.peer?.(raw) ?? "");
  });
  return Object.assign(app, {
    start: async () => {
      await started();
    },
    close: async () => {
      await (engine ?? (await starting?.catch(() => null)))?.close();
    },
    view: () => engine?.view ?? null,
  });
}
