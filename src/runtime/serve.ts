import http from "node:http";
import type { Socket } from "node:net";
import { fetchListener } from "./fetch-listener.ts";
import { listening } from "./node-server.ts";

export interface Serving {
  readonly host: string;
  /** The real port when 0 was asked for. */
  readonly port: number;
  /** Stops accepting and destroys every connection; resolves when all are closed. */
  close(): Promise<void>;
}

/**
 * A fetch handler on a port of its own over HTTP/1.1: the admin pages.
 * @throws (rejects) when the address is in use or not ours
 */
export async function serve(
  handle: (request: Request) => Response | Promise<Response>,
  host: string,
  port: number,
): Promise<Serving> {
  const sockets = new Set<Socket>();
  const server = http.createServer(fetchListener(handle));
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const realPort = await listening(server, host, port);
  return {
    host,
    port: realPort,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
