import type { Clock } from "../runtime/machine.ts";
import { type Pod, type PodSpec, type StartServer, startPod } from "./pods.ts";

/**
 * How pods on one machine are told apart. `addresses`: each has an address of its own in 127.0.0.0/8 and all have the same
 * port, as in a cluster; A records name them. `ports`: all are on 127.0.0.1 and SRV records name their ports, for systems
 * like macOS where loopback has no other address.
 */
export type Layout = "addresses" | "ports";

export interface Deployment {
  readonly layout: Layout;
  readonly pods: readonly Pod[];
}

/** A port that is free on the first address may be taken on the next, by something that listens on all of them. */
const attempts = 3;

/**
 * Starts all pods; which of them are to be found is DNS's business.
 * @param layout left out: addresses where they exist, else ports
 * @throws (rejects) when the pods cannot listen; none is left running then
 */
export async function deploy(
  specs: readonly PodSpec[],
  clock: Clock,
  startServer: StartServer,
  layout?: Layout,
): Promise<Deployment> {
  if (layout !== "ports") {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        return { layout: "addresses", pods: await startAll(specs, clock, startServer, "addresses") };
      } catch (error) {
        if (layout === "addresses" && attempt === attempts) throw error;
      }
    }
  }
  return { layout: "ports", pods: await startAll(specs, clock, startServer, "ports") };
}

async function startAll(
  specs: readonly PodSpec[],
  clock: Clock,
  startServer: StartServer,
  layout: Layout,
): Promise<readonly Pod[]> {
  const pods: Pod[] = [];
  try {
    for (const [i, spec] of specs.entries()) {
      const host = layout === "addresses" ? `127.0.0.${11 + i}` : "127.0.0.1";
      const port = layout === "addresses" && i > 0 ? pods[0].port : 0;
      pods.push(await startPod(spec, host, port, clock, startServer));
    }
    return pods;
  } catch (error) {
    await Promise.all(pods.map((pod) => pod.destroy()));
    throw error;
  }
}
