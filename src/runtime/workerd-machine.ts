import type { Machine } from "./machine.ts";
import { createPortableMachine, type PortableOptions } from "./portable-machine.ts";
import { createWorkerdDial } from "./workerd-dial.ts";

/** Cloudflare Workers: TCP by `cloudflare:sockets`, names by DNS over HTTPS. */
export function createWorkerdMachine(options: PortableOptions): Machine {
  return createPortableMachine(options, createWorkerdDial);
}
