import { describe, expect, test } from "vitest";
import type { Target } from "../../src/config/settings.ts";
import { parseTarget } from "../../src/discovery/target.ts";
import type { Address } from "../../src/runtime/machine.ts";

const DEFAULT_PORT = 80;

function tcp(host: string, port: number): Address {
  return { kind: "tcp", host, port };
}

function dns(host: string, port: number, server: Address | null = null): Target {
  return { kind: "dns", host, port, server };
}

function srv(name: string, server: Address | null = null): Target {
  return { kind: "srv", name, server };
}

function fixed(...addresses: Address[]): Target {
  return { kind: "static", addresses };
}

const right: [text: string, target: Target][] = [
  ["dns:///echo:50051", dns("echo", 50051)],
  ["dns:///echo", dns("echo", 80)],
  ["dns:///Echo.Example.COM.:50051", dns("echo.example.com.", 50051)],
  ["dns:echo:50051", dns("echo", 50051)],
  ["dns:/echo:50051", dns("echo", 50051)],
  ["DNS:///echo:50051", dns("echo", 50051)],
  ["echo:50051", dns("echo", 50051)],
  ["echo", dns("echo", 80)],
  ["  echo.ns.svc.cluster.local:443 ", dns("echo.ns.svc.cluster.local", 443)],
  ["my_service:1", dns("my_service", 1)],
  ["dns://10.96.0.10/echo:50051", dns("echo", 50051, tcp("10.96.0.10", 53))],
  ["dns://127.0.0.1:5353/echo", dns("echo", 80, tcp("127.0.0.1", 5353))],
  ["dns://[FD00::10]:5353/echo:65535", dns("echo", 65535, tcp("fd00::10", 5353))],
  ["dns://[::1]/echo", dns("echo", 80, tcp("::1", 53))],
  ["dns+srv:///_grpc._tcp.echo", srv("_grpc._tcp.echo")],
  ["dns+srv:echo.example.com", srv("echo.example.com")],
  ["dns+srv://10.96.0.10/echo", srv("echo", tcp("10.96.0.10", 53))],
  ["dns:///_grpc._tcp.Echo.ns", srv("_grpc._tcp.echo.ns")],
  ["_grpc._tcp.echo", srv("_grpc._tcp.echo")],
  ["dns:///127.0.0.1:9001", fixed(tcp("127.0.0.1", 9001))],
  ["127.0.0.1:9001", fixed(tcp("127.0.0.1", 9001))],
  ["127.0.0.1", fixed(tcp("127.0.0.1", 80))],
  ["[::1]:9001", fixed(tcp("::1", 9001))],
  ["dns:///[0:0::1]:9001", fixed(tcp("::1", 9001))],
  ["fe80::1%eth0", fixed(tcp("fe80::1%eth0", 80))],
  ["[fe80::1%25eth0]:9001", fixed(tcp("fe80::1%eth0", 9001))],
  ["ipv4:127.0.0.1:9001,127.0.0.2:9002", fixed(tcp("127.0.0.1", 9001), tcp("127.0.0.2", 9002))],
  ["ipv4:///10.0.0.1:9001, 10.0.0.2", fixed(tcp("10.0.0.1", 9001), tcp("10.0.0.2", 80))],
  ["ipv6:[::1]:9001,[fd00::2]:9002", fixed(tcp("::1", 9001), tcp("fd00::2", 9002))],
  ["ipv6:::1", fixed(tcp("::1", 80))],
  ["unix:run/echo.sock", fixed({ kind: "unix", path: "run/echo.sock" })],
  ["unix:/run/echo.sock", fixed({ kind: "unix", path: "/run/echo.sock" })],
  ["unix:///run/echo.sock", fixed({ kind: "unix", path: "/run/echo.sock" })],
];

const wrong: [text: string, says: RegExp][] = [
  ["", /is empty; write dns:\/\/\//],
  ["dns://echo:50051", /names a DNS server but no host; write dns:\/\/\/echo:50051/],
  ["dns:///", /no host; write dns:\/\/\/host/],
  ["dns:", /no host/],
  ["dns://kube-dns/echo", /the DNS server "kube-dns" is not an IP address/],
  ["dns://10.0.0.1:0/echo", /DNS server: the port "0"/],
  ["dns:50051", /"50051" is only a number; .* write dns:\/\/\/host:port/],
  ["echo:", /the port "" is not a number from 1 to 65535/],
  ["echo:http", /the port "http"/],
  ["echo:65536", /the port "65536"/],
  ["echo:0", /the port "0"/],
  ["echo:-1", /the port "-1"/],
  [":50051", /has no host/],
  ["echo:1:2", /several colons/],
  ["[echo]:1", /"echo" in brackets is not an IPv6 address/],
  ["[::1]9001", /the port "001"|the port/],
  ["10.0.0.300:1", /neither an IPv4 address nor a host name/],
  ["10.0.0:1", /neither an IPv4 address nor a host name/],
  ["a..b", /empty label/],
  [".a", /empty label/],
  ["-a", /no - at its ends/],
  ["a b", /may have only letters/],
  ["a/b", /has one of/],
  ["café:1", /Punycode/],
  [`${"a".repeat(64)}:1`, /longer than 63/],
  [`${"abcdefg.".repeat(32)}com`, /longer than 253/],
  ["dns:///_grpc._tcp.echo:50051", /leave out :50051/],
  ["dns+srv:///10.0.0.1", /has no SRV records; write ipv4:/],
  ["http://echo:50051/path", /is a URL; write dns:\/\/\/echo:50051/],
  ["https://echo", /is a URL; write dns:\/\/\/echo/],
  ["xds:///echo", /the scheme "xds" is not supported; write dns:/],
  ["unix-abstract:echo", /not supported/],
  ["foo://bar", /the scheme "foo" is not supported/],
  ["ipv4:", /has no address; write ipv4:/],
  ["ipv4:echo:1", /"echo" is not an IPv4 address; write ipv4:/],
  ["ipv4:10.0.0.1:1,", /"" is not an IPv4 address/],
  ["ipv4:010.0.0.1:1", /"010.0.0.1" is not an IPv4 address/],
  ["ipv6:10.0.0.1:1", /not an IPv6 address; write ipv6:/],
  ["ipv6:[::1]:99999", /the port "99999"/],
  ["unix:", /has no path/],
  ["unix://run/echo.sock", /has no authority; write unix:\/\/\/run\/echo.sock/],
];

describe("target", () => {
  test.each(right)("%j: is understood", (text, target) => {
    expect(parseTarget(text, DEFAULT_PORT)).toEqual({ value: target });
  });

  test.each(wrong)("%j: is refused with what is wrong and what would be right", (text, says) => {
    const parsed = parseTarget(text, DEFAULT_PORT);
    expect(parsed).toHaveProperty("error");
    if ("error" in parsed) {
      expect(parsed.error).toMatch(says);
      // The text that is wrong stands in the message, so that a list of errors can be read.
      expect(parsed.error).toContain(`target ${JSON.stringify(text)}: `);
    }
  });
});
