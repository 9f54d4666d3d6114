import { createDnsZone, type DnsZone } from "../../../src/demo/dns-server.ts";
import { type DnsListening, listenDns } from "../../../src/runtime/dns-listen.ts";

/** A DNS server on loopback whose zone the test changes. */
export interface Names {
  readonly zone: DnsZone;
  /** `host:port`, as a target's authority takes it. */
  readonly address: string;
  /** These addresses from now on, with a TTL of one second. */
  publish(name: string, hosts: readonly string[]): void;
  /** Resolves when so many more questions have been asked than when this was called. Two make one refresh: A and AAAA. */
  asked(questions: number): Promise<void>;
  close(): Promise<void>;
}

/** Questions of one refresh: A and AAAA. */
export const REFRESH = 2;

export async function startNames(): Promise<Names> {
  const zone = createDnsZone();
  const waiting = new Set<() => void>();
  const listening: DnsListening = await listenDns({ host: "127.0.0.1", port: 0 }, (message, over) => {
    const answer = zone.handle(message, over);
    for (const look of [...waiting]) look();
    return answer;
  });
  return {
    zone,
    address: `${listening.host}:${listening.port}`,
    publish: (name, hosts) => zone.setAddresses(name, hosts, 1),
    asked: (questions) => {
      const until = zone.queries + questions;
      return new Promise((resolve) => {
        const look = (): void => {
          if (zone.queries < until) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    close: () => listening.close(),
  };
}
