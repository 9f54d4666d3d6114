import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { tuneSocket } from "./bytestream.ts";
import { welcomeTls, welcomeUnknown } from "./listen.ts";
import type { Acceptor } from "./machine.ts";

/** A connection that somebody else has accepted: a socket of `node:net`, or of `node:tls` after its handshake. Nobody may have read from it. */
export type AcceptedSocket = Socket;

/** Connections that others accept, on the same ways as those of a listener. */
export interface AdoptedSockets {
  /** Takes the socket over for good: it is closed by the client, by the gateway, or with it. */
  handle(socket: AcceptedSocket): void;
  connections(): number;
  /** Destroys them, and whatever is handed in from now on; resolves when all are closed. */
  close(): Promise<void>;
}

/** @param headTimeoutMs for the first bytes of a connection, by which its HTTP version is told */
export function adoptSockets(acceptor: Acceptor, headTimeoutMs: number): AdoptedSockets {
  const sockets = new Set<Socket>();
  let closed = false;
  return {
    handle: (socket) => {
      // Until somebody else listens: a reset would end the process.
      socket.on("error", () => {});
      if (closed || socket.destroyed) {
        socket.destroy();
        return;
      }
      // Two readers would tear its bytes apart.
      if (sockets.has(socket)) return;
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      tuneSocket(socket);
      // Whoever hands sockets around pauses them (`pauseOnConnect`), and only an explicit word ends that.
      if (socket.isPaused()) socket.resume();
      if (socket instanceof TLSSocket) welcomeTls(socket, acceptor, headTimeoutMs);
      else welcomeUnknown(socket, acceptor, false, headTimeoutMs);
    },
    connections: () => sockets.size,
    close: async () => {
      closed = true;
      const gone = [...sockets].map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())));
      for (const socket of sockets) socket.destroy();
      await Promise.all(gone);
    },
  };
}
