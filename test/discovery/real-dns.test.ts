import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDnsZone } from "../../src/demo/dns-server.ts";
import { createResolver } from "../../src/discovery/create-resolver.ts";
import type { DnsRecord } from "../../src/discovery/dns/message.ts";
import { createDnsProber } from "../../src/discovery/dns/query.ts";
import type { Probe } from "../../src/discovery/prober.ts";
import type { Resolver } from "../../src/discovery/resolver.ts";
import { parseTarget } from "../../src/discovery/target.ts";
import { listenDns } from "../../src/runtime/dns-listen.ts";
import type { Machine } from "../../src/runtime/machine.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { startCoreDns } from "../support/coredns.ts";
import { memoryFiles } from "../support/dns.ts";
import { createTestMachine, track } from "../support/harness.ts";
import { findTool } from "../support/tools.ts";

/**
 * Resolution over real sockets, on whatever runtime runs this: the same suite against CoreDNS, which others wrote, and against
 * the demo's own server, which thereby has to behave like it.
 */
interface RealServer {
  readonly host: string;
  readonly port: number;
  /** Replaces the addresses of changing.pods.test. */
  change(ips: readonly string[]): void;
  close(): Promise<void>;
}

const TWO = ["10.0.0.1", "10.0.0.2"];
const FORTY = Array.from({ length: 40 }, (_, i) => `10.0.40.${i}`);
const THOUSAND = Array.from({ length: 1_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);

const ADDRESSES: Readonly<Record<string, { readonly ips: readonly string[]; readonly ttl: number }>> = {
  two: { ips: TWO, ttl: 7 },
  forty: { ips: FORTY, ttl: 30 },
  thousand: { ips: THOUSAND, ttl: 5 },
  dual: { ips: ["10.0.2.1", "fd00::2:1"], ttl: 5 },
  six: { ips: ["fd00::6:1", "fd00::6:2"], ttl: 5 },
  a: { ips: ["10.0.3.1"], ttl: 5 },
  b: { ips: ["10.0.3.2"], ttl: 5 },
};
const ALIAS = { name: "alias", target: "two", ttl: 3 };
const SERVICES = [
  { target: "a", port: 9001 },
  { target: "b", port: 9002 },
];
const SRV = "_grpc._tcp.srv";

async function startEmbedded(): Promise<RealServer> {
  const zone = createDnsZone(512);
  for (const [name, { ips, ttl }] of Object.entries(ADDRESSES)) zone.setAddresses(`${name}.pods.test`, ips, ttl);
  const alias = {
    kind: "CNAME",
    name: "alias.pods.test",
    ttl: ALIAS.ttl,
    target: `${ALIAS.target}.pods.test`,
  } as const;
  zone.setRecords(alias.name, [alias]);
  zone.setRecords("text.pods.test", []);
  zone.setRecords(
    `${SRV}.pods.test`,
    SERVICES.map(({ target, port }): DnsRecord => {
      const name = `${SRV}.pods.test`;
      return { kind: "SRV", name, ttl: 5, priority: 0, weight: 0, port, target: `${target}.pods.test` };
    }),
  );
  zone.behave("servfail", "x.servfail.test");
  zone.behave("silent", "x.silent.test");
  zone.behave("refused", "x.refused.test");
  const listening = await listenDns({ host: "127.0.0.1", port: 0 }, zone.handle);
  return {
    host: listening.host,
    port: listening.port,
    change: (ips) => zone.setAddresses("changing.pods.test", ips, 1),
    close: () => listening.close(),
  };
}

function addressLines(name: string, ips: readonly string[], ttl: number): readonly string[] {
  return ips.map((ip) => `${name}.pods.test. ${ttl} IN ${ip.includes(":") ? "AAAA" : "A"} ${ip}`);
}

async function startReal(binary: string): Promise<RealServer> {
  const lines = [
    ...Object.entries(ADDRESSES).flatMap(([name, { ips, ttl }]) => addressLines(name, ips, ttl)),
    `alias.pods.test. ${ALIAS.ttl} IN CNAME ${ALIAS.target}.pods.test.`,
    'text.pods.test. 5 IN TXT "no addresses here"',
    ...SERVICES.map(({ target, port }) => `${SRV}.pods.test. 5 IN SRV 0 0 ${port} ${target}.pods.test.`),
  ];
  const coredns = await startCoreDns(binary, lines);
  return {
    host: coredns.host,
    port: coredns.port,
    change: (ips) => coredns.setZone([...lines, ...addressLines("changing", ips, 1)]),
    close: () => coredns.close(),
  };
}

const coredns = findTool("coredns");
if ("missing" in coredns) console.warn(`skipped: resolution against CoreDNS: ${coredns.missing}`);

const SERVERS: readonly { readonly name: string; readonly start: (() => Promise<RealServer>) | null }[] = [
  { name: "the embedded server", start: startEmbedded },
  {
    name: "missing" in coredns ? `CoreDNS (skipped: ${coredns.missing})` : "CoreDNS",
    start: "missing" in coredns ? null : () => startReal(coredns.path),
  },
];

for (const { name, start } of SERVERS) {
  describe.skipIf(start === null)(`resolution against ${name}`, () => {
    let server: RealServer;
    beforeAll(async () => {
      server = await start!();
    });
    afterAll(() => server?.close());

    /** Asks once, over real sockets; also says which transports were used. */
    async function probe(
      host: string,
      { family = "auto", conf = "" }: { family?: "auto" | "ipv4" | "ipv6" | "both"; conf?: string } = {},
    ): Promise<{ probe: Probe; over: readonly string[] }> {
      const machine = createTestMachine();
      const over: string[] = [];
      const dns: Machine["dns"] = {
        exchange: (to, message, options) => {
          over.push(options.over);
          return machine.dns.exchange(to, message, options);
        },
      };
      const readText = memoryFiles({ "/etc/resolv.conf": `options attempts:1\n${conf}` });
      const settings = { period: 1_000, timeout: host.includes("silent") ? 200 : 5_000, hold: 30_000, family };
      const target = parseTarget(`dns://${server.host}:${server.port}/${host}`, 80);
      if ("error" in target || target.value.kind === "static") throw new Error("not for DNS");
      return { probe: await createDnsProber(target.value, settings, { ...machine, dns, readText }).probe(), over };
    }

    function ips(result: Probe): readonly string[] {
      if (result.outcome !== "ok") throw new Error(result.message);
      return result.addresses.map((address) => (address.kind === "tcp" ? address.host : "")).sort();
    }

    test("two records: both, with their TTL, over UDP", async () => {
      const { probe: result, over } = await probe("two.pods.test:50051");
      expect(ips(result)).toEqual(TWO);
      expect(result).toMatchObject({ ttl: 7_000, addresses: [{ port: 50051 }, { port: 50051 }] });
      expect(over).toEqual(["udp", "udp"]);
    });

    test("forty records, more than fit: all, over TCP after a truncated answer", async () => {
      const { probe: result, over } = await probe("forty.pods.test");
      expect(ips(result)).toEqual(FORTY.toSorted());
      expect(result).toMatchObject({ ttl: 30_000 });
      expect(over.toSorted()).toEqual(["tcp", "udp", "udp"]);
    });

    test("a thousand records: all", async () => {
      const { probe: result } = await probe("thousand.pods.test");
      expect(ips(result)).toEqual(THOUSAND.toSorted());
    });

    test.each([
      ["dual", "auto", ["10.0.2.1"]],
      ["dual", "both", ["10.0.2.1", "fd00::2:1"]],
      ["dual", "ipv6", ["fd00::2:1"]],
      ["six", "auto", ["fd00::6:1", "fd00::6:2"]],
    ] as const)("%s, family %s", async (host, family, expected) => {
      expect(ips((await probe(`${host}.pods.test`, { family })).probe)).toEqual(expected);
    });

    test("alias: is followed, the least TTL counts", async () => {
      const { probe: result } = await probe("alias.pods.test");
      expect(ips(result)).toEqual(TWO);
      expect(result).toMatchObject({ ttl: 3_000 });
    });

    test("SRV: targets with their ports", async () => {
      const { probe: result } = await probe(`${SRV}.pods.test`);
      expect(result).toMatchObject({ outcome: "ok" });
      expect(result.outcome === "ok" && result.addresses).toEqual(
        expect.arrayContaining([
          { kind: "tcp", host: "10.0.3.1", port: 9001 },
          { kind: "tcp", host: "10.0.3.2", port: 9002 },
        ]),
      );
    });

    test("short name: is found by the search list", async () => {
      const { probe: result } = await probe("two", { conf: "search nowhere.pods.test pods.test\noptions ndots:5" });
      expect(ips(result)).toEqual(TWO);
    });

    test.each([
      ["gone.pods.test", "nxdomain"],
      ["text.pods.test", "nodata"],
      ["x.servfail.test", "servfail"],
      ["x.refused.test", "refused"],
      ["x.silent.test", "timeout"],
    ])("%s: is told as %s", async (host, outcome) => {
      expect((await probe(host)).probe.outcome).toBe(outcome);
    });

    test("zone that changes: the resolver reports each set, whole", async () => {
      const machine = createTestMachine();
      const target = parseTarget(`dns://${server.host}:${server.port}/changing.pods.test:1`, 80);
      if ("error" in target) throw new Error(target.error);
      const settings = { period: 1_000, timeout: 5_000, hold: 30_000, family: "auto" } as const;
      const readText = memoryFiles({});
      const resolver = createResolver(target.value, settings, { ...machine, readText }, collectingLog());
      track({ close: () => resolver.stop() });
      const sets = watch(resolver);
      server.change(TWO);
      expect(await sets.next()).toEqual(TWO);
      server.change(FORTY);
      expect(await sets.next()).toEqual(FORTY.toSorted());
      server.change(["10.0.40.7"]);
      expect(await sets.next()).toEqual(["10.0.40.7"]);
      resolver.stop();
    });
  });
}

/** Starts a resolver and gives its sets one by one, as they come. */
function watch(resolver: Resolver): { next(): Promise<readonly string[]> } {
  const sets: (readonly string[])[] = [];
  let wake = () => {};
  resolver.start({
    resolved: (addresses) => {
      sets.push(addresses.map((address) => (address.kind === "tcp" ? address.host : "")).sort());
      wake();
    },
    emptied: () => {},
    failed: () => {},
  });
  return {
    next: async () => {
      while (sets.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return sets.shift()!;
    },
  };
}

test.each([
  // Deno does not report ICMP refusals of datagrams, so there it looks like silence.
  ["udp", "options attempts:1", ["unreachable", "timeout"]],
  ["tcp", "options attempts:1 use-vc", ["unreachable"]],
] as const)("no server at the port, over %s: is told as such", async (_, conf, outcomes) => {
  const listening = await listenDns({ host: "127.0.0.1", port: 0 }, () => null);
  await listening.close();
  const machine = createTestMachine();
  const prober = createDnsProber(
    { kind: "dns", host: "echo", port: 80, server: { kind: "tcp", host: listening.host, port: listening.port } },
    { period: 1_000, timeout: 500, hold: 30_000, family: "ipv4" },
    { ...machine, readText: memoryFiles({ "/etc/resolv.conf": conf }) },
  );
  const probe = await prober.probe();
  expect(outcomes).toContain(probe.outcome);
  expect(probe).toMatchObject({ message: expect.stringMatching(/^echo: dns server 127\.0\.0\.1:/) });
});
