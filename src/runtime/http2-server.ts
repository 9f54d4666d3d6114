import type { IncomingMessage, ServerResponse } from "node:http";
import http2, { type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from "node:http2";
import process from "node:process";
import { withoutGoaway } from "./goaway-filter.ts";
import { listening } from "./node-server.ts";

/** What `connectNodeAdapter` of @connectrpc/connect-node makes. */
export type NodeHandler = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

export interface NodeHttp2Server {
  readonly host: string;
  readonly port: number;
  /** Connections open now. */
  connections(): number;
  /** Leaves like a pod in order: GOAWAY, calls that are open finish; resolves when every connection is closed. */
  close(): Promise<void>;
  /** Leaves like a pod that crashed: every connection is reset; resolves when all are closed. */
  destroy(): Promise<void>;
}

/**
 * A plaintext HTTP/2 server by `node:http2`, for the demo's pods and for tests. Never in the data path (decision D1).
 * @param port 0 chooses a free one
 * @throws (rejects) when the address is in use or not ours
 */
export async function startNodeHttp2Server(handler: NodeHandler, host: string, port: number): Promise<NodeHttp2Server> {
  const sessions = new Set<ServerHttp2Session>();
  const server = http2.createServer({}, handler);
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // A peer that is lost is what a pod has to expect.
    session.on("error", () => {});
  });
  server.on("sessionError", () => {});
  const front = "deno" in process.versions ? withoutGoaway(server) : server;
  const realPort = await listening(front, host, port);
  let closed: Promise<void> | null = null;
  const leave = async (end: (session: ServerHttp2Session) => void) => {
    // A server may emit `close` before the last of its sessions does.
    const ended = [...sessions].map(
      (session) => new Promise<void>((resolve) => session.once("close", () => resolve())),
    );
    closed ??= new Promise((resolve) => front.close(() => resolve()));
    for (const session of sessions) end(session);
    await Promise.all([closed, ...ended]);
  };
  return {
    host,
    port: realPort,
    connections: () => sessions.size,
    close: () => leave((session) => session.close()),
    destroy: () => leave((session) => session.destroy()),
  };
}
