import type { Address } from "../../runtime/machine.ts";
import { type Addresses, chooseFamily, type Family, findAddresses } from "./addresses.ts";
import type { Answer, FailureOutcome } from "./ask.ts";
import { lookup, type Negative, type RecordOf } from "./lookup.ts";
import type { DnsRecord, Question } from "./message.ts";
import { sameName } from "./name.ts";

/** The addresses and ports behind an SRV name. */
export type Services =
  | { readonly kind: "found"; readonly addresses: readonly Address[] /** Seconds. */; readonly ttl: number }
  | { readonly kind: "none"; readonly outcome: Negative; readonly reason: string }
  | { readonly kind: "failed"; readonly outcome: FailureOutcome; readonly reason: string };

/** Targets looked up at the same time, so that a thousand of them do not make a thousand sockets. */
const PARALLEL = 16;

/**
 * Follows SRV records to addresses (RFC 2782). Of the priorities the lowest number that has addresses is taken: "A client
 * MUST attempt to contact the target host with the lowest-numbered priority it can reach". Weights are left aside: whoever
 * has the fewest outstanding calls gets the next one. Kubernetes sends each pod's address along with the SRV records; only
 * targets without one are looked up. One target that cannot be looked up fails the whole: a set is complete or it is none.
 */
export async function findServices(
  askQuestion: (question: Question) => Promise<Answer>,
  name: string,
  family: Family,
): Promise<Services> {
  const found = await lookup(askQuestion, name, "SRV");
  if (found.kind !== "found") return found;
  const priorities = [...new Set(found.records.map((record) => record.priority))].sort((a, b) => a - b);
  let ttl = found.ttl;
  for (const priority of priorities) {
    // RFC 2782: a target of "." means that the service is decidedly not available at this domain.
    const services = found.records.filter((record) => record.priority === priority && record.target !== "");
    const targets = [...new Set(services.map((service) => service.target.toLowerCase()))];
    const byTarget = new Map<string, Addresses>();
    await inParallel(targets, PARALLEL, async (target) => {
      const addresses =
        fromAdditionals(found.additionals, target, family) ?? (await findAddresses(askQuestion, target, family));
      byTarget.set(target, addresses);
    });
    const result = collect(services, byTarget, family);
    if ("failed" in result) return result.failed;
    ttl = Math.min(ttl, result.ttl);
    if (result.addresses.length > 0) return { kind: "found", addresses: result.addresses, ttl };
  }
  return { kind: "none", outcome: "nodata", reason: `${name}: none of the targets of its SRV records has an address` };
}

type Collected =
  | { readonly addresses: readonly Address[]; readonly ttl: number }
  | { readonly failed: Extract<Addresses, { readonly kind: "failed" }> };

function collect(
  services: readonly RecordOf<"SRV">[],
  byTarget: ReadonlyMap<string, Addresses>,
  family: Family,
): Collected {
  const pairs: { readonly ip: string; readonly port: number }[] = [];
  let ttl = Number.POSITIVE_INFINITY;
  for (const service of services) {
    const target = byTarget.get(service.target.toLowerCase());
    if (target?.kind === "failed") return { failed: target };
    if (target?.kind !== "found") continue;
    ttl = Math.min(ttl, target.ttl);
    for (const ip of target.ips) pairs.push({ ip, port: service.port });
  }
  // Chosen for the whole set and not target by target: a dual-stack pod may have a target of its own for each family.
  const chosen = new Set(
    chooseFamily(
      pairs.map(({ ip }) => ip),
      family,
    ),
  );
  const addresses = pairs
    .filter(({ ip }) => chosen.has(ip))
    .map(({ ip, port }): Address => ({ kind: "tcp", host: ip, port }));
  return { addresses, ttl };
}

/**
 * A server may leave additional records out without a word (RFC 2181 9), but only by whole sets. So what is there of the
 * family that would be chosen is complete; what is not there has to be asked for.
 */
function fromAdditionals(records: readonly DnsRecord[], target: string, family: Family): Addresses | null {
  const of = (kind: "A" | "AAAA") =>
    records.filter((record): record is RecordOf<"A" | "AAAA"> => record.kind === kind && sameName(record.name, target));
  const four = family === "ipv6" ? [] : of("A");
  const six = family === "ipv6" || family === "both" ? of("AAAA") : [];
  if (family === "both" ? four.length === 0 || six.length === 0 : four.length + six.length === 0) return null;
  const all = [...four, ...six];
  return {
    kind: "found",
    ips: all.map((record) => record.address),
    ttl: Math.min(...all.map((record) => record.ttl)),
  };
}

async function inParallel<T>(items: readonly T[], width: number, run: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await run(items[next++]);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
}
