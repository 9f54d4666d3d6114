import net from "node:net";
import tls from "node:tls";
import { formatHostPort, formatPeer } from "./address.ts";
import { SocketStream, tuneSocket } from "./bytestream.ts";
import { checkCertificate } from "./check-certificate.ts";
import { createHttp1, type Http1 } from "./http1.ts";
import type { Acceptor, Listen, Listening, ListenOptions } from "./machine.ts";
import { listening } from "./node-server.ts";
import { countUntilClose, type OpenSockets } from "./open-sockets.ts";
import { stagedError } from "./plain-error.ts";
import { sniff } from "./sniff.ts";

/** Default of {@link ListenOptions.headTimeoutMs}. */
const HEAD_TIMEOUT_MS = 10_000;
/** Default of {@link ListenOptions.maxHeadBytes}. */
const MAX_HEAD_BYTES = 16_384;

/** One port for everything: HTTP/2 goes to the acceptor's engine, HTTP/1.1 to node:http. */
export function createListen(open: OpenSockets): Listen {
  return async (options, acceptor) => {
    const headTimeoutMs = options.headTimeoutMs ?? HEAD_TIMEOUT_MS;
    const http1 = createHttp1(acceptor.http1, headTimeoutMs, options.maxHeadBytes ?? MAX_HEAD_BYTES);
    const sockets = new Set<net.Socket>();
    const server = createServer(options, headTimeoutMs);
    server.on("connection", (socket) => {
      sockets.add(socket);
      countUntilClose(open, socket);
      socket.once("close", () => sockets.delete(socket));
      // Until somebody else listens: a reset would end the process.
      socket.on("error", () => {});
      tuneSocket(socket);
      if (options.tls === undefined) welcomeUnknown(socket, acceptor, false, http1, headTimeoutMs);
    });
    if (options.tls !== undefined) {
      // Handshakes that fail or time out are reported here, and it is ours to close the connection.
      server.on("tlsClientError", (_error: Error, socket: tls.TLSSocket) => socket.destroy());
      server.on("secureConnection", (socket: tls.TLSSocket) => welcomeTls(socket, acceptor, http1, headTimeoutMs));
    }
    const port = await listening(server, options.host, options.port);
    countUntilClose(open, server);
    return describe(server, options.host, port, http1, sockets);
  };
}

function createServer(options: ListenOptions, headTimeoutMs: number): net.Server {
  if (options.tls === undefined) return net.createServer({ allowHalfOpen: true });
  const { cert, key, clientCa } = options.tls;
  try {
    checkCertificate(options.tls);
    return tls.createServer({
      // Not half-open, unlike plaintext: a client that leaves in the handshake would stay until the handshake times out, as Node
      // tells nobody of its FIN. HTTP/2 takes a FIN for the end anyway.
      allowHalfOpen: false,
      cert,
      key,
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: headTimeoutMs,
      ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    });
  } catch (error) {
    throw stagedError(`listen on ${formatHostPort(options.host, options.port)}`, error);
  }
}

/** The first bytes tell: plaintext, or TLS with a client that knows no ALPN. */
function welcomeUnknown(
  socket: net.Socket,
  acceptor: Acceptor,
  secure: boolean,
  http1: Http1,
  headTimeoutMs: number,
): void {
  const timer = setTimeout(() => socket.destroy(), headTimeoutMs);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
  sniff(socket, {
    http2: (first) => {
      clearTimeout(timer);
      welcomeHttp2(socket, acceptor, secure, first);
    },
    http1: (first) => {
      clearTimeout(timer);
      socket.unshift(first);
      http1.accept(socket);
    },
  });
}

function welcomeTls(socket: tls.TLSSocket, acceptor: Acceptor, http1: Http1, headTimeoutMs: number): void {
  socket.on("error", () => {});
  if (socket.alpnProtocol === "h2") welcomeHttp2(socket, acceptor, true, null);
  else if (socket.alpnProtocol === "http/1.1") http1.accept(socket);
  else welcomeUnknown(socket, acceptor, true, http1, headTimeoutMs);
}

function welcomeHttp2(socket: net.Socket, acceptor: Acceptor, secure: boolean, first: Uint8Array | null): void {
  const stream = new SocketStream(socket, formatPeer(socket));
  const handler = acceptor.http2(stream, secure);
  stream.attach(handler);
  if (first !== null) {
    handler.received(first);
    socket.resume();
  }
}

function describe(
  server: net.Server,
  host: string,
  port: number,
  http1: Http1,
  sockets: ReadonlySet<net.Socket>,
): Listening {
  let stopped: Promise<unknown> | null = null;
  const stop = () => {
    stopped ??= closing(server, () => server.close());
    http1.stop();
    return stopped;
  };
  return {
    host,
    port,
    connections: () => sockets.size,
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
