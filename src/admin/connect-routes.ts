import { type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import { createFetchHandler } from "@connectrpc/connect/protocol";
import type { Hono } from "hono";

/**
 * Mounts Connect services on a Hono app, in-process: POST, and GET for methods without side effects. The only place of
 * the admin part that uses Connect's private helpers, which follow no semantic versioning: the package is pinned.
 */
export function mountConnect(app: Hono, routes: (router: ConnectRouter) => void): void {
  // What Hono answers goes over HTTP/1.1 without trailers, which native gRPC cannot do without.
  const router = createConnectRouter({ grpc: false });
  routes(router);
  for (const handler of router.handlers) {
    const handle = createFetchHandler(handler);
    app.all(handler.requestPath, (context) => handle(context.req.raw));
  }
}
