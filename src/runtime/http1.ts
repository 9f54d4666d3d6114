import http from "node:http";
import type { Socket } from "node:net";
import { fetchListener } from "./fetch-listener.ts";
import type { Acceptor } from "./machine.ts";

/** Milliseconds that an idle HTTP/1.1 connection is kept between requests. Above the 60 s of common load balancers, so that they close first. */
const KEEP_ALIVE_MS = 65_000;

/**
 * Requests of one connection that may wait for their answers. Hardly any client pipelines, and a proxy in front does so a little
 * at most; but node:http begins every request of a chunk at once, and 64 KiB hold 1,400 of them: ten connections that wrote
 * requests and read nothing kept everybody else waiting for four seconds.
 */
const PIPELINED = 16;

/** HTTP/1.1 on connections that a listener has accepted. */
export interface Http1 {
  /** Takes a connection over; what was read of it has been put back. */
  accept(socket: Socket): void;
  /** Closes idle connections now, and the others when their response has been sent. */
  stop(): void;
}

interface Connection {
  /** Requests whose response has not ended. */
  requests: number;
  /** Ends a connection that does not complete a request's head in time. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * `node:http` without a listening socket of its own: it is given connections. That leaves out its own head timeout and idle
 * list, which start with `listen`, so they are here.
 * @param headTimeoutMs from the accept to the first request's head; later requests have KEEP_ALIVE_MS more
 * @param maxHeadBytes of a request
 */
export function createHttp1(handle: Acceptor["http1"], headTimeoutMs: number, maxHeadBytes: number): Http1 {
  const connections = new Map<Socket, Connection>();
  let stopping = false;
  const respond = fetchListener(handle);
  const options = { keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: maxHeadBytes };
  const server = http.createServer(options, (request, response) => {
    const socket = request.socket;
    // What is left of a chunk whose connection was given up is parsed all the same.
    if (socket.destroyed) return;
    const connection = connections.get(socket);
    if (connection !== undefined) {
      if (++connection.requests > PIPELINED) {
        socket.destroy();
        return;
      }
      clearTimeout(connection.timer);
      response.once("close", () => {
        connection.requests--;
        if (connection.requests > 0) return;
        if (stopping) socket.end();
        else awaitHead(socket, connection, KEEP_ALIVE_MS + headTimeoutMs);
      });
    }
    respond(request, response);
  });

  // Deno closes the connection after a response when the server does not listen: https://github.com/denoland/deno/issues/35609
  Object.defineProperty(server, "listening", { value: true });

  const awaitHead = (socket: Socket, connection: Connection, ms: number) => {
    clearTimeout(connection.timer);
    if (socket.destroyed) return;
    connection.timer = setTimeout(() => socket.destroy(), ms);
    connection.timer.unref();
  };

  return {
    accept: (socket) => {
      const connection: Connection = { requests: 0, timer: undefined };
      connections.set(socket, connection);
      socket.once("close", () => {
        connections.delete(socket);
        clearTimeout(connection.timer);
      });
      awaitHead(socket, connection, headTimeoutMs);
      keepOrder(socket);
      server.emit("connection", socket);
      socket.resume();
    },
    stop: () => {
      stopping = true;
      for (const [socket, connection] of connections) if (connection.requests === 0) socket.destroy();
    },
  };
}

/**
 * On Deno, node:http reads from under the socket, and may be given what has just arrived before what was read to tell HTTP/2
 * from HTTP/1.1 and put back: about one new connection in a hundred got a 400 under load (Deno 2.9.6). Saying that somebody
 * reads there already makes it take everything from the socket itself, in order. Node hands over before it reads again.
 */
function keepOrder(socket: Socket): void {
  if (process.versions.deno === undefined) return;
  const handle = (socket as Socket & { readonly _handle?: { _consumed?: boolean } | null })._handle;
  if (handle !== undefined && handle !== null) handle._consumed = true;
}
