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
    app.all(handler.requestPath, async (context) => handle(await fromCurl(context.req.raw)));
  }
}

/**
 * `curl -d {}` says that it sends a form. It is taken as the JSON that it is, so that nobody has to type a header. Browsers send
 * forms to other sites without asking (no CORS preflight), so this is for services that only read.
 */
async function fromCurl(request: Request): Promise<Request> {
  const form = request.headers.get("content-type") === "application/x-www-form-urlencoded";
  if (request.method !== "POST" || !form) return request;
  const headers = new Headers(request.headers);
  headers.set("content-type", "application/json");
  // From its parts: the runtime's adapter gives requests that `new Request` does not take.
  return new Request(request.url, { method: request.method, headers, body: await request.arrayBuffer() });
}
