import dgram from "node:dgram";
import net from "node:net";
import { canonicalIp, formatHostPort } from "./address.ts";
import { DnsStreamReader, dnsStreamMessage } from "./dns-stream.ts";
import type { DnsTransport } from "./machine.ts";
import { countUntilClose, type OpenSockets } from "./open-sockets.ts";
import { stagedError } from "./plain-error.ts";

export function createDnsTransport(open: OpenSockets): DnsTransport {
  return {
    exchange: (server, message, { over, timeoutMs }) =>
      new Promise((resolve, reject) => {
        const stage = `dns server ${formatHostPort(server.host, server.port)} over ${over}`;
        // What settles first wins; closing the socket releases everything, late events go nowhere.
        const settle = (run: () => void) => {
          clearTimeout(timer);
          close();
          run();
        };
        const answer = (bytes: Uint8Array) => {
          if (sameId(message, bytes)) settle(() => resolve(bytes));
        };
        const fail = (error: unknown) => settle(() => reject(stagedError(stage, error)));
        const timer = setTimeout(() => settle(() => reject(timeoutError(stage, timeoutMs))), timeoutMs);
        let close = () => {};
        try {
          close = (over === "udp" ? exchangeUdp : exchangeTcp)(open, server, message, answer, fail);
        } catch (error) {
          // Ports out of range and the like are thrown by node at once.
          fail(error);
        }
      }),
  };
}

/** @returns closes the socket */
type Exchange = (
  open: OpenSockets,
  server: { readonly host: string; readonly port: number },
  message: Uint8Array,
  /** Called for every message that arrives; strangers' ones are left out by whoever takes them. */
  answer: (bytes: Uint8Array) => void,
  fail: (error: unknown) => void,
) => () => void;

const exchangeUdp: Exchange = (open, server, message, answer, fail) => {
  const socket = dgram.createSocket(net.isIPv6(server.host) ? "udp6" : "udp4");
  countUntilClose(open, socket);
  let closed = false;
  const close = () => {
    if (!closed) socket.close();
    closed = true;
  };
  const serverIp = canonicalIp(server.host);
  socket.on("error", (error) => {
    if (!closed) fail(error);
  });
  socket.on("message", (bytes, from) => {
    // A connected socket hears nobody else, but Deno's is connected in name only.
    if (!closed && from.port === server.port && canonicalIp(from.address) === serverIp) answer(bytes);
  });
  // Connected: the kernel drops datagrams from anyone else and reports ICMP refusals (not on Deno, where they end as time-outs).
  // The source port is the kernel's random choice, a new one for each exchange, which makes forged answers hard (RFC 5452 9.2).
  try {
    socket.connect(server.port, server.host, () => {
      if (!closed) socket.send(message);
    });
  } catch (error) {
    close();
    throw error;
  }
  return close;
};

const exchangeTcp: Exchange = (open, server, message, answer, fail) => {
  const socket = net.connect({ host: server.host, port: server.port });
  countUntilClose(open, socket);
  const reader = new DnsStreamReader(answer);
  socket.on("connect", () => socket.write(dnsStreamMessage(message)));
  socket.on("data", (bytes: Uint8Array) => {
    if (!socket.destroyed) reader.push(bytes);
  });
  socket.on("end", () => fail(new Error("the connection was closed before an answer came")));
  socket.on("error", fail);
  return () => socket.destroy();
};

// RFC 1035 4.1.1: the identifier is copied into the reply. It is all that this layer knows of a message.
function sameId(query: Uint8Array, answer: Uint8Array): boolean {
  return answer.length >= 2 && answer[0] === query[0] && answer[1] === query[1];
}

function timeoutError(stage: string, timeoutMs: number): Error {
  const error = new Error(`${stage}: no answer within ${timeoutMs} ms`);
  error.name = "TimeoutError";
  return error;
}
