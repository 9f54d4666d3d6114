import type http from "node:http";
import { getRequestListener } from "@hono/node-server";

/** A fetch handler as a listener of `node:http`. */
export function fetchListener(
  handle: (request: Request) => Response | Promise<Response>,
): (request: http.IncomingMessage, response: http.ServerResponse) => void {
  const respond = getRequestListener((request) => handle(request), {
    // HTTP/1.0 health checks may come without a Host field.
    hostname: "localhost",
    // Replacing the global Request and Response would be a side effect on whoever embeds this.
    overrideGlobalObjects: false,
  });
  return (request, response) => void respond(request, response);
}
