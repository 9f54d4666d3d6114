import type { Target } from "../config/settings.ts";
import type { Address } from "../runtime/machine.ts";
import { parseIp } from "./dns/ip.ts";

/** The error is for people: what is wrong with the text, and what would be right. */
export type ParsedTarget = { readonly value: Target } | { readonly error: string };

const DNS_PORT = 53;
const FORMS =
  "write dns:///host:port, dns://server/host:port, dns+srv:///name, ipv4:address:port, ipv6:[address]:port or unix:path";

/**
 * Reads a target in gRPC's naming syntax (grpc/doc/naming.md): a scheme, then what it needs; without a known scheme it is
 * `host:port` for DNS. IP literals never go to DNS, and a host like `_grpc._tcp.echo` means SRV records.
 * @param defaultPort where the text gives none: 443 with TLS towards the pods, 80 without
 */
export function parseTarget(text: string, defaultPort: number): ParsedTarget {
  const parsed = parse(text.trim(), defaultPort);
  return "error" in parsed ? { error: `target ${JSON.stringify(text)}: ${parsed.error}` } : parsed;
}

function parse(text: string, defaultPort: number): ParsedTarget {
  if (text === "") return { error: `is empty; ${FORMS}` };
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1].toLowerCase();
  const rest = scheme === undefined ? text : text.slice(scheme.length + 1);
  switch (scheme) {
    case "dns":
      return parseDns(rest, defaultPort, false);
    case "dns+srv":
      return parseDns(rest, defaultPort, true);
    case "ipv4":
      return parseList(rest, 4, defaultPort);
    case "ipv6":
      return parseList(rest, 6, defaultPort);
    case "unix":
      return parseUnix(rest);
    case "http":
    case "https":
      if (rest.startsWith("//")) return { error: `is a URL; write dns:///${authorityOf(rest)}` };
  }
  if (rest.startsWith("//")) return { error: `the scheme ${JSON.stringify(scheme)} is not supported; ${FORMS}` };
  if (scheme === "unix-abstract" || scheme === "vsock" || scheme === "xds")
    return { error: `the scheme ${JSON.stringify(scheme)} is not supported; ${FORMS}` };
  return parseHost(text, defaultPort, null, false);
}

