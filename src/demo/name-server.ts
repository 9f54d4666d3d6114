import { listenDns } from "../runtime/dns-listen.ts";
import type { Layout } from "./deployment.ts";
import { createDnsZone } from "./dns-server.ts";
import type { Pod } from "./pods.ts";

/** As a headless Service named `echo` is called inside a cluster. */
const service = "echo.default.svc.cluster.local";

/** The demo's DNS server: what CoreDNS is in a cluster. */
export interface NameServer {
  readonly host: string;
  readonly port: number;
  /** The name of the pods, and the type of its records. */
  readonly name: string;
  readonly type: "A" | "SRV";
  /** What to give to the gateway. */
  readonly target: string;
  /** Names these pods from now on, and no others. */
  publish(pods: readonly Pod[]): void;
  close(): Promise<void>;
}

/**
 * @param podPort the port that all pods share, in the layout where they do
 * @param ttl of the records, seconds
 */
export async function startNameServer(layout: Layout, podPort: number, ttl: number): Promise<NameServer> {
  const zone = createDnsZone();
  const listening = await listenDns({ host: "127.0.0.1", port: 0 }, zone.handle);
  const server = `${listening.host}:${listening.port}`;
  const common = { host: listening.host, port: listening.port, close: () => listening.close() };
  if (layout === "addresses") {
    return {
      ...common,
      name: service,
      type: "A",
      target: `dns://${server}/${service}:${podPort}`,
      publish: (pods) =>
        zone.setAddresses(
          service,
          pods.map((pod) => pod.host),
          ttl,
        ),
    };
  }
  const name = `_grpc._tcp.${service}`;
  return {
    ...common,
    name,
    type: "SRV",
    target: `dns+srv://${server}/${name}`,
    publish(pods) {
      const targetOf = (pod: Pod) => `${pod.name}.${service}`;
      for (const pod of pods) zone.setAddresses(targetOf(pod), [pod.host], ttl);
      zone.setRecords(
        name,
        pods.map((pod) => ({
          kind: "SRV",
          name,
          ttl,
          priority: 0,
          weight: 1,
          port: pod.port,
          target: targetOf(pod),
        })),
      );
    },
  };
}
