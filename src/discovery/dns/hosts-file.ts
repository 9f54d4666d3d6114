import { parseIp } from "./ip.ts";

/** Addresses by name, lower case. */
export type HostsFile = ReadonlyMap<string, readonly string[]>;

/** Reads hosts(5): an address, then its names; `#` starts a comment anywhere. Lines that make no sense are passed over. */
export function parseHostsFile(text: string): HostsFile {
  const hosts = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [address, ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    const ip = parseIp(address);
    if (ip === null) continue;
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, "");
      const known = hosts.get(key);
      if (known === undefined) hosts.set(key, [ip.text]);
      else if (!known.includes(ip.text)) known.push(ip.text);
    }
  }
  return hosts;
}

/**
 * What the hosts file says of a name, and the loopback addresses for localhost and the names under it: RFC 6761 6.3, "Name
 * resolution APIs and libraries SHOULD recognize localhost names as special and SHOULD always return the IP loopback address".
 * @returns null when the name is a matter for DNS
 */
export function addressesFromHosts(name: string, hosts: HostsFile): readonly string[] | null {
  const key = name.toLowerCase().replace(/\.$/, "");
  const listed = hosts.get(key);
  if (listed !== undefined) return listed;
  return key === "localhost" || key.endsWith(".localhost") ? ["127.0.0.1", "::1"] : null;
}
