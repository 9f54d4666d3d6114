import { type Pod, type PodKind, type PodStart, startPod } from "../../e2e/support/pods.ts";

/** Ports that may be taken on one of the addresses before the fleet gives up. */
const ATTEMPTS = 5;

/**
 * Pods as a headless Service has them: an address each, the same port everywhere.
 * @param first the last byte of the first pod's address, 127.0.0.first; the others follow
 */
export async function startFleet(kind: PodKind, count: number, start: PodStart = {}, first = 11): Promise<Pod[]> {
  for (let attempt = 1; ; attempt++) {
    // The first one finds a free port, the others must have it too.
    const head = await startPod(kind, { ...start, host: `127.0.0.${first}` });
    const rest = await Promise.allSettled(
      Array.from({ length: count - 1 }, (_, index) =>
        startPod(kind, { ...start, host: `127.0.0.${first + 1 + index}`, port: head.port }),
      ),
    );
    const pods = [head, ...rest.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []))];
    if (pods.length === count) return pods;
    await Promise.all(pods.map((pod) => pod.stop("SIGKILL")));
    if (attempt === ATTEMPTS) throw new Error(`no port is free on all of ${count} loopback addresses`);
  }
}

export function hostsOf(pods: readonly Pod[]): string[] {
  return pods.map((pod) => pod.host);
}

/** Connections that a connect-node pod has had in its life, and has now. */
export function connectionsOf(pod: Pod): { readonly accepted: number; readonly open: number } {
  const last = pod.child.reports.findLast(({ event }) => event === "connection" || event === "disconnection");
  return { accepted: Number(last?.accepted ?? 0), open: Number(last?.open ?? 0) };
}

/** Resolves with the pod's first call; of those after `from` reports, when given. */
export async function firstCall(pod: Pod, from = 0): Promise<void> {
  await pod.child.report((report) => report.event === "call", from);
}
