import type { DnsSettings } from "../../config/settings.ts";
import type { Answer, FailureOutcome } from "./ask.ts";
import { type Lookup, lookup, type Negative } from "./lookup.ts";
import type { Question } from "./message.ts";

export type Family = DnsSettings["family"];

/** The addresses of one name. */
export type Addresses =
  | { readonly kind: "found"; readonly ips: readonly string[] /** Seconds. */; readonly ttl: number }
  | { readonly kind: "none"; readonly outcome: Negative; readonly reason: string }
  | { readonly kind: "failed"; readonly outcome: FailureOutcome; readonly reason: string };

type Look = Lookup<"A"> | Lookup<"AAAA">;

/**
 * Asks for A and AAAA records at the same time and chooses between them.
 *
 * The endpoints of a backend are counted one by one, and a dual-stack pod has an address of each family. Racing the families
 * connection by connection (RFC 8305) would count such a pod twice and give it twice its share. So one family is taken for
 * the whole set: with `auto` the IPv4 addresses if there are any, else the IPv6 ones. IPv4 first, against RFC 8305, because
 * nothing here tries whether a family is routed, and in a cluster that has both IPv4 is the one that always is. There is no
 * way back to the other family when no endpoint of the chosen one can be connected: set `ipv6` then. `both` takes all, for
 * names whose addresses are different machines by family.
 *
 * With `auto` an unanswered A question fails the whole: the IPv4 addresses are unknown then, and changing over to IPv6 would
 * replace every endpoint on the strength of a lost datagram. An unanswered AAAA question is not waited for once there are
 * IPv4 addresses: some servers never answer it (RFC 4074).
 */
export async function findAddresses(
  askQuestion: (question: Question) => Promise<Answer>,
  name: string,
  family: Family,
): Promise<Addresses> {
  if (family === "ipv4") return addresses(await lookup(askQuestion, name, "A"));
  if (family === "ipv6") return addresses(await lookup(askQuestion, name, "AAAA"));
  const six = lookup(askQuestion, name, "AAAA");
  const four = await lookup(askQuestion, name, "A");
  if (four.kind === "failed" || (four.kind === "found" && family === "auto")) return addresses(four);
  return combine(name, addresses(four), addresses(await six));
}

function addresses(look: Look): Addresses {
  if (look.kind !== "found") return look;
  return { kind: "found", ips: look.records.map((record) => record.address), ttl: look.ttl };
}

function combine(name: string, a: Addresses, b: Addresses): Addresses {
  if (a.kind === "failed") return a;
  if (b.kind === "failed") return b;
  if (a.kind === "none") {
    if (b.kind === "found") return b;
    // NXDOMAIN is said of a name, not of a type: when only one of the answers says it, the name exists.
    if (b.outcome === "nxdomain" && a.outcome === "nxdomain") return a;
    return { kind: "none", outcome: "nodata", reason: `${name}: the name exists but has neither A nor AAAA records` };
  }
  if (b.kind === "none") return a;
  return { kind: "found", ips: [...a.ips, ...b.ips], ttl: Math.min(a.ttl, b.ttl) };
}

/** The same choice among addresses that came in by another way. */
export function chooseFamily(ips: readonly string[], family: Family): readonly string[] {
  if (family === "both") return ips;
  const six = ips.filter((ip) => ip.includes(":"));
  const four = ips.filter((ip) => !ip.includes(":"));
  if (family === "ipv4") return four;
  return family === "ipv6" || four.length === 0 ? six : four;
}
