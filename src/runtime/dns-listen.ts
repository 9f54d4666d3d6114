import dgram from "node:dgram";
import net from "node:net";
import { DnsStreamReader, dnsStreamMessage } from "./dns-stream.ts";

/**
 * Answers one DNS message.
 * @returns the answer's bytes; null to stay silent
 */
export type DnsHandle = (message: Uint8Array, over: "udp" | "tcp") => Uint8Array | null;

export interface DnsListening {
  readonly host: string;
  readonly port: number;
  /** Closes both sockets and every connection; resolves when they are closed. */
  close(): Promise<void>;
}

/** How often another free port is tried when TCP finds the port taken that UDP was given. */
const PORT_ATTEMPTS = 20;

/** Milliseconds after which a silent TCP client is disconnected. */
const TCP_IDLE_MS = 10_000;

/**
 * The sockets of a small DNS server, for the demo and for tests: UDP and TCP on the same port.
 * @param where host is an IP literal; port 0 chooses a free one
 * @throws (rejects) when the port is taken
 */
export async function listenDns(
  where: { readonly host: string; readonly port: number },
  handle: DnsHandle,
): Promise<DnsListening> {
  for (let attempt = 1; ; attempt++) {
    const udp = await bindUdp(where.host, where.port, handle);
    const { port } = udp.address();
    try {
      const tcp = await listenTcp(where.host, port, handle);
      return {
        host: where.host,
        port,
        close: async () => {
          await Promise.all([new Promise<void>((resolve) => udp.close(() => resolve())), tcp.close()]);
        },
      };
    } catch (error) {
      udp.close();
      if (where.port !== 0 || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

function bindUdp(host: string, port: number, handle: DnsHandle): Promise<dgram.Socket> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket(net.isIPv6(host) ? "udp6" : "udp4");
    let closed = false;
    socket.once("close", () => {
      closed = true;
    });
    socket.on("message", (message, from) => {
      const answer = handle(message, "udp");
      if (answer !== null && !closed) socket.send(answer, from.port, from.address);
    });
    socket.once("error", reject);
    socket.bind(port, host, () => {
      socket.off("error", reject);
      // A client that is gone makes sending fail; that is nobody's concern here.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

function listenTcp(host: string, port: number, handle: DnsHandle): Promise<{ close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const sockets = new Set<net.Socket>();
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      socket.on("error", () => {});
      socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
      const reader = new DnsStreamReader((message) => {
        const answer = handle(message, "tcp");
        if (answer !== null && !socket.destroyed) socket.write(dnsStreamMessage(answer));
      });
      socket.on("data", (bytes: Uint8Array) => reader.push(bytes));
    });
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve({
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}
