import { isIPv6, type Socket } from "node:net";
import type { Address } from "./machine.ts";

/** `host:port`, IPv6 in brackets; `unix:path`. */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return formatHostPort(address.host, address.port);
}

export function formatHostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The other end of a socket; empty when it is unknown, as after a reset before the accept. */
export function formatPeer(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return "";
  // A dual-stack listener sees IPv4 clients as IPv4-mapped addresses (RFC 4291 2.5.5.2).
  return formatHostPort(remoteAddress.replace(/^::ffff:(?=\d+\.)/i, ""), remotePort);
}

/** One spelling per IP address: `0:0:0:0:0:0:0:1` is `::1`. Scoped addresses (`fe80::1%eth0`) stay as they are written. */
export function canonicalIp(host: string): string {
  if (!isIPv6(host) || host.includes("%")) return host;
  return new URL(`http://[${host}]`).hostname.slice(1, -1);
}