function authorityOf(rest: string): string {
  return rest.slice(2).split(/[/?#]/, 1)[0];
}

/** What follows `dns:` or `dns+srv:`: `//[server]/host[:port]`, or `host[:port]`. */
function parseDns(rest: string, defaultPort: number, srv: boolean): ParsedTarget {
  const scheme = srv ? "dns+srv" : "dns";
  if (!rest.startsWith("//")) return parseHost(rest.replace(/^\//, ""), defaultPort, null, srv);
  const slash = rest.indexOf("/", 2);
  const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
  const host = slash < 0 ? "" : rest.slice(slash + 1);
  // The commonest slip: two slashes where three are meant, which makes the host the name of a DNS server.
  if (host === "")
    return { error: `names a DNS server but no host; write ${scheme}:///${authority === "" ? "host" : authority}` };
  if (authority === "") return parseHost(host, defaultPort, null, srv);
  const server = splitPort(authority, DNS_PORT);
  if ("error" in server) return { error: `DNS server: ${server.error}` };
  const ip = parseIp(server.host);
  if (ip === null)
    return {
      error: `the DNS server ${JSON.stringify(server.host)} is not an IP address; write ${scheme}://10.96.0.10/${host}, or ${scheme}:///${host} for the machine's own`,
    };
  return parseHost(host, defaultPort, { kind: "tcp", host: ip.text, port: server.port }, srv);
}

function parseHost(text: string, defaultPort: number, server: Address | null, srv: boolean): ParsedTarget {
  const split = splitPort(text, defaultPort);
  if ("error" in split) return split;
  const { host, port, hasPort } = split;
  const ip = parseIp(host);
  if (ip !== null) {
    if (srv)
      return {
        error: `${host} is an address and has no SRV records; write ${ip.family === 4 ? "ipv4" : "ipv6"}:${text}`,
      };
    return { value: { kind: "static", addresses: [{ kind: "tcp", host: ip.text, port }] } };
  }
  const wrong = wrongHost(host);
  if (wrong !== null) return { error: wrong };
  const name = host.toLowerCase();
  // RFC 2782: an SRV name is _Service._Proto.Name. No host has such a name, so there is no doubt about what is meant.
  if (srv || /^_[^.]+\._(tcp|udp)\../.test(name)) {
    if (hasPort) return { error: `the ports come from the SRV records; leave out :${port}` };
    return { value: { kind: "srv", name, server } };
  }
  return { value: { kind: "dns", host: name, port, server } };
}

/** What follows `ipv4:` or `ipv6:`: addresses with or without ports, separated by commas. */
function parseList(rest: string, family: 4 | 6, defaultPort: number): ParsedTarget {
  const list = rest.replace(/^\/\/\//, "");
  const example = family === 4 ? "ipv4:10.0.0.1:50051,10.0.0.2:50051" : "ipv6:[fd00::1]:50051,[fd00::2]:50051";
  if (list === "") return { error: `has no address; write ${example}` };
  const addresses: Address[] = [];
  for (const part of list.split(",")) {
    const split = splitPort(part.trim(), defaultPort);
    if ("error" in split) return split;
    const ip = parseIp(split.host);
    if (ip?.family !== family)
      return { error: `${JSON.stringify(split.host)} is not an IPv${family} address; write ${example}` };
    addresses.push({ kind: "tcp", host: ip.text, port: split.port });
  }
  return { value: { kind: "static", addresses } };
}

/** What follows `unix:`: a path, relative or absolute, or `///` and an absolute one. */
function parseUnix(rest: string): ParsedTarget {
  if (rest.startsWith("//") && !rest.startsWith("///"))
    return { error: `a socket has no authority; write unix:///${rest.slice(2)} or unix:${rest.slice(2)}` };
  const path = rest.startsWith("///") ? rest.slice(2) : rest;
  if (path === "" || path === "/") return { error: "has no path; write unix:///run/echo.sock" };
  return { value: { kind: "static", addresses: [{ kind: "unix", path }] } };
}

type HostPort =
  | { readonly host: string; readonly port: number; readonly hasPort: boolean }
  | { readonly error: string };

/** Splits `host:port`, `[v6]:port`, and either without a port. An IPv6 address without brackets has no port. */
function splitPort(text: string, defaultPort: number): HostPort {
  const bracketed = /^\[([^\]]*)\](.*)$/.exec(text);
  let host = text;
  let after = "";
  if (bracketed !== null) {
    host = bracketed[1];
    after = bracketed[2];
    if (parseIp(host)?.family !== 6) return { error: `${JSON.stringify(host)} in brackets is not an IPv6 address` };
  } else if (parseIp(text) === null && text.includes(":")) {
    const colon = text.lastIndexOf(":");
    host = text.slice(0, colon);
    after = text.slice(colon);
    if (host.includes(":"))
      return {
        error: `${JSON.stringify(text)} has several colons; an IPv6 address with a port is written [address]:port`,
      };
  }
  if (after === "") return { host, port: defaultPort, hasPort: false };
  const port = Number(after.slice(1));
  if (!/^:[0-9]{1,5}$/.test(after) || port < 1 || port > 65_535)
    return { error: `the port ${JSON.stringify(after.slice(1))} is not a number from 1 to 65535` };
  return { host, port, hasPort: true };
}

/** Says what is wrong with a DNS name; null when nothing is. Underscores are allowed: service names use them. */
function wrongHost(host: string): string | null {
  if (host === "" || host === ".") return "has no host; write dns:///host:port";
  if (/[/?#@]/.test(host)) return `${JSON.stringify(host)} is not a host name: it has one of / ? # @ in it`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is exactly what is meant
  if (/[^\x00-\x7f]/.test(host)) return `${JSON.stringify(host)} is not ASCII; write it in Punycode (xn--...)`;
  const labels = host.replace(/\.$/, "").split(".");
  if (/^[0-9]+$/.test(labels[labels.length - 1]))
    return labels.length === 1
      ? `the host ${JSON.stringify(host)} is only a number; when a scheme was read as the host, write dns:///host:port`
      : `${JSON.stringify(host)} is neither an IPv4 address nor a host name`;
  // RFC 1035 2.3.4: labels of 63 octets or less, names of 255 or less, which is 253 characters.
  if (host.replace(/\.$/, "").length > 253) return "the host is longer than 253 characters";
  for (const label of labels) {
    if (label.length === 0) return `${JSON.stringify(host)} has an empty label (two dots in a row, or one in front)`;
    if (label.length > 63) return `the label ${JSON.stringify(label)} is longer than 63 characters`;
    if (!/^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?$/.test(label))
      return `the label ${JSON.stringify(label)} may have only letters, digits, - and _, and no - at its ends`;
  }
  return null;
}
