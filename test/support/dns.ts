import type { DnsZone } from "../../src/demo/dns-server.ts";
import { decodeMessage } from "../../src/discovery/dns/decode.ts";
import { TYPE } from "../../src/discovery/dns/message.ts";
import type { DnsTransport, ReadText } from "../../src/runtime/machine.ts";

/** A DNS server without sockets: like a zone's `handle`. */
export type DnsHandler = DnsZone["handle"];

/** A transport without sockets that remembers what was asked: `echo A at 10.0.0.53 udp`. */
export interface MemoryDns extends DnsTransport {
  asked: string[];
}

/** @param servers by host; who is not among them is unreachable, and null as an answer is a time-out */
export function memoryDns(servers: Readonly<Record<string, DnsHandler>>): MemoryDns {
  const types = new Map<number, string>(Object.entries(TYPE).map(([name, type]) => [type, name]));
  const asked: string[] = [];
  return {
    asked,
    exchange: async (server, message, { over }) => {
      const decoded = decodeMessage(message);
      if ("error" in decoded) throw new Error(`the client sent nonsense: ${decoded.error}`);
      const [{ name, type }] = decoded.value.questions;
      asked.push(
        `${name} ${types.get(type) ?? type} at ${server.host} ${over}${decoded.value.edns === null ? " plain" : ""}`,
      );
      const handler = servers[server.host];
      if (handler === undefined) throw new Error(`dns server ${server.host}: connect ECONNREFUSED`);
      const answer = handler(message, over);
      if (answer === null) {
        const error = new Error(`dns server ${server.host} over ${over}: no answer in time`);
        error.name = "TimeoutError";
        throw error;
      }
      return answer;
    },
  };
}

/** A machine's files; the others cannot be read. */
export function memoryFiles(files: Readonly<Record<string, string>>): ReadText {
  return async (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`${path}: no such file`);
    return text;
  };
}
