import { createMachine } from "./create-machine.ts";
import { createDohTransport } from "./doh.ts";
import type { Machine } from "./machine.ts";
import { type GivenFiles, readGiven } from "./portable-files.ts";

/** What resolv.conf(5) takes for a file that names no server. */
const NO_SERVER = "127.0.0.1";

/** The machine of Node, Deno and Bun for the fetch entry. @param dnsOverHttps null: the machine's own resolver */
export function createFetchMachine(files: GivenFiles, dnsOverHttps: string | null): Machine {
  const machine = createMachine();
  if (dnsOverHttps === null) return { ...machine, ...readGiven(files, machine) };
  // The machine's name servers are not asked, and none of its search domains are tried.
  const hidden = { "/etc/resolv.conf": "", ...files };
  return {
    ...machine,
    ...readGiven(hidden, machine),
    dns: createDohTransport({ url: dnsOverHttps, anyServer: NO_SERVER }),
  };
}
