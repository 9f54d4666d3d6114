import { describe, expect, test } from "vitest";
import { addressesFromHosts, parseHostsFile } from "../../../src/discovery/dns/hosts-file.ts";
import { candidateNames, parseResolvConf } from "../../../src/discovery/dns/resolv-conf.ts";

const DEFAULTS = {
  nameservers: ["127.0.0.1"],
  search: [],
  ndots: 1,
  timeout: 5000,
  attempts: 2,
  rotate: false,
  tcpOnly: false,
};

describe("resolv.conf", () => {
  test("a pod's: gives cluster DNS, three search domains and ndots 5", () => {
    const text =
      "search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
    expect(parseResolvConf(text)).toEqual({
      ...DEFAULTS,
      nameservers: ["10.96.0.10"],
      search: ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local"],
      ndots: 5,
    });
  });

  test.each([
    ["empty: glibc's defaults", "", {}],
    ["comments in the first column", "# nameserver 1.1.1.1\n; search a\n", {}],
    [
      "four servers: the first three",
      "nameserver 1.1.1.1\nnameserver ::1\nnameserver x\nnameserver 1.1.1.2\nnameserver 1.1.1.3",
      { nameservers: ["1.1.1.1", "::1", "1.1.1.2"] },
    ],
    [
      "tabs and carriage returns",
      "nameserver\t1.1.1.1\r\nsearch\tA.example.\t b\r\n",
      { nameservers: ["1.1.1.1"], search: ["a.example", "b"] },
    ],
    ["the last of search and domain", "search a b\ndomain c d", { search: ["c"] }],
    ["root in the search list", "search . a", { search: ["", "a"] }],
    [
      "options over several lines",
      "options ndots:2 rotate\noptions timeout:1 attempts:3 use-vc edns0",
      { ndots: 2, rotate: true, timeout: 1000, attempts: 3, tcpOnly: true },
    ],
    [
      "options beyond glibc's bounds",
      "options ndots:99 timeout:99 attempts:99",
      { ndots: 15, timeout: 30_000, attempts: 5 },
    ],
    ["options of nothing", "options ndots: timeout:0 attempts:0 ndots:x", { timeout: 1000, attempts: 1 }],
  ])("%s", (_, text, parts) => {
    expect(parseResolvConf(text)).toEqual({ ...DEFAULTS, ...parts });
  });
});

describe("search list", () => {
  const pod = { search: ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local"], ndots: 5 };

  test.each([
    [
      "short name in a pod",
      "echo",
      pod,
      ["echo.ns.svc.cluster.local", "echo.svc.cluster.local", "echo.cluster.local", "echo"],
    ],
    ["name with fewer dots than ndots", "a.b.c.d", { ...pod, search: ["s"] }, ["a.b.c.d.s", "a.b.c.d"]],
    ["name with ndots dots", "a.b.c.d.e.f", { ...pod, search: ["s"] }, ["a.b.c.d.e.f", "a.b.c.d.e.f.s"]],
    ["dot at the end", "echo.", pod, ["echo"]],
    ["no search list", "echo", { search: [], ndots: 1 }, ["echo"]],
    ["root in the list", "echo", { search: ["", "a"], ndots: 1 }, ["echo", "echo.a"]],
    ["domains that make it too long", "echo", { search: ["x".repeat(250), "a"], ndots: 1 }, ["echo.a", "echo"]],
  ])("%s", (_, name, conf, names) => {
    expect(candidateNames(name, conf)).toEqual(names);
  });
});

describe("hosts file", () => {
  const hosts = parseHostsFile(`
    127.0.0.1 localhost
    ::1\tlocalhost ip6-localhost # loopback
    10.0.0.1 Echo echo.example. # alias
    10.0.0.2 echo
    10.0.0.2 echo
    #10.0.0.3 echo
    nonsense echo
    10.0.0.4
  `);

  test.each([
    ["localhost", ["127.0.0.1", "::1"]],
    ["ECHO", ["10.0.0.1", "10.0.0.2"]],
    ["echo.example", ["10.0.0.1"]],
    ["echo.", ["10.0.0.1", "10.0.0.2"]],
    ["other", null],
  ])("%s", (name, addresses) => {
    expect(addressesFromHosts(name, hosts)).toEqual(addresses);
  });

  test("localhost and names under it: are loopback without any file (RFC 6761)", () => {
    for (const name of ["localhost", "a.localhost", "LOCALHOST."]) {
      expect(addressesFromHosts(name, new Map())).toEqual(["127.0.0.1", "::1"]);
    }
    expect(addressesFromHosts("notlocalhost", new Map())).toBeNull();
  });
});
