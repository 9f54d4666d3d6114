import net from "node:net";
import tls from "node:tls";
import { formatHostPort, formatPeer } from "./address.ts";
import { SocketStream, tuneSocket } from "./bytestream.ts";
import { checkPem } from "./check-pem.ts";
import type { Acceptor, Listen, Listening, ListenOptions, ListenTls } from "./machine.ts";
import { listening } from "./node-server.ts";
import { countUntilClose, type OpenSockets } from "./open-sockets.ts";
import { stagedError } from "./plain-error.ts";
import { sniff } from "./sniff.ts";

/** Default of {@link ListenOptions.headTimeoutMs}. */
const HEAD_TIMEOUT_MS = 10_000;

/**
 * One port for everything: the first bytes, or ALPN, tell which of the acceptor's engines gets a connection.
 * @param inherited descriptors that take the place of host and port, one for each listener in turn ({@link inheritedSockets})
 */
export function createListen(open: OpenSockets, inherited: readonly number[] = []): Listen {
  const left = [...inherited];
  return async (options, acceptor) => {
    const fd = left.shift();
    const headTimeoutMs = options.headTimeoutMs ?? HEAD_TIMEOUT_MS;
    const sockets = new Set<net.Socket>();
    const server = createServer(options, headTimeoutMs);
    server.on("connection", (socket) => {
      sockets.add(socket);
      countUntilClose(open, socket);
      socket.once("close", () => sockets.delete(socket));
      // Until somebody else listens: a reset would end the process.
      socket.on("error", () => {});
      tuneSocket(socket);
      if (options.tls === undefined) welcomeUnknown(socket, acceptor, false, headTimeoutMs);
    });
    if (options.tls !== undefined) {
      // Handshakes that fail or time out are reported here, and it is ours to close the connection.
      server.on("tlsClientError", (_error: Error, socket: tls.TLSSocket) => socket.destroy());
      server.on("secureConnection", (socket: tls.TLSSocket) => welcomeTls(socket, acceptor, headTimeoutMs));
    }
    const port = await listening(server, options.host, options.port, fd);
    countUntilClose(open, server);
    const host = fd === undefined ? options.host : (server.address() as net.AddressInfo).address;
    return describe(server, host, port, sockets);
  };
}

function createServer(options: ListenOptions, headTimeoutMs: number): net.Server {
  if (options.tls === undefined) return net.createServer({ allowHalfOpen: true });
  const { clientCa } = options.tls;
  try {
    return tls.createServer({
      ...identity(options.tls),
      // Not half-open, unlike plaintext: a client that leaves in the handshake would stay until the handshake times out, as Node
      // tells nobody of its FIN. HTTP/2 takes a FIN for the end anyway.
      allowHalfOpen: false,
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: headTimeoutMs,
      ...(clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
    });
  } catch (error) {
    throw stagedError(`listen on ${formatHostPort(options.host, options.port)}`, error);
  }
}

/** @throws saying what cannot be used */
function identity({ cert, key, clientCa }: ListenTls): tls.SecureContextOptions {
  checkPem({ cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }) });
  return { cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

/** The first bytes tell: plaintext, or TLS with a client that knows no ALPN. */
export function welcomeUnknown(socket: net.Socket, acceptor: Acceptor, secure: boolean, headTimeoutMs: number): void {
  const timer = setTimeout(() => socket.destroy(), headTimeoutMs);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
  sniff(socket, (version, first) => {
    clearTimeout(timer);
    welcome(socket, acceptor, version, secure, first);
  });
}

/** ALPN tells; the handshake is over. */
export function welcomeTls(socket: tls.TLSSocket, acceptor: Acceptor, headTimeoutMs: number): void {
  socket.on("error", () => {});
  if (socket.alpnProtocol === "h2") welcome(socket, acceptor, "http2", true, null);
  else if (socket.alpnProtocol === "http/1.1") welcome(socket, acceptor, "http1", true, null);
  else welcomeUnknown(socket, acceptor, true, headTimeoutMs);
}

/** @param first what has been read; the socket has been paused then */
function welcome(
  socket: net.Socket,
  acceptor: Acceptor,
  version: "http1" | "http2",
  secure: boolean,
  first: Uint8Array | null,
): void {
  const stream = new SocketStream(socket, formatPeer(socket));
  const handler = acceptor[version](stream, secure);
  stream.attach(handler);
  if (first === null) return;
  // Before they are read, because the reader may ask for a pause at once.
  socket.resume();
  handler.received(first);
}

function describe(server: net.Server, host: string, port: number, sockets: ReadonlySet<net.Socket>): Listening {
  let stopped: Promise<unknown> | null = null;
  const stop = () => {
    stopped ??= closing(server, () => server.close());
    return stopped;
  };
  return {
    host,
    port,
    connections: () => sockets.size,
    renew: (given) => {
      // It has keys of its own for tickets: no session of before is resumed.
      if (server instanceof tls.Server) server.setSecureContext(identity(given));
    },
    stop: () => void stop(),
    close: async () => {
      // A server may emit `close` before the last of its connections does.
      const closed = [...sockets].map((socket) => closing(socket, () => socket.destroy()));
      await Promise.all([stop(), ...closed]);
    },
  };
}

function closing(emitter: net.Server | net.Socket, close: () => void): Promise<void> {
  return new Promise((resolve) => {
    emitter.once("close", () => resolve());
    close();
  });
}
