import type { DnsSettings } from "../config/settings.ts";
import type { Address, Log, Machine, Timer } from "../runtime/machine.ts";
import { addressSet, sameAddresses } from "./address-set.ts";
import type { Probe, Prober, ResolutionFailure } from "./prober.ts";
import type { ResolutionOutcome, Resolver, ResolverListener } from "./resolver.ts";
import { noOutcomes } from "./static.ts";

/** No more than one query set in this time, milliseconds, whatever the TTL and however often a refresh is asked for. */
const MIN_INTERVAL_MS = 1_000;

/** Shortens each wait by up to this part, so that many gateways do not ask in step. Never lengthens: the TTL is a promise. */
const JITTER = 0.2;

/** Waits after failures: 1 s, then 1.6 times more each time, as gRPC's connection back-off. */
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_FACTOR = 1.6;

/** The longest wait while nobody answers, so that the end of an outage is seen soon. */
const BACKOFF_MAX_MS = 30_000;

export interface PollingOptions extends Pick<DnsSettings, "period" | "hold"> {
  /** The target as it should stand in logs. */
  readonly name: string;
  /** Sees every set that is in force after a successful refresh. */
  readonly observe?: (addresses: readonly Address[]) => void;
}

/**
 * Asks a prober again and again and tells of changes. Its rules:
 * - One query set at a time and at most one a second. A refresh that is asked for while one runs follows it, since its answer
 *   may be older than the reason for asking.
 * - A success is used for the period, or its TTL when that is shorter.
 * - A failure changes nothing (invariant 6) and is tried again with back-off. When the server did answer, with "no such name"
 *   or "no addresses", the back-off ends at the period: it is well, and a Service that is scaled up from nothing should be seen.
 * - Those two empty the set once they have been the only answers for the hold time. Anything else in between starts it anew:
 *   a server that fails now and then cannot be trusted to know what is gone.
 */
export function createPollingResolver(
  prober: Prober,
  options: PollingOptions,
  machine: Pick<Machine, "clock" | "random">,
  log: Log,
): Resolver {
  const { clock, random } = machine;
  const outcomes = noOutcomes();
  let listener: ResolverListener | null = null;
  let timer: Timer | null = null;
  let dueAt = 0;
  let probing = false;
  let again = false;
  let startedAt = Number.NEGATIVE_INFINITY;
  /** What was reported last; null before the first report, empty after `emptied`. */
  let current: readonly Address[] | null = null;
  let failures = 0;
  let lastOutcome: ResolutionOutcome = "ok";
  /** When the unbroken run of negative answers began. */
  let negativeSince: number | null = null;

  const schedule = (delay: number) => {
    timer?.cancel();
    dueAt = clock.now() + delay;
    timer = clock.timer(() => void run(), delay);
  };

  /** Until the next query set is allowed. */
  const rateLimit = () => Math.max(0, startedAt + MIN_INTERVAL_MS - clock.now());

  const run = async () => {
    timer = null;
    probing = true;
    again = false;
    startedAt = clock.now();
    const probe = await prober
      .probe()
      .catch((error): Probe => ({ outcome: "garbage", message: `${options.name}: ${String(error)}` }));
    probing = false;
    // Stopped meanwhile.
    if (listener === null) return;
    outcomes[probe.outcome]++;
    const delay = probe.outcome === "ok" ? succeeded(listener, probe) : failed(listener, probe);
    // The listener may have stopped us or asked for a refresh.
    if (listener !== null) schedule(Math.max(rateLimit(), again ? 0 : delay));
  };

  const succeeded = (to: ResolverListener, probe: Extract<Probe, { outcome: "ok" }>): number => {
    if (lastOutcome !== "ok") log.info("resolution recovered", { target: options.name, failures });
    failures = 0;
    lastOutcome = "ok";
    negativeSince = null;
    const addresses = addressSet(probe.addresses);
    if (current === null || !sameAddresses(current, addresses)) {
      current = addresses;
      to.resolved(addresses);
    }
    options.observe?.(addresses);
    return jittered(Math.min(options.period, probe.ttl ?? options.period));
  };

  const failed = (to: ResolverListener, failure: ResolutionFailure): number => {
    failures++;
    const { outcome, message } = failure;
    if (outcome !== lastOutcome) log.warn("resolution failed", { target: options.name, outcome, message });
    lastOutcome = outcome;
    const negative = outcome === "nxdomain" || outcome === "nodata";
    let remaining = Number.POSITIVE_INFINITY;
    if (!negative) {
      negativeSince = null;
    } else {
      negativeSince ??= clock.now();
      remaining = negativeSince + options.hold - clock.now();
    }
    to.failed({ outcome, message });
    if (remaining <= 0 && (current === null || current.length > 0)) {
      current = [];
      prober.forget();
      log.warn("resolution emptied", { target: options.name, outcome, hold: options.hold, message });
      // `failed` may have stopped us.
      listener?.emptied(message);
    }
    const limit = negative ? Math.min(options.period, BACKOFF_MAX_MS) : Math.max(options.period, BACKOFF_MAX_MS);
    const backoff = Math.min(limit, BACKOFF_BASE_MS * BACKOFF_FACTOR ** (failures - 1));
    // The hold ends on time, at most a second late by the rate limit, and not at whatever refresh comes after it.
    return remaining > 0 ? Math.min(jittered(backoff), remaining) : jittered(backoff);
  };

  const jittered = (delay: number) => delay * (1 - JITTER * random());

  return {
    outcomes,
    start: (to) => {
      listener = to;
      void run();
    },
    refresh: () => {
      if (listener === null) return;
      if (probing || timer === null) again = true;
      else if (clock.now() + rateLimit() < dueAt) schedule(rateLimit());
    },
    stop: () => {
      listener = null;
      timer?.cancel();
      timer = null;
    },
  };
}
