/** `fairlead/hono`: the gateway inside of a Hono app. */
import type { Context, MiddlewareHandler } from "hono";
import type { Gateway } from "../library/create-gateway.ts";

/** How the middleware is made. */
export interface HonoOptions {
  /** The client's address, for the log and for events. Default: empty. */
  readonly peer?: (context: Context) => string;
}

/**
 * Middleware for Hono: calls that one of the gateway's routes takes go to the pods, with the preflights of browsers for them; everything
 * else goes on to the app. It speaks Connect and gRPC-Web; native gRPC needs a socket of its own, or `fairlead/connect`.
 *
 * ```ts
 * app.use("/*", fairlead(createGateway({ backends: [{ target: "dns:///echo:50051" }] })));
 * ```
 *
 * A configuration without routes takes every call. A gateway that cannot start throws, and the app's error handler answers.
 */
export function fairlead(
  gateway: Pick<Gateway, "start" | "takes" | "fetch">,
  options: HonoOptions = {},
): MiddlewareHandler {
  return async (context, next) => {
    const request = context.req.raw;
    await gateway.start();
    if (!gateway.takes(request)) return next();
    // Set, so that the app's other middleware finds it where answers of its own are.
    context.res = await gateway.fetch(request, { peer: options.peer?.(context) ?? "" });
  };
}
