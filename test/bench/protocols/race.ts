import { fileURLToPath } from "node:url";
import type { Child, Workshop } from "../children.ts";
import { describe, prepare } from "../contestant.ts";
import { type LoadRequest, load } from "../load.ts";
import { findEnvoyBridges } from "../peers/envoy.ts";
import { fairlead } from "../peers/fairlead.ts";
import { freePorts } from "../ports.ts";
import { usage } from "../proc.ts";
import { seeded, shuffle } from "../stats.ts";
import { ask, firstAnswer } from "./ask.ts";
import { haproxyHttp1, nginxHttp1, plainPodConfig, type RowPeer } from "./peers.ts";
import type { ProtocolPeer, ProtocolResults } from "./results.ts";
import { PLAIN_ANSWER, type Row, type RowKey, rows } from "./rows.ts";

export interface ProtocolPlan {
  readonly rounds: number;
  readonly calls: number;
  readonly warmup: number;
  readonly seed: number;
  /** Where Envoy is installed. */
  readonly tools: string;
  readonly root: string;
  readonly say: (line: string) => void;
}

interface Runner {
  readonly peer: RowPeer;
  readonly version: string;
  readonly command: string;
  readonly child: Child;
  readonly port: number;
  /** Per row that it answers rightly: what each call sends, and what was measured. */
  readonly lanes: Map<RowKey, { readonly request: LoadRequest; readonly cpuUs: number[]; readonly rate: number[] }>;
  readonly failures: Map<RowKey, string>;
}

/** Runs the protocol rows: every proxy that can carry a row makes the same calls, interleaved in rounds. */
export async function raceProtocols(workshop: Workshop, plan: ProtocolPlan): Promise<ProtocolResults> {
  const pods = { grpc: null as readonly [number, number] | null, http1: await freePorts(2) };
  const missing: { key: string; name: string; reason: string }[] = [];
  const runners: Runner[] = [];
  for (const peer of contestants(plan)) {
    try {
      if (peer.behind === "http1" && !runners.some((runner) => runner.peer.behind === "http1"))
        startPlainPods(workshop, pods.http1);
      // Started here, so that pods that do not start cost their proxies the row and not everybody the whole run.
      if (peer.behind === "grpc") pods.grpc ??= await startGrpcPods(workshop);
      const runner = await enter(workshop, peer, pods[peer.behind] as [number, number], plan);
      if (typeof runner === "string") missing.push({ key: peer.key, name: peer.name, reason: runner });
      else runners.push(runner);
    } catch (error) {
      missing.push({ key: peer.key, name: peer.name, reason: messageOf(error) });
    }
  }
  for (const { name, reason } of missing) plan.say(`protocols, ${name}: left out. ${reason}`);
  const random = seeded(plan.seed);
  for (let round = 0; round <= plan.rounds; round++) {
    // Round 0 is the warm-up: compilers need it, and the others lose nothing by it.
    const calls = round === 0 ? plan.warmup : plan.calls;
    for (const row of rows) {
      const cells: string[] = [];
      for (const runner of shuffle(runners, random)) {
        const cost = await sample(workshop, runner, row, calls, round === 0);
        if (cost !== null) cells.push(`${runner.peer.key} ${cost.toFixed(1)}`);
      }
      if (round > 0)
        plan.say(`protocols ${round}/${plan.rounds} ${row.key.padEnd(14)} us per call: ${cells.sort().join(", ")}`);
    }
  }
  for (const runner of runners) {
    for (const row of rows) if (runner.lanes.has(row.key)) await guarded(runner, row, () => ask(row, runner.port));
  }
  for (const { child } of runners) await child.stop();
  return {
    settings: { rounds: plan.rounds, calls: plan.calls, warmup: plan.warmup },
    rows: rows.map(({ key, name, http, shape, base }) => ({ key, name, http, shape, base })),
    peers: runners.map(result),
    missing,
  };
}

function contestants({ root, tools }: ProtocolPlan): RowPeer[] {
  const all = rows.map((row) => row.key);
  return [
    { ...fairlead(root), rows: all, behind: "grpc" },
    {
      key: "envoy",
      name: "Envoy, bridges on",
      rows: all,
      behind: "grpc",
      find: (say) => findEnvoyBridges(tools, say),
    },
    haproxyHttp1,
    nginxHttp1,
  ];
}

async function startGrpcPods(workshop: Workshop): Promise<readonly [number, number]> {
  const ports = await freePorts(2);
  for (const port of ports) {
    const script = fileURLToPath(new URL("./pod.ts", import.meta.url));
    const argv = [process.execPath, "--import", "tsx", script, String(port)];
    const pod = workshop.start({ name: `grpc-pod-${port}`, argv, core: "load" });
    await firstAnswer(pod, rows[0], port);
  }
  return [ports[0], ports[1]];
}

function startPlainPods(workshop: Workshop, ports: readonly number[]): void {
  const config = workshop.file("pods.cfg", plainPodConfig(ports, workshop.file("answer.bin", PLAIN_ANSWER)));
  workshop.start({ name: "http1-pods", argv: ["haproxy", "-db", "-f", config], core: "load" });
}

/** @returns the reason when it cannot be had */
async function enter(
  workshop: Workshop,
  peer: RowPeer,
  pods: readonly [number, number],
  { say, root }: ProtocolPlan,
): Promise<Runner | string> {
  const found = await peer.find(say);
  if (found.kind === "missing") return found.reason;
  const setup = await prepare(workshop, `protocols-${peer.key}`, pods);
  const launch = found.launch(setup);
  const child = workshop.start({ name: peer.key, core: "proxy", ...launch });
  const runner: Runner = {
    peer,
    version: found.version,
    command: describe(launch, setup, root),
    child,
    port: setup.port,
    lanes: new Map(),
    failures: new Map(),
  };
  const carried = rows.filter((row) => peer.rows.includes(row.key));
  try {
    await firstAnswer(child, carried[0], setup.port);
  } catch (error) {
    await child.stop();
    throw error;
  }
  for (const row of carried) {
    await guarded(runner, row, async () => {
      const answerBytes = await ask(row, setup.port);
      const { http, path, headers, body } = row;
      runner.lanes.set(row.key, { request: { http, path, headers, body, answerBytes }, cpuUs: [], rate: [] });
    });
  }
  return runner;
}

/** @returns CPU microseconds per call; null when the proxy is not in this row (any more) */
async function sample(
  workshop: Workshop,
  runner: Runner,
  row: Row,
  calls: number,
  warmup: boolean,
): Promise<number | null> {
  const lane = runner.lanes.get(row.key);
  if (lane === undefined) return null;
  let cost: number | null = null;
  await guarded(runner, row, async () => {
    const before = usage(runner.child.pid);
    const { callsPerSecond } = await load(workshop, runner.port, { ...row.shape, calls, request: lane.request });
    cost = (usage(runner.child.pid).cpuNs - before.cpuNs) / 1000 / calls;
    if (warmup) return;
    lane.cpuUs.push(cost);
    lane.rate.push(callsPerSecond);
  });
  return cost;
}

/** A row that fails anywhere is out, and said so; the proxy's other rows go on. */
async function guarded(runner: Runner, row: Row, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    runner.failures.set(row.key, messageOf(error));
    runner.lanes.delete(row.key);
  }
}

function result({ peer, version, command, lanes, failures }: Runner): ProtocolPeer {
  return {
    key: peer.key,
    name: peer.name,
    version,
    command,
    cost: Object.fromEntries([...lanes].map(([key, { cpuUs, rate }]) => [key, { cpuUs, callsPerSecond: rate }])),
    failures: Object.fromEntries(failures),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
