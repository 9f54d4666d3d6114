import type { DnsSettings, Target } from "../../config/settings.ts";
import type { Address, Machine } from "../../runtime/machine.ts";
import type { Probe, Prober, ResolutionFailure } from "../prober.ts";
import { chooseFamily, findAddresses } from "./addresses.ts";
import { ask, type Servers } from "./ask.ts";
import { addressesFromHosts } from "./hosts-file.ts";
import { createMachineFilesReader } from "./machine-files.ts";
import type { Question } from "./message.ts";
import { candidateNames, type ResolvConf } from "./resolv-conf.ts";
import { findServices, type Services } from "./services.ts";

export type DnsTarget = Extract<Target, { readonly kind: "dns" | "srv" }>;

const DNS_PORT = 53;

/**
 * One query set per probe: the hosts file, then DNS, with the search list, servers, attempts and time-outs of resolv.conf.
 * A server named in the target takes the place of resolv.conf's servers and of the hosts file; the search list stays, as in
 * grpc-go. The time-out for one answer is the shorter of resolv.conf's and the settings'.
 *
 * The search is glibc's with one difference: once a name of the list has had addresses, it alone is asked for, until the
 * hold gives it up. That saves up to ten questions a refresh (ndots:5), and above all it keeps a failure safe: when the name
 * is briefly gone, the search would go on to the next domain, whose wildcard may hand out strangers' addresses.
 */
export function createDnsProber(
  target: DnsTarget,
  settings: DnsSettings,
  machine: Pick<Machine, "clock" | "random" | "dns" | "readText">,
): Prober {
  const files = createMachineFilesReader(machine.clock, machine.readText);
  const wanted = target.kind === "dns" ? target.host : target.name;
  let known: string | null = null;
  let rotation = 0;

  const find = (name: string, servers: Servers): Promise<Services> => {
    const askQuestion = (question: Question) => ask(machine.dns, machine.random, servers, question);
    return target.kind === "srv"
      ? findServices(askQuestion, name, settings.family)
      : findAddresses(askQuestion, name, settings.family).then((found) =>
          found.kind === "found"
            ? { kind: "found", addresses: withPort(found.ips, target.port), ttl: found.ttl }
            : found,
        );
  };

  const search = async (conf: ResolvConf, servers: Servers): Promise<Probe> => {
    const all = candidateNames(wanted, conf);
    const names = known !== null && all.includes(known) ? [known] : all;
    let unanswered: ResolutionFailure | null = null;
    let nodata: ResolutionFailure | null = null;
    let nxdomain: ResolutionFailure | null = null;
    for (const name of names) {
      const found = await find(name, servers);
      if (found.kind === "found") {
        known = name;
        return { outcome: "ok", addresses: found.addresses, ttl: found.ttl * 1_000 };
      }
      const failure = { outcome: found.outcome, message: found.reason };
      // glibc's res_search: the next domain is tried after an error code, but not after silence.
      if (failure.outcome === "servfail" || failure.outcome === "refused") unanswered ??= failure;
      else if (failure.outcome === "nodata") nodata ??= failure;
      else if (failure.outcome === "nxdomain") nxdomain = failure;
      else return failure;
    }
    // A name that could not be answered may be the one that has the addresses: only answers for all of them are a "no".
    const failure = unanswered ?? nodata ?? nxdomain;
    if (failure !== null) return searched(failure, names, wanted);
    return { outcome: "nxdomain", message: `${wanted}: too long for a domain name` };
  };

  return {
    probe: async () => {
      const { resolvConf, hosts } = await files.read();
      if (target.kind === "dns" && target.server === null) {
        const listed = addressesFromHosts(target.host, hosts);
        const ips = listed === null ? [] : chooseFamily(listed, settings.family);
        if (ips.length > 0) return { outcome: "ok", addresses: withPort(ips, target.port), ttl: null };
      }
      const probe = await search(resolvConf, serversOf(target, resolvConf, settings.timeout, rotation++));
      if (probe.outcome !== "ok") files.expire();
      return probe;
    },
    forget: () => {
      known = null;
    },
  };
}

function serversOf(target: DnsTarget, conf: ResolvConf, timeout: number, rotation: number): Servers {
  const own = target.server?.kind === "tcp" ? target.server : null;
  const list =
    own !== null ? [{ host: own.host, port: own.port }] : conf.nameservers.map((host) => ({ host, port: DNS_PORT }));
  const first = conf.rotate ? rotation % list.length : 0;
  return {
    list: [...list.slice(first), ...list.slice(0, first)],
    timeout: Math.min(timeout, conf.timeout),
    attempts: conf.attempts,
    tcpOnly: conf.tcpOnly,
  };
}

function withPort(ips: readonly string[], port: number): readonly Address[] {
  return ips.map((host) => ({ kind: "tcp", host, port }));
}

function searched(failure: ResolutionFailure, names: readonly string[], wanted: string): ResolutionFailure {
  if (names.length < 2) return failure;
  return { outcome: failure.outcome, message: `${failure.message}; ${wanted} was looked for as ${names.join(", ")}` };
}
