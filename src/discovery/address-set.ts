import type { Address } from "../runtime/machine.ts";

/** `host:port`, with brackets round an IPv6 host, or `unix:path`: equal addresses give equal texts. */
export function addressText(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** The set in its one order, without duplicates. The order is only there to make sets comparable. */
export function addressSet(addresses: readonly Address[]): readonly Address[] {
  const byText = new Map(addresses.map((address) => [addressText(address), address]));
  return [...byText.keys()].sort().map((text) => byText.get(text)!);
}

/** Both in the order of {@link addressSet}. */
export function sameAddresses(a: readonly Address[], b: readonly Address[]): boolean {
  return a.length === b.length && a.every((address, i) => addressText(address) === addressText(b[i]));
}
