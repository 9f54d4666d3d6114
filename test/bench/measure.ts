import type { Workshop } from "./children.ts";
import { type Contestant, stillRight } from "./contestant.ts";
import { p99AtRate } from "./latency.ts";
import { load, type Shape, shapeName } from "./load.ts";
import { usage } from "./proc.ts";
import type { Cost, Latency, PeerResult } from "./results.ts";
import { median, seeded, shuffle } from "./stats.ts";

export interface Plan {
  readonly rounds: number;
  readonly calls: number;
  readonly warmup: number;
  readonly shapes: readonly Shape[];
  readonly seed: number;
  readonly yardstick: string;
  /** Repetitions of the p99 at half load; 0 leaves it out. */
  readonly latencyRounds: number;
  readonly say: (line: string) => void;
}

export interface Measured {
  readonly peers: readonly PeerResult[];
  readonly failed: readonly { readonly key: string; readonly name: string; readonly reason: string }[];
}

/** The shape of the closed-loop peak that "half load" is half of. */
const PEAK: Shape = { connections: 8, streams: 16 };

interface Sample {
  readonly cpuUs: number;
  readonly callsPerSecond: number;
}

interface Track {
  readonly contestant: Contestant;
  /** By shape, one per round. */
  readonly samples: Map<string, Sample[]>;
  readonly p99: { rate: number; through: number[]; direct: number[] };
  rssLoaded: number;
  failure: string | null;
}

/** Warm-up, interleaved rounds, p99 at half load. A contestant that fails anywhere is out, and said so. */
export async function measure(
  workshop: Workshop,
  contestants: readonly Contestant[],
  directPort: number,
  plan: Plan,
): Promise<Measured> {
  const random = seeded(plan.seed);
  const tracks = contestants.map(
    (contestant): Track => ({
      contestant,
      samples: new Map(plan.shapes.map((shape) => [shapeName(shape), []])),
      p99: { rate: 0, through: [], direct: [] },
      rssLoaded: contestant.rssIdleBytes,
      failure: null,
    }),
  );
  const running = (): Track[] => tracks.filter((track) => track.failure === null);

  for (const track of running()) {
    // The same number of calls for all: compilers need them, and the others lose nothing by them.
    const calls = Math.ceil(plan.warmup / plan.shapes.length);
    await attempt(track, plan, async () => {
      for (const shape of plan.shapes) await load(workshop, track.contestant.port, { ...shape, calls });
    });
  }
  for (let round = 1; round <= plan.rounds; round++) {
    for (const shape of plan.shapes) {
      const cells: string[] = [];
      for (const track of shuffle(running(), random)) {
        await attempt(track, plan, async () => {
          const sample = await sampleOf(workshop, track, shape, plan.calls);
          track.samples.get(shapeName(shape))?.push(sample);
          cells.push(`${track.contestant.peer.key} ${sample.cpuUs.toFixed(1)}`);
        });
      }
      plan.say(`round ${round}/${plan.rounds} ${shapeName(shape).padEnd(6)} us per call: ${cells.sort().join(", ")}`);
    }
  }
  for (let round = 1; round <= plan.latencyRounds; round++) {
    for (const track of shuffle(running(), random)) {
      await attempt(track, plan, () => sampleLatency(workshop, track, directPort, plan, random));
    }
    const cells = running().map(({ contestant, p99 }) => `${contestant.peer.key} ${p99.through.at(-1)?.toFixed(2)}`);
    plan.say(`p99 at half load ${round}/${plan.latencyRounds}, ms: ${cells.join(", ")}`);
  }
  for (const track of running()) await attempt(track, plan, () => stillRight(track.contestant));

  const yardstick = running().find((track) => track.contestant.peer.key === plan.yardstick);
  return {
    peers: running().map((track) => result(track, yardstick)),
    failed: tracks.flatMap(({ contestant: { peer }, failure }) =>
      failure === null ? [] : [{ key: peer.key, name: peer.name, reason: failure }],
    ),
  };
}

async function attempt(track: Track, plan: Plan, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    track.failure = error instanceof Error ? error.message : String(error);
    plan.say(`${track.contestant.peer.key}: out. ${track.failure}`);
    await track.contestant.child.stop();
  }
}

async function sampleOf(workshop: Workshop, track: Track, shape: Shape, calls: number): Promise<Sample> {
  const { child, port } = track.contestant;
  const before = usage(child.pid);
  const { callsPerSecond } = await load(workshop, port, { ...shape, calls });
  const after = usage(child.pid);
  track.rssLoaded = Math.max(track.rssLoaded, after.rssBytes);
  return { cpuUs: (after.cpuNs - before.cpuNs) / 1000 / calls, callsPerSecond };
}

/** Two seconds through the proxy, then two seconds straight to a pod at the same rate. */
async function sampleLatency(
  workshop: Workshop,
  track: Track,
  directPort: number,
  plan: Plan,
  random: () => number,
): Promise<void> {
  const { port, child } = track.contestant;
  if (track.p99.rate === 0) {
    const known = track.samples.get(shapeName(PEAK))?.map((sample) => sample.callsPerSecond) ?? [];
    const peak =
      known.length > 0 ? median(known) : (await load(workshop, port, { ...PEAK, calls: plan.calls })).callsPerSecond;
    track.p99.rate = peak / 2;
  }
  const { rate } = track.p99;
  track.p99.through.push(await p99AtRate(workshop, port, rate, 2, random));
  track.rssLoaded = Math.max(track.rssLoaded, usage(child.pid).rssBytes);
  track.p99.direct.push(await p99AtRate(workshop, directPort, rate, 2, random));
}

function result(track: Track, yardstick: Track | undefined): PeerResult {
  const { peer, version, command, readyMs, rssIdleBytes } = track.contestant;
  const cost = Object.fromEntries(
    [...track.samples].map(([shape, samples]): [string, Cost] => {
      const base = yardstick?.samples.get(shape) ?? [];
      return [
        shape,
        {
          cpuUs: samples.map((sample) => sample.cpuUs),
          ratios: base.map((other, round) => samples[round].cpuUs / other.cpuUs),
          callsPerSecond: samples.map((sample) => sample.callsPerSecond),
        },
      ];
    }),
  );
  const { rate, through, direct } = track.p99;
  const latency: Latency | null = through.length === 0 ? null : { rate, p99Ms: through, directP99Ms: direct };
  return {
    key: peer.key,
    name: peer.name,
    version,
    command,
    cost,
    latency,
    readyMs,
    rssIdleBytes,
    rssLoadedBytes: track.rssLoaded,
  };
}
