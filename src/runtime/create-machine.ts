import { checkPem } from "./check-pem.ts";
import { systemClock } from "./clock.ts";
import { createDial } from "./dial.ts";
import { createDnsTransport } from "./dns-transport.ts";
import { inflate } from "./inflate.ts";
import { inheritedSockets } from "./inherited.ts";
import { createListen } from "./listen.ts";
import type { Machine } from "./machine.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { readBytes } from "./read-bytes.ts";
import { readText } from "./read-text.ts";

/** The real machine, on Node and Deno alike. Each one counts the sockets that were opened through it. */
export function createMachine(): Machine {
  const open: OpenSockets = { count: 0 };
  return {
    clock: systemClock,
    random: Math.random,
    dial: createDial(open),
    listen: createListen(open, inheritedSockets()),
    dns: createDnsTransport(open),
    readText,
    readBytes,
    checkPem,
    inflate,
    // The check phase follows the poll phase, in which sockets are read: everything that arrived in this turn has been handled.
    soon: setImmediate,
    openSockets: () => open.count,
  };
}
