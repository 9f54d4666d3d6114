import { describe, expect, test } from "vitest";
import { createDnsZone } from "../../src/demo/dns-server.ts";
import { isPrivate } from "../../src/discovery/cluster-ip-hint.ts";
import { createResolver } from "../../src/discovery/create-resolver.ts";
import { parseTarget } from "../../src/discovery/target.ts";
import type { Address } from "../../src/runtime/machine.ts";
import { type CollectingLog, collectingLog } from "../support/collecting-log.ts";
import { memoryDns, memoryFiles } from "../support/dns.ts";
import { FakeClock } from "../support/fake-clock.ts";

const SETTINGS = { period: 5_000, timeout: 2_000, hold: 30_000, family: "auto" } as const;

function setup(text: string) {
  const clock = new FakeClock();
  const zone = createDnsZone();
  const dns = memoryDns({ "10.96.0.10": zone.handle });
  const log: CollectingLog = collectingLog();
  const parsed = parseTarget(text, 80);
  if ("error" in parsed) throw new Error(parsed.error);
  const readText = memoryFiles({ "/etc/resolv.conf": "nameserver 10.96.0.10" });
  const resolver = createResolver(parsed.value, SETTINGS, { clock, random: () => 0, dns, readText }, log);
  const sets: (readonly Address[])[] = [];
  const start = () => {
    resolver.start({ resolved: (addresses) => void sets.push(addresses), emptied: () => {}, failed: () => {} });
  };
  const pass = async (ms: number) => {
    for (const end = clock.now() + ms; clock.now() < end; ) {
      clock.advance(Math.min(1_000, end - clock.now()));
      await clock.waitForTimers(1);
    }
  };
  return { clock, zone, dns, log, resolver, sets, start, pass };
}

describe("static resolver", () => {
  test("addresses: are reported once, sorted and without duplicates, and refresh changes nothing", () => {
    const { resolver, sets, start, clock } = setup("ipv4:10.0.0.2:2,10.0.0.1:1,10.0.0.2:2");
    start();
    resolver.refresh();
    expect(sets).toEqual([
      [
        { kind: "tcp", host: "10.0.0.1", port: 1 },
        { kind: "tcp", host: "10.0.0.2", port: 2 },
      ],
    ]);
    expect(resolver.outcomes.ok).toBe(1);
    expect(clock.pending).toBe(0);
    resolver.stop();
  });

  test("socket of the machine: is an address like others", () => {
    const { sets, start } = setup("unix:///run/echo.sock");
    start();
    expect(sets).toEqual([[{ kind: "unix", path: "/run/echo.sock" }]]);
  });
});

describe("DNS resolver", () => {
  test("zone that changes: each change is one whole set", async () => {
    const { zone, start, sets, pass, clock, resolver } = setup("echo.example:9001");
    zone.setAddresses("echo.example", ["10.0.0.1", "10.0.0.2"]);
    start();
    await clock.waitForTimers(1);
    zone.setAddresses("echo.example", ["10.0.0.2", "10.0.0.3", "10.0.0.1"]);
    await pass(10_000);
    zone.setAddresses("echo.example", ["10.0.0.3"]);
    await pass(10_000);
    expect(sets.map((set) => set.map((address) => (address.kind === "tcp" ? address.host : "")))).toEqual([
      ["10.0.0.1", "10.0.0.2"],
      ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
      ["10.0.0.3"],
    ]);
    resolver.stop();
  });

  test("one query set per refresh: two questions every five seconds, whatever the number of endpoints", async () => {
    const { zone, start, pass, clock, dns, resolver } = setup("echo.example");
    zone.setAddresses("echo.example", ["10.0.0.1", "10.0.0.2", "10.0.0.3"], 30);
    start();
    await clock.waitForTimers(1);
    await pass(60_000);
    expect(dns.asked.length).toBe(2 * 13);
    resolver.stop();
  });
});

describe("ClusterIP hint", () => {
  const hints = (log: CollectingLog) => log.events("single address");

  test("one private address for three minutes: is remarked on once, with what to do", async () => {
    const { zone, start, pass, clock, log, resolver } = setup("echo.example");
    zone.setAddresses("echo.example", ["10.96.12.7"]);
    start();
    await clock.waitForTimers(1);
    await pass(175_000);
    expect(hints(log)).toEqual([]);
    await pass(3_600_000);
    expect(hints(log).length).toBe(1);
    const [{ level, fields }] = hints(log);
    expect(level).toBe("info");
    expect(fields).toMatchObject({ target: "echo.example", address: "10.96.12.7" });
    expect(fields.hint).toMatch(/ClusterIP.*headless.*clusterIP: None.*only one pod/);
    resolver.stop();
  });

  test.each([
    ["two addresses", ["10.0.0.1", "10.0.0.2"]],
    ["a public address", ["192.0.2.1"]],
    ["a loopback address", ["127.0.0.1"]],
  ])("%s: no remark", async (_, ips) => {
    const { zone, start, pass, clock, log, resolver } = setup("echo.example");
    zone.setAddresses("echo.example", ips);
    start();
    await clock.waitForTimers(1);
    await pass(600_000);
    expect(hints(log)).toEqual([]);
    resolver.stop();
  });

  test("an address that changes, as a single pod's does: no remark", async () => {
    const { zone, start, pass, clock, log, resolver } = setup("echo.example");
    zone.setAddresses("echo.example", ["10.0.0.1"]);
    start();
    await clock.waitForTimers(1);
    for (let i = 2; i < 12; i++) {
      zone.setAddresses("echo.example", [`10.0.0.${i}`]);
      await pass(120_000);
    }
    expect(hints(log)).toEqual([]);
    resolver.stop();
  });

  test.each([
    ["10.1.2.3", true],
    ["172.16.0.1", true],
    ["172.31.255.255", true],
    ["172.32.0.1", false],
    ["192.168.1.1", true],
    ["192.169.1.1", false],
    ["100.64.0.1", true],
    ["100.128.0.1", false],
    ["fd00::1", true],
    ["fc00::1", true],
    ["fe80::1", false],
    ["2001:db8::1", false],
    ["127.0.0.1", false],
    ["echo", false],
  ])("%s: private %s", (host, expected) => {
    expect(isPrivate(host)).toBe(expected);
  });
});
