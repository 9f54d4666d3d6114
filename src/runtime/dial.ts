import net from "node:net";
import tls from "node:tls";
import { formatAddress } from "./address.ts";
import { SocketStream, tuneSocket } from "./bytestream.ts";
import type { Address, ByteStream, ByteStreamHandler, Dial, DialOptions, DialTls } from "./machine.ts";
import { countUntilClose, type OpenSockets } from "./open-sockets.ts";
import { messageOf, stagedError } from "./plain-error.ts";

/** @param background its connections do not keep the process alive */
export function createDial(open: OpenSockets, { background = false } = {}): Dial {
  return (address, options, handler) => {
    let socket: net.Socket;
    try {
      socket = connect(address, options.tls);
    } catch (error) {
      // Certificates that do not load and ports out of range are thrown by node at once.
      return failedStream(address, stagedError(`connect ${formatAddress(address)}`, error), handler);
    }
    countUntilClose(open, socket);
    if (background) socket.unref();
    return establish(socket, address, options, handler);
  };
}

function connect(address: Address, tlsOptions: DialTls | undefined): net.Socket {
  const where = address.kind === "tcp" ? { host: address.host, port: address.port } : { path: address.path };
  if (tlsOptions === undefined) return net.connect({ ...where, allowHalfOpen: true });
  const name = tlsOptions.serverName ?? (address.kind === "tcp" ? address.host : "localhost");
  // `allowHalfOpen` is documented for tls.connect and missing in its types.
  const connection: tls.ConnectionOptions & { readonly allowHalfOpen: boolean } = {
    ...where,
    allowHalfOpen: true,
    ALPNProtocols: ["h2"],
    // RFC 6066 3: literal IP addresses are not permitted in the server name indication. They are still verified.
    servername: net.isIP(name) === 0 ? name : "",
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
    rejectUnauthorized: tlsOptions.insecure !== true,
    ...(tlsOptions.ca === undefined ? {} : { ca: tlsOptions.ca }),
    ...(tlsOptions.cert === undefined ? {} : { cert: tlsOptions.cert }),
    ...(tlsOptions.key === undefined ? {} : { key: tlsOptions.key }),
  };
  return tls.connect(connection);
}

function establish(socket: net.Socket, address: Address, options: DialOptions, handler: ByteStreamHandler): ByteStream {
  const name = formatAddress(address);
  let stage: "connect" | "TLS handshake with" | "established" = "connect";
  const stream = new SocketStream(socket, name, (error) => {
    if (stage === "established") return new Error(messageOf(error), { cause: error });
    // The system's own messages say it all: `connect ECONNREFUSED 127.0.0.1:9001`, `getaddrinfo ENOTFOUND pod`.
    if (stage === "connect" && "syscall" in error) return new Error(messageOf(error), { cause: error });
    return stagedError(`${stage} ${name}`, error);
  });
  // Covers TCP and TLS together.
  const timer = setTimeout(
    () => socket.destroy(new Error(`${stage} ${name}: not established within ${options.timeoutMs} ms`)),
    options.timeoutMs,
  );
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
  const established = () => {
    clearTimeout(timer);
    stage = "established";
    handler.opened?.();
  };
  socket.once("connect", () => {
    if (address.kind === "tcp") tuneSocket(socket);
    if (options.tls === undefined) established();
    else stage = "TLS handshake with";
  });
  if (socket instanceof tls.TLSSocket) {
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol === "h2") established();
      else socket.destroy(new Error(`TLS handshake with ${name}: the other side did not agree to HTTP/2 by ALPN`));
    });
  }
  return stream.attach(handler);
}

/** Stands in where no socket could be made: `closed` comes after the caller has the stream in hand. */
function failedStream(address: Address, reason: Error, handler: ByteStreamHandler): ByteStream {
  setImmediate(() => handler.closed(reason));
  const nothing = () => {};
  return {
    peer: formatAddress(address),
    write: () => true,
    writeAll: () => true,
    end: nothing,
    destroy: nothing,
    pause: nothing,
    resume: nothing,
    queued: () => 0,
  };
}
