import { spawnSync } from "node:child_process";
import { firstCall } from "../bench/call.ts";
import { load, parseShape, type Shape, shapeName } from "../bench/load.ts";
import { startPods } from "../bench/pods.ts";
import { usage } from "../bench/proc.ts";
import { median } from "../bench/stats.ts";
import { mulberry32 } from "../support/mulberry32.ts";
import { clientsOf } from "./clients.ts";
import { type Gateways, gateway } from "./gateway.ts";
import type { Sizes } from "./measure.ts";
import { manyPods } from "./pods.ts";

export interface CallCost {
  /** Connections x calls at a time on each; or `one by one`, about 1,000 a second at random times over 100 connections. */
  readonly shape: string;
  readonly kind: "nghttpd" | "own";
  readonly pods: number;
  /** Microseconds of CPU. */
  readonly us: number;
}

/** The shapes of docs/benchmarks that are nearest to many clients. */
const SHAPES: readonly Shape[] = ["8x16", "100x1"].map(parseShape);
/** Connections that call one by one. */
const TRICKLING = 100;

/**
 * Microseconds of CPU per call: as fast as the gateway takes them, as docs/benchmarks has it, with its two pods (nghttpd) and with
 * more of our own; and one at a time, where no two calls share a read or a write.
 */
export async function callCosts(
  gateways: Gateways,
  { calls, callPods, trickleMs }: Sizes,
  say: (line: string) => void,
): Promise<CallCost[]> {
  const { workshop } = gateways;
  const missing = ["h2load", "nghttpd"].filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
  if (missing.length > 0) say(`skipped: calls at full speed: ${missing.join(" and ")} not installed`);
  const found: CallCost[] = [];
  const note = (cost: CallCost): void => {
    found.push(cost);
    say(`a call, ${cost.pods} pods (${cost.kind}), ${cost.shape}: ${cost.us.toFixed(1)} us of CPU`);
  };
  const fullSpeed = async (target: string, kind: CallCost["kind"], pods: number) => {
    const { child, port } = await gateway(gateways, target);
    await firstCall(child, port, performance.now());
    await load(workshop, port, { calls, ...SHAPES[0] });
    for (const shape of SHAPES) {
      const us: number[] = [];
      for (let round = 0; round < 3; round++) {
        const before = usage(child.pid).cpuNs;
        await load(workshop, port, { calls, ...shape });
        us.push((usage(child.pid).cpuNs - before) / 1_000 / calls);
      }
      note({ shape: shapeName(shape), kind, pods, us: median(us) });
    }
    await child.stop();
  };
  const oneByOne = async (target: string, pods: number) => {
    const { child, port } = await gateway(gateways, target);
    await firstCall(child, port, performance.now());
    const clients = clientsOf(`http://127.0.0.1:${port}`);
    await clients.open(TRICKLING);
    // Until the compiler has done its work.
    await clients.call(calls / 2);
    const random = mulberry32(1);
    const before = usage(child.pid).cpuNs;
    const made = await clients.trickle(TRICKLING, trickleMs, random);
    note({ shape: "one by one", kind: "own", pods, us: (usage(child.pid).cpuNs - before) / 1_000 / made });
    clients.close();
    await child.stop();
  };
  if (missing.length === 0) {
    const two = await startPods(workshop);
    await fullSpeed(`ipv4:${two.ports.map((port) => `127.0.0.1:${port}`).join(",")}`, "nghttpd", 2);
  }
  for (const count of callPods) {
    const pods = await manyPods(count);
    if (missing.length === 0) await fullSpeed(pods.target, "own", count);
    await oneByOne(pods.target, count);
    pods.close();
  }
  return found;
}
