import { systemClock } from "./clock.ts";
import { createDial } from "./dial.ts";
import { createDnsTransport } from "./dns-transport.ts";
import type { Machine } from "./machine.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { readText } from "./read-text.ts";

/** What a client needs of the machine: no listeners, and nothing that whoever uses a library would bundle in vain. */
export interface ClientMachine
  extends Pick<Machine, "clock" | "random" | "dial" | "dns" | "readText" | "soon" | "openSockets"> {
  /** Keeps the process alive until the function that it gives is called; connections alone do not. */
  hold(): () => void;
}

/** The longest that a timer of the platform takes. It has nothing to do when it runs. */
const LONGEST_MS = 2 ** 31 - 1;

/** The real machine, on Node and Deno alike. */
export function createClientMachine(): ClientMachine {
  const open: OpenSockets = { count: 0 };
  return {
    clock: systemClock,
    random: Math.random,
    dial: createDial(open, { background: true }),
    dns: createDnsTransport(open),
    readText,
    soon: setImmediate,
    openSockets: () => open.count,
    hold: () => {
      const timer = setInterval(() => {}, LONGEST_MS);
      return () => clearInterval(timer);
    },
  };
}
