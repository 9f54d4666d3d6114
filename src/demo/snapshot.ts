import type { GatewayView } from "../admin/view.ts";
import type { LoadClient } from "./client.ts";
import type { Pod } from "./pods.ts";
import type { TableState } from "./table.ts";

interface Seen {
  readonly pods: readonly Pod[];
  readonly slow: Pod;
  readonly fairlead: LoadClient;
  readonly pinned: LoadClient;
  readonly view: GatewayView;
}

/**
 * What the table shows now. Outstanding calls through Fairlead are the gateway's own count, everything else is what the
 * clients saw.
 * @param inDns the pods that DNS names now; one that it never named is not shown
 * @param since latencies are of calls that ended then or later
 */
export function snapshot(seen: Seen, inDns: ReadonlySet<Pod>, seconds: number, since: number): TableState {
  const { fairlead, pinned } = seen;
  const outstanding = new Map<string, number>();
  for (const backend of seen.view.backends()) {
    for (const endpoint of backend.endpoints) outstanding.set(endpoint.address, endpoint.outstanding);
  }
  let all = 0;
  for (const count of outstanding.values()) all += count;
  const pinnedTo = pinned.log.pods();
  return {
    seconds,
    rows: seen.pods
      .filter((pod) => inDns.has(pod) || pod.calls > 0)
      .map((pod) => ({
        pod: pod.name,
        slow: pod === seen.slow,
        dns: inDns.has(pod) ? "in" : "out",
        fairlead: {
          outstanding: outstanding.get(`${pod.host}:${pod.port}`) ?? 0,
          ...fairlead.log.pod(pod.name, since),
        },
        pinned: {
          outstanding: pinnedTo.includes(pod.name) ? pinned.outstanding : 0,
          ...pinned.log.pod(pod.name, since),
        },
      })),
    total: {
      fairlead: { outstanding: all, ...fairlead.log.total(since) },
      pinned: { outstanding: pinned.outstanding, ...pinned.log.total(since) },
    },
  };
}
