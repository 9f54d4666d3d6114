import { describe, expect, test } from "vitest";
import type { DnsSettings } from "../../../src/config/settings.ts";
import { createDnsZone, type DnsZone } from "../../../src/demo/dns-server.ts";
import { decodeMessage } from "../../../src/discovery/dns/decode.ts";
import { encodeMessage } from "../../../src/discovery/dns/encode.ts";
import { type Message, RCODE } from "../../../src/discovery/dns/message.ts";
import { createDnsProber } from "../../../src/discovery/dns/query.ts";
import type { Probe, Prober } from "../../../src/discovery/prober.ts";
import { parseTarget } from "../../../src/discovery/target.ts";
import { type DnsHandler, type MemoryDns, memoryDns, memoryFiles } from "../../support/dns.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { seededRandom } from "../../support/random.ts";

const POD_CONF = "nameserver 10.96.0.10\nsearch ns.svc.cluster.local svc.cluster.local\noptions ndots:5\n";

interface Setup {
  readonly prober: Prober;
  readonly zone: DnsZone;
  readonly dns: MemoryDns;
  readonly clock: FakeClock;
  readonly files: Record<string, string>;
}

/** One server, 10.96.0.10, with an empty zone; no search list unless a resolv.conf is given. */
function setup(
  target: string,
  {
    conf = "nameserver 10.96.0.10",
    hosts = "",
    family = "auto",
    servers = {},
  }: {
    conf?: string;
    hosts?: string;
    family?: DnsSettings["family"];
    servers?: Record<string, DnsHandler>;
  } = {},
): Setup {
  const parsed = parseTarget(target, 80);
  if ("error" in parsed || parsed.value.kind === "static") throw new Error(`not for DNS: ${target}`);
  const zone = createDnsZone();
  const dns = memoryDns({ "10.96.0.10": zone.handle, ...servers });
  const clock = new FakeClock();
  const files = { "/etc/resolv.conf": conf, "/etc/hosts": hosts };
  const machine = { clock, random: seededRandom(1), dns, readText: memoryFiles(files) };
  const settings = { period: 5_000, timeout: 2_000, hold: 30_000, family };
  return { prober: createDnsProber(parsed.value, settings, machine), zone, dns, clock, files };
}

/** Addresses as `host:port`, or the outcome. */
function short(probe: Probe): readonly string[] | string {
  if (probe.outcome !== "ok") return probe.outcome;
  return probe.addresses.map((address) => (address.kind === "tcp" ? `${address.host} ${address.port}` : address.path));
}

/** Answers every question with the message that `change` makes of an empty answer. */
function scripted(change: (answer: Message, over: "udp" | "tcp") => Message | null): DnsHandler {
  return (bytes, over) => {
    const decoded = decodeMessage(bytes);
    if ("error" in decoded) throw new Error(decoded.error);
    const answer = change({ ...decoded.value, response: true, recursionAvailable: true, edns: null }, over);
    return answer === null ? null : encodeMessage(answer);
  };
}

