import type { Address, Clock, Log } from "../runtime/machine.ts";
import { parseIpv4, parseIpv6 } from "./dns/ip.ts";

/** Long enough for a rollout or a scale-up to be over, short enough to be read while somebody still looks at the start. */
const AFTER_MS = 180_000;

/**
 * Says once, when a name has had one and the same private address for some minutes, that it may be a ClusterIP: behind one,
 * kube-proxy chooses a pod per connection, and there is nothing left for a gateway to balance. A Service with one pod looks
 * exactly the same, so this is a hint and no more.
 * @returns to be called with the set in force after every successful refresh
 */
export function createClusterIpHint(name: string, clock: Clock, log: Log): (addresses: readonly Address[]) => void {
  let said = false;
  let single: string | null = null;
  let since = 0;
  return (addresses) => {
    if (said) return;
    const [only] = addresses;
    const host = addresses.length === 1 && only.kind === "tcp" && isPrivate(only.host) ? only.host : null;
    if (host === null || host !== single) {
      single = host;
      since = clock.now();
      return;
    }
    if (clock.now() - since < AFTER_MS) return;
    said = true;
    log.info("single address", {
      target: name,
      address: host,
      minutes: AFTER_MS / 60_000,
      hint:
        "if this is the ClusterIP of a Service, all calls go to whichever pod each connection happens to reach; make the " +
        "Service headless (spec.clusterIP: None, on a new Service: the field cannot be changed) and its name gives every " +
        "pod's address. If there is only one pod, all is well.",
    });
  };
}

/** RFC 1918, RFC 6598 (100.64.0.0/10, used by some clusters) and RFC 4193 (fc00::/7). */
export function isPrivate(host: string): boolean {
  const four = parseIpv4(host);
  if (four !== null) {
    const [a, b] = four;
    return a === 10 || (a === 172 && (b & 0xf0) === 16) || (a === 192 && b === 168) || (a === 100 && (b & 0xc0) === 64);
  }
  const six = parseIpv6(host);
  return six !== null && (six[0] & 0xfe) === 0xfc;
}
