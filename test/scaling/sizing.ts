import type { Constants } from "./measure.ts";

/** What is asked of all gateways together. */
export interface Demand {
  readonly clients: number;
  readonly callsPerSecond: number;
  /** Milliseconds that a call is open, on average. */
  readonly callMs: number;
  readonly pods: number;
  /** Pods that each gateway connects to; 0: all. */
  readonly subset: number;
  readonly tls: boolean;
}

/** What one gateway may use. */
export interface Room {
  /** Fraction of a core: one process computes on one core. The rest is for peaks, and for the calls of a gateway that has gone. */
  readonly cpu: number;
  readonly rssBytes: number;
}

export const ROOM: Room = { cpu: 0.6, rssBytes: 1 << 30 };
/** One may go, by a fault or a rollout, while the other serves. */
const LEAST = 2;

export interface Plan {
  /** Infinite when the connections to the pods alone need more memory than there is. */
  readonly gateways: number;
  /** What asks for so many. */
  readonly because: "CPU" | "memory" | "one may fail";
  /** Gateways that each reason alone would ask for. */
  readonly byCpu: number;
  readonly byMemory: number;
  /** Of each gateway. */
  readonly clients: number;
  readonly podConnections: number;
  readonly cpu: number;
  readonly rssBytes: number;
  readonly descriptors: number;
  /** Of all gateways to all pods, and of a pod. */
  readonly connections: number;
  readonly gatewaysPerPod: number;
}

/** @param fixed the number of gateways, when it is given and not asked for */
export function sizing(demand: Demand, constants: Constants, room = ROOM, fixed?: number): Plan {
  const { clients, callsPerSecond, pods, tls, callMs } = demand;
  const podConnections = demand.subset === 0 ? pods : Math.min(demand.subset, pods);
  const perClient = tls ? constants.perTlsClient : constants.perClient;
  const still = constants.base + podConnections * constants.perPod;
  const open = (callsPerSecond * callMs) / 1_000;
  const cpu = callsPerSecond * (costPerCall(constants, podConnections) / 1e6) + (clients / 1e6) * constants.idleClients;
  const cpuOfPods = (podConnections / 1e6) * constants.idlePods;
  const memory = clients * perClient + open * constants.perHeldCall;
  const byCpu = cpu / (room.cpu - cpuOfPods);
  const byMemory = still < room.rssBytes ? memory / (room.rssBytes - still) : Number.POSITIVE_INFINITY;
  // One more than what the load needs, so that it can be missed.
  const asked = Math.max(Math.ceil(Math.max(byCpu, byMemory)) + 1, LEAST);
  const gateways = fixed ?? asked;
  const because = Math.max(byCpu, byMemory) <= 1 ? "one may fail" : byCpu >= byMemory ? "CPU" : "memory";
  return {
    gateways,
    because,
    byCpu,
    byMemory,
    clients: clients / gateways,
    podConnections,
    cpu: cpu / gateways + cpuOfPods,
    rssBytes: still + memory / gateways,
    descriptors: constants.descriptors + clients / gateways + podConnections,
    connections: gateways * podConnections,
    gatewaysPerPod: (gateways * podConnections) / pods,
  };
}

/** Microseconds of CPU of calls that come one by one, with so many pods: of the nearest number above that was measured. */
export function costPerCall({ calls }: Constants, pods: number): number {
  const own = calls.filter(({ shape }) => shape === "one by one").sort((a, b) => a.pods - b.pods);
  const found = own.find((cost) => cost.pods >= pods) ?? own[own.length - 1];
  return found.us;
}