describe("query: addresses", () => {
  test("A and AAAA: are asked for together, once each", async () => {
    const { prober, zone, dns } = setup("echo.example:50051");
    zone.setAddresses("echo.example", ["10.0.0.2", "10.0.0.1"], 7);
    const probe = await prober.probe();
    expect(short(probe)).toEqual(["10.0.0.2 50051", "10.0.0.1 50051"]);
    expect(probe).toMatchObject({ ttl: 7_000 });
    expect(dns.asked.toSorted()).toEqual(["echo.example A at 10.96.0.10 udp", "echo.example AAAA at 10.96.0.10 udp"]);
  });

  test.each([
    ["auto", ["10.0.0.1 80", "10.0.0.2 80"]],
    ["ipv4", ["10.0.0.1 80", "10.0.0.2 80"]],
    ["ipv6", ["fd00::1 80", "fd00::2 80"]],
    ["both", ["10.0.0.1 80", "10.0.0.2 80", "fd00::1 80", "fd00::2 80"]],
  ] as const)("dual-stack pods, family %s: each pod is there as often as is wanted", async (family, expected) => {
    const { prober, zone } = setup("echo.example", { family });
    zone.setAddresses("echo.example", ["10.0.0.1", "fd00::1", "10.0.0.2", "fd00::2"]);
    expect(short(await prober.probe())).toEqual(expected);
  });

  test.each([
    ["auto", ["fd00::1 80"]],
    ["ipv4", "nodata"],
    ["both", ["fd00::1 80"]],
  ] as const)("pods with IPv6 only, family %s", async (family, expected) => {
    const { prober, zone } = setup("echo.example", { family });
    zone.setAddresses("echo.example", ["fd00::1"]);
    expect(short(await prober.probe())).toEqual(expected);
  });

  test("AAAA never answered, family auto: IPv4 addresses are there all the same", async () => {
    const zone = createDnsZone();
    zone.setAddresses("echo.example", ["10.0.0.1"]);
    const { prober } = setup("echo.example", {
      conf: "nameserver 10.0.0.53",
      servers: { "10.0.0.53": (bytes, over) => (typeAsked(bytes) === 28 ? null : zone.handle(bytes, over)) },
    });
    expect(short(await prober.probe())).toEqual(["10.0.0.1 80"]);
  });

  test("A not answered, family auto: is a failure although AAAA was, so that one lost datagram does not change all endpoints", async () => {
    const zone = createDnsZone();
    zone.setAddresses("echo.example", ["10.0.0.1", "fd00::1"]);
    const { prober } = setup("echo.example", {
      conf: "nameserver 10.0.0.53",
      servers: { "10.0.0.53": (bytes, over) => (typeAsked(bytes) === 1 ? null : zone.handle(bytes, over)) },
    });
    expect(short(await prober.probe())).toBe("timeout");
  });

  test("chain of aliases: the least TTL on the way counts", async () => {
    const { prober, zone } = setup("a.example");
    zone.setRecords("a.example", [{ kind: "CNAME", name: "a.example", ttl: 3, target: "b.example" }]);
    zone.setRecords("b.example", [{ kind: "CNAME", name: "b.example", ttl: 60, target: "C.example" }]);
    zone.setAddresses("c.example", ["10.0.0.1"], 30);
    const probe = await prober.probe();
    expect(short(probe)).toEqual(["10.0.0.1 80"]);
    expect(probe).toMatchObject({ ttl: 3_000 });
  });

  test("alias that leads out of the server's zone: the rest is asked for", async () => {
    const { prober, dns } = setup("a.example", {
      family: "ipv4",
      conf: "nameserver 10.0.0.53",
      servers: {
        "10.0.0.53": scripted((answer) =>
          answer.questions[0].name === "a.example"
            ? { ...answer, answers: [{ kind: "CNAME", name: "a.example", ttl: 9, target: "b.example" }] }
            : { ...answer, answers: [{ kind: "A", name: "b.example", ttl: 10, address: "10.0.0.1" }] },
        ),
      },
    });
    expect(short(await prober.probe())).toEqual(["10.0.0.1 80"]);
    expect(dns.asked).toEqual(["a.example A at 10.0.0.53 udp", "b.example A at 10.0.0.53 udp"]);
  });

  test("aliases in a ring: end as garbage", async () => {
    const { prober, zone } = setup("a.example");
    zone.setRecords("a.example", [{ kind: "CNAME", name: "a.example", ttl: 3, target: "b.example" }]);
    zone.setRecords("b.example", [{ kind: "CNAME", name: "b.example", ttl: 3, target: "a.example" }]);
    expect(short(await prober.probe())).toBe("garbage");
  });

  test("records of other names in the answer: are not taken", async () => {
    const { prober } = setup("a.example", {
      conf: "nameserver 10.0.0.53",
      servers: {
        "10.0.0.53": scripted((answer) => ({
          ...answer,
          answers: [{ kind: "A", name: "b.example", ttl: 10, address: "10.6.6.6" }],
        })),
      },
    });
    expect(short(await prober.probe())).toBe("nodata");
  });
});

