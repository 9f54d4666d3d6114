import type { DnsSettings, Target } from "../config/settings.ts";
import type { Log, Machine } from "../runtime/machine.ts";
import { createClusterIpHint } from "./cluster-ip-hint.ts";
import { createDnsProber } from "./dns/query.ts";
import { createPollingResolver } from "./polling.ts";
import type { Resolver } from "./resolver.ts";
import { createStaticResolver } from "./static.ts";

/** The resolver for a target. Nothing happens before its `start`. */
export function createResolver(
  target: Target,
  settings: DnsSettings,
  machine: Pick<Machine, "clock" | "random" | "dns" | "readText">,
  log: Log,
): Resolver {
  if (target.kind === "static") return createStaticResolver(target.addresses);
  const name = target.kind === "dns" ? target.host : target.name;
  return createPollingResolver(
    createDnsProber(target, settings, machine),
    {
      name,
      period: settings.period,
      hold: settings.hold,
      observe: createClusterIpHint(name, machine.clock, log),
    },
    machine,
    log,
  );
}
