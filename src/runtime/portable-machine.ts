import { createDohTransport } from "./doh.ts";
import type { Dial, Machine } from "./machine.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { portableClock } from "./portable-clock.ts";
import { type GivenFiles, readGiven } from "./portable-files.ts";
import { portableInflate } from "./portable-inflate.ts";
import { WebStream } from "./web-stream.ts";

/** Asked where nothing else is said. */
export const DEFAULT_DOH = "https://cloudflare-dns.com/dns-query";
/** What the resolver takes where there is no /etc/resolv.conf (resolv.conf(5)). */
const NO_RESOLV_CONF = "127.0.0.1";

export interface PortableOptions {
  readonly files: GivenFiles;
  /** The URL for DNS over HTTPS. */
  readonly dnsOverHttps: string;
}

/** A machine of what every fetch platform has: timers and fetch. @param dial null where there are no TCP sockets */
export function createPortableMachine(
  { files, dnsOverHttps }: PortableOptions,
  dial: ((open: OpenSockets) => Dial) | null,
): Machine {
  const open: OpenSockets = { count: 0 };
  return {
    clock: portableClock,
    random: Math.random,
    dial: dial === null ? noSockets : dial(open),
    listen: () => Promise.reject(new Error("this platform accepts connections itself")),
    dns: createDohTransport({ url: dnsOverHttps, anyServer: NO_RESOLV_CONF }),
    ...readGiven(files, null),
    inflate: portableInflate,
    // What one chunk of a socket or a body brings is handled by then. There is nothing later but timers.
    soon: (run) => queueMicrotask(run),
    openSockets: () => open.count,
  };
}

const noSockets: Dial = (address, _options, handler) => {
  const stream = new WebStream(address.kind === "tcp" ? `${address.host}:${address.port}` : address.path, handler);
  stream.fail(
    new Error("this platform has no TCP sockets; chain to a gateway in the cluster instead (docs/serverless.md)"),
  );
  return stream;
};