describe("query: servers", () => {
  test.each([
    ["nxdomain", "nxdomain", /a.example: no such name/],
    ["empty", "nodata", /a.example: the name exists but has neither A nor AAAA records/],
    ["servfail", "servfail", /a.example: dns server 10.96.0.10:53 answered SERVFAIL/],
    ["refused", "refused", /a.example: dns server 10.96.0.10:53 answered REFUSED/],
    ["silent", "timeout", /a.example: dns server 10.96.0.10 over udp: no answer in time/],
    ["garbage", "garbage", /a.example: dns server 10.96.0.10:53 answered garbage \(/],
  ] as const)("%s: is told as %s, with who said what", async (behaviour, outcome, message) => {
    const { prober, zone } = setup("a.example");
    zone.setAddresses("a.example", ["10.0.0.1"]);
    zone.behave(behaviour);
    expect(await prober.probe()).toMatchObject({ outcome, message: expect.stringMatching(message) });
  });

  test("no server there: unreachable", async () => {
    const { prober } = setup("a.example", { conf: "nameserver 10.0.0.99" });
    expect(await prober.probe()).toMatchObject({
      outcome: "unreachable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });

  test("silent server: is asked again in the next round, attempts times in all", async () => {
    const { prober, zone, dns } = setup("a.example", {
      family: "ipv4",
      conf: "nameserver 10.96.0.10\noptions attempts:3",
    });
    zone.behave("silent");
    await prober.probe();
    expect(dns.asked.length).toBe(3);
  });

  test.each(["silent", "servfail", "refused", "garbage"] as const)(
    "first server %s: the second answers",
    async (behaviour) => {
      const second = createDnsZone();
      second.setAddresses("a.example", ["10.0.0.1"]);
      const { prober, zone } = setup("a.example", {
        conf: "nameserver 10.96.0.10\nnameserver 10.0.0.53",
        servers: { "10.0.0.53": second.handle },
      });
      zone.behave(behaviour);
      expect(short(await prober.probe())).toEqual(["10.0.0.1 80"]);
    },
  );

  test("one server says SERVFAIL and the other is silent: what was said is told", async () => {
    const { prober, zone } = setup("a.example", { conf: "nameserver 10.96.0.10\nnameserver 10.0.0.99" });
    zone.behave("servfail");
    expect(short(await prober.probe())).toBe("servfail");
  });

  test("rotate: each query set starts with another server", async () => {
    const other = createDnsZone();
    const { prober, dns } = setup("a.example", {
      family: "ipv4",
      conf: "nameserver 10.96.0.10\nnameserver 10.0.0.53\noptions rotate",
      servers: { "10.0.0.53": other.handle },
    });
    for (let i = 0; i < 3; i++) await prober.probe();
    expect(dns.asked.map((line) => line.split(" ")[3])).toEqual(["10.96.0.10", "10.0.0.53", "10.96.0.10"]);
  });

  test("answer that does not fit: is asked for again over TCP", async () => {
    const { prober, zone, dns } = setup("a.example", { family: "ipv4" });
    zone.setAddresses(
      "a.example",
      Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`),
    );
    expect(short(await prober.probe())).toHaveLength(100);
    expect(dns.asked).toEqual(["a.example A at 10.96.0.10 udp", "a.example A at 10.96.0.10 tcp"]);
  });

  test("truncated answer and no TCP: is a failure, never a part of the set", async () => {
    const zone = createDnsZone();
    zone.setAddresses(
      "a.example",
      Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`),
    );
    const { prober } = setup("a.example", {
      conf: "nameserver 10.0.0.53",
      servers: { "10.0.0.53": (bytes, over) => (over === "tcp" ? null : zone.handle(bytes, over)) },
    });
    expect(short(await prober.probe())).toBe("timeout");
  });

  test("truncated over TCP too: garbage", async () => {
    const { prober } = setup("a.example", {
      conf: "nameserver 10.0.0.53",
      servers: { "10.0.0.53": scripted((answer) => ({ ...answer, truncated: true })) },
    });
    expect(short(await prober.probe())).toBe("garbage");
  });

  test("use-vc: TCP from the start", async () => {
    const { prober, zone, dns } = setup("a.example", { family: "ipv4", conf: "nameserver 10.96.0.10\noptions use-vc" });
    zone.setAddresses("a.example", ["10.0.0.1"]);
    await prober.probe();
    expect(dns.asked).toEqual(["a.example A at 10.96.0.10 tcp"]);
  });

  test.each([
    ["FORMERR without a question", RCODE.FORMERR, true],
    ["NOTIMP", RCODE.NOTIMP, false],
  ])("server that does not know EDNS (%s): is asked without", async (_, rcode, bare) => {
    const { prober, dns } = setup("a.example", {
      family: "ipv4",
      conf: "nameserver 10.0.0.53",
      servers: {
        "10.0.0.53": (bytes) => {
          const decoded = decodeMessage(bytes);
          if ("error" in decoded) throw new Error(decoded.error);
          const { value } = decoded;
          const answer = { ...value, response: true, recursionAvailable: true, edns: null };
          if (value.edns !== null) return encodeMessage({ ...answer, rcode, ...(bare ? { questions: [] } : {}) });
          return encodeMessage({ ...answer, answers: [{ kind: "A", name: "a.example", ttl: 1, address: "10.0.0.1" }] });
        },
      },
    });
    expect(short(await prober.probe())).toEqual(["10.0.0.1 80"]);
    expect(dns.asked).toEqual(["a.example A at 10.0.0.53 udp", "a.example A at 10.0.0.53 udp plain"]);
  });

  test.each<[string, (answer: Message) => Message, string]>([
    ["another ID", (answer) => ({ ...answer, id: answer.id ^ 1 }), "garbage"],
    [
      "another name",
      (answer) => ({ ...answer, questions: [{ ...answer.questions[0], name: "b.example" }] }),
      "garbage",
    ],
    ["another type", (answer) => ({ ...answer, questions: [{ ...answer.questions[0], type: 15 }] }), "garbage"],
    ["no question, no error", (answer) => ({ ...answer, questions: [] }), "garbage"],
    ["the query itself", (answer) => ({ ...answer, response: false }), "garbage"],
    ["a referral", (answer) => ({ ...answer, recursionAvailable: false }), "servfail"],
    ["FORMERR again and again", (answer) => ({ ...answer, rcode: RCODE.FORMERR }), "servfail"],
    ["an unknown error", (answer) => ({ ...answer, rcode: 11 }), "servfail"],
    [
      "the name in capitals",
      (answer) => ({ ...answer, questions: [{ ...answer.questions[0], name: "A.EXAMPLE" }] }),
      "nodata",
    ],
  ])("answer with %s", async (_, change, outcome) => {
    const { prober } = setup("a.example", {
      conf: "nameserver 10.0.0.53",
      servers: { "10.0.0.53": scripted(change) },
    });
    expect(short(await prober.probe())).toBe(outcome);
  });
});

describe("query: search list", () => {
  test("short name in a pod: is found in the first domain that has it, and later asked for alone", async () => {
    const { prober, zone, dns } = setup("my-service:50051", { conf: POD_CONF, family: "ipv4" });
    zone.setAddresses("my-service.svc.cluster.local", ["10.0.0.1"]);
    expect(short(await prober.probe())).toEqual(["10.0.0.1 50051"]);
    expect(dns.asked).toEqual([
      "my-service.ns.svc.cluster.local A at 10.96.0.10 udp",
      "my-service.svc.cluster.local A at 10.96.0.10 udp",
    ]);
    await prober.probe();
    expect(dns.asked.slice(2)).toEqual(["my-service.svc.cluster.local A at 10.96.0.10 udp"]);
  });

  test("known name that is gone: the search does not go on to a stranger's wildcard until the hold gives it up", async () => {
    const { prober, zone } = setup("my-service", { conf: POD_CONF, family: "ipv4" });
    zone.setAddresses("my-service.ns.svc.cluster.local", ["10.0.0.1"]);
    zone.setAddresses("my-service.svc.cluster.local", ["10.6.6.6"]);
    expect(short(await prober.probe())).toEqual(["10.0.0.1 80"]);
    zone.remove("my-service.ns.svc.cluster.local");
    expect(short(await prober.probe())).toBe("nxdomain");
    prober.forget();
    expect(short(await prober.probe())).toEqual(["10.6.6.6 80"]);
  });

  test("SERVFAIL in one domain: the next one is tried, as glibc does", async () => {
    const { prober, zone } = setup("api.example.com", { conf: POD_CONF, family: "ipv4" });
    zone.behave("servfail", "api.example.com.svc.cluster.local");
    zone.setAddresses("api.example.com", ["192.0.2.1"]);
    expect(short(await prober.probe())).toEqual(["192.0.2.1 80"]);
  });

  test("SERVFAIL in one domain and no such name elsewhere: nobody knows, so it is no empty answer", async () => {
    const { prober, zone } = setup("echo", { conf: POD_CONF, family: "ipv4" });
    zone.behave("servfail", "echo.ns.svc.cluster.local");
    expect(short(await prober.probe())).toBe("servfail");
  });

  test("silence in one domain: ends the search", async () => {
    const { prober, zone, dns } = setup("echo", { conf: POD_CONF, family: "ipv4" });
    zone.behave("silent", "echo.ns.svc.cluster.local");
    zone.setAddresses("echo", ["10.6.6.6"]);
    expect(short(await prober.probe())).toBe("timeout");
    expect(dns.asked.every((line) => line.startsWith("echo.ns.svc.cluster.local "))).toBe(true);
  });

  test("empty in one domain, no such name in the others: nodata, and the message says where it looked", async () => {
    const { prober, zone } = setup("echo", { conf: POD_CONF });
    zone.setAddresses("echo.svc.cluster.local", []);
    expect(await prober.probe()).toMatchObject({
      outcome: "nodata",
      message: expect.stringContaining("looked for as echo.ns.svc.cluster.local, echo.svc.cluster.local, echo"),
    });
  });

  test("server in the target: is asked instead of resolv.conf's, with the search list, without the hosts file", async () => {
    const other = createDnsZone();
    other.setAddresses("echo.ns.svc.cluster.local", ["10.0.0.1"]);
    const { prober, dns } = setup("dns://127.0.0.1/echo", {
      conf: POD_CONF,
      hosts: "10.6.6.6 echo",
      family: "ipv4",
      servers: { "127.0.0.1": other.handle },
    });
    expect(short(await prober.probe())).toEqual(["10.0.0.1 80"]);
    expect(dns.asked).toEqual(["echo.ns.svc.cluster.local A at 127.0.0.1 udp"]);
  });
});

describe("query: the machine's files", () => {
  test("name in the hosts file: needs no DNS", async () => {
    const { prober, dns } = setup("echo", { hosts: "10.0.0.7 echo\nfd00::7 echo", family: "both" });
    expect(await prober.probe()).toMatchObject({ outcome: "ok", ttl: null });
    expect(short(await prober.probe())).toEqual(["10.0.0.7 80", "fd00::7 80"]);
    expect(dns.asked).toEqual([]);
  });

  test("localhost: is loopback without DNS", async () => {
    const { prober, dns } = setup("localhost:9001");
    expect(short(await prober.probe())).toEqual(["127.0.0.1 9001"]);
    expect(dns.asked).toEqual([]);
  });

  test("files that cannot be read: DNS on this machine", async () => {
    const { prober, dns, files } = setup("echo.example", { family: "ipv4" });
    delete files["/etc/resolv.conf"];
    delete files["/etc/hosts"];
    expect(short(await prober.probe())).toBe("unreachable");
    expect(dns.asked[0]).toBe("echo.example A at 127.0.0.1 udp");
  });

  test("changed resolv.conf: is seen after a minute, or at once after a failure", async () => {
    const other = createDnsZone();
    other.setAddresses("echo.example", ["10.0.0.2"]);
    const { prober, zone, clock, files } = setup("echo.example", { servers: { "10.0.0.53": other.handle } });
    zone.setAddresses("echo.example", ["10.0.0.1"]);
    await prober.probe();
    files["/etc/resolv.conf"] = "nameserver 10.0.0.53";
    clock.advance(59_999);
    expect(short(await prober.probe())).toEqual(["10.0.0.1 80"]);
    clock.advance(1);
    expect(short(await prober.probe())).toEqual(["10.0.0.2 80"]);
    files["/etc/resolv.conf"] = "nameserver 10.96.0.10";
    other.behave("servfail");
    expect(short(await prober.probe())).toBe("servfail");
    expect(short(await prober.probe())).toEqual(["10.0.0.1 80"]);
  });
});

describe("query: SRV", () => {
  const service = (target: string, port: number, priority = 0) =>
    ({ kind: "SRV", name: "_grpc._tcp.echo", ttl: 4, priority, weight: 0, port, target }) as const;

  test("targets with their addresses in the answer: one question in all", async () => {
    const { prober, zone, dns } = setup("_grpc._tcp.echo");
    zone.setRecords("_grpc._tcp.echo", [service("a.echo", 9001), service("b.echo", 9002)]);
    zone.setAddresses("a.echo", ["10.0.0.1"], 9);
    zone.setAddresses("b.echo", ["10.0.0.2"], 2);
    const probe = await prober.probe();
    expect(short(probe)).toEqual(["10.0.0.1 9001", "10.0.0.2 9002"]);
    expect(probe).toMatchObject({ ttl: 2_000 });
    expect(dns.asked).toEqual(["_grpc._tcp.echo SRV at 10.96.0.10 udp"]);
  });

  test("targets without: each is asked for", async () => {
    const zone = createDnsZone();
    zone.setRecords("_grpc._tcp.echo", [service("a.echo", 9001), service("b.echo", 9002)]);
    zone.setAddresses("a.echo", ["10.0.0.1"]);
    zone.setAddresses("b.echo", ["10.0.0.2"]);
    const { prober, dns } = setup("dns+srv:///_grpc._tcp.echo", {
      conf: "nameserver 10.0.0.53",
      servers: {
        "10.0.0.53": (bytes, over) => {
          const decoded = decodeMessage(zone.handle(bytes, over) ?? new Uint8Array());
          return "error" in decoded ? null : encodeMessage({ ...decoded.value, additionals: [] });
        },
      },
    });
    expect(short(await prober.probe())).toEqual(["10.0.0.1 9001", "10.0.0.2 9002"]);
    expect(dns.asked.length).toBe(5);
  });

  test("several ports of one pod, and one pod gone: what is there is the set", async () => {
    const { prober, zone } = setup("_grpc._tcp.echo");
    zone.setRecords("_grpc._tcp.echo", [service("a.echo", 9001), service("a.echo", 9002), service("gone.echo", 9001)]);
    zone.setAddresses("a.echo", ["10.0.0.1"]);
    expect(short(await prober.probe())).toEqual(["10.0.0.1 9001", "10.0.0.1 9002"]);
  });

  test("a target that cannot be looked up: fails the whole, never a part of the set", async () => {
    const { prober, zone } = setup("_grpc._tcp.echo");
    zone.setRecords("_grpc._tcp.echo", [service("a.echo", 9001), service("b.echo", 9002)]);
    zone.setAddresses("a.echo", ["10.0.0.1"]);
    zone.behave("servfail", "b.echo");
    expect(short(await prober.probe())).toBe("servfail");
  });

  test("priorities: the lowest number that has addresses (RFC 2782)", async () => {
    const { prober, zone } = setup("_grpc._tcp.echo");
    zone.setRecords("_grpc._tcp.echo", [
      service("c.echo", 3, 30),
      service("b.echo", 2, 20),
      service("gone.echo", 1, 10),
    ]);
    zone.setAddresses("b.echo", ["10.0.0.2"]);
    zone.setAddresses("c.echo", ["10.0.0.3"]);
    expect(short(await prober.probe())).toEqual(["10.0.0.2 2"]);
  });

  test("target of '.': the service is decidedly not there (RFC 2782)", async () => {
    const { prober, zone } = setup("_grpc._tcp.echo");
    zone.setRecords("_grpc._tcp.echo", [service("", 0)]);
    expect(short(await prober.probe())).toBe("nodata");
  });

  test("dual-stack pods with a target for each family: each pod is there once", async () => {
    const { prober, zone } = setup("_grpc._tcp.echo");
    zone.setRecords("_grpc._tcp.echo", [service("four.echo", 9001), service("six.echo", 9001)]);
    zone.setAddresses("four.echo", ["10.0.0.1"]);
    zone.setAddresses("six.echo", ["fd00::1"]);
    expect(short(await prober.probe())).toEqual(["10.0.0.1 9001"]);
  });

  test("no such name: nxdomain", async () => {
    const { prober } = setup("_grpc._tcp.echo");
    expect(short(await prober.probe())).toBe("nxdomain");
  });
});

function typeAsked(bytes: Uint8Array): number {
  const decoded = decodeMessage(bytes);
  return "error" in decoded ? -1 : decoded.value.questions[0].type;
}
