import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openWorkshop, type Workshop } from "./children.ts";
import { type Contestant, enter } from "./contestant.ts";
import { shapeName } from "./load.ts";
import { marks, marksTable } from "./marks.ts";
import { measure } from "./measure.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { benchParts } from "./parts.ts";
import { caddy } from "./peers/caddy.ts";
import { envoy } from "./peers/envoy.ts";
import { extra, fairlead, runtimes } from "./peers/fairlead.ts";
import { haproxy } from "./peers/haproxy.ts";
import { nghttpx } from "./peers/nghttpx.ts";
import { nginx } from "./peers/nginx.ts";
import { nodeHttp2 } from "./peers/node-http2.ts";
import type { Peer } from "./peers/peer.ts";
import { plot } from "./plot.ts";
import { type Pods, startPods } from "./pods.ts";
import { type ProtocolPlan, raceProtocols } from "./protocols/race.ts";
import { protocolMarks, protocolSection } from "./protocols/report.ts";
import type { ProtocolResults } from "./protocols/results.ts";
import { costTable, footprintTable, missingLines, page } from "./report.ts";
import type { Machine, Results } from "./results.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const started = performance.now();

/** Progress goes to standard error, the tables to standard output. */
function say(line: string): void {
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stderr.write(`[${String(seconds).padStart(4)} s] ${line}\n`);
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) {
    console.log(HELP);
    return 0;
  }
  for (const tool of ["h2load", "nghttpd"]) {
    if (spawnSync(tool, ["--version"]).error !== undefined) {
      throw new Error(`\`${tool}\` is not installed (Debian packages nghttp2-client and nghttp2-server)`);
    }
  }
  const workshop = openWorkshop();
  try {
    const results = await race(workshop, options);
    const protocols = options.protocols ? await raceProtocols(workshop, protocolPlan(options)) : null;
    const translated = protocols === null ? [] : protocolMarks(protocols);
    const all = [...marks(results), ...translated];
    if (options.json !== null) writeFileSync(options.json, json({ ...results, protocols }));
    const extras = [
      ...(protocols === null ? [] : [`${protocolSection(protocols)}\n\n${marksTable(translated)}`]),
      ...(options.write ? await benchParts(say) : []),
    ];
    if (options.write) write(results, protocols, extras);
    const missing = results.missing.length === 0 ? [] : [`Missing peers:\n${missingLines(results)}`];
    console.log([costTable(results), footprintTable(results), ...extras, ...missing, marksTable(all)].join("\n\n"));
    return options.assert && all.some(({ passed }) => passed === false) ? 1 : 0;
  } finally {
    await workshop.close();
  }
}

function protocolPlan({ quick, seed, tools }: Options): ProtocolPlan {
  // Under two minutes for all rows and proxies together, and the spread of five rounds is a few percent.
  const size = quick ? { rounds: 3, calls: 8_000, warmup: 8_000 } : { rounds: 5, calls: 20_000, warmup: 10_000 };
  return { ...size, seed, tools: tools ?? join(root, ".ci/tools"), root, say };
}

async function race(workshop: Workshop, options: Options): Promise<Results> {
  if (!workshop.pinned) say("nothing is pinned (one core, or no taskset): the figures will be noisy");
  const busy = loadavg()[0];
  if (busy > 1)
    say(`the machine is busy (load average ${busy.toFixed(1)}): costs will be high, and p99 will not mean much`);
  const pods = await startPods(workshop);
  say(`pods are up; ${pods.note}`);
  const contestants: Contestant[] = [];
  const missing: { key: string; name: string; reason: string }[] = [];
  const { chosen, others } = choose(options);
  if (options.write)
    missing.push(...others.map(({ key, name }) => ({ key, name, reason: "not asked for in this run" })));
  for (const peer of chosen) {
    const leaveOut = (reason: string): void => {
      say(`${peer.key}: left out. ${reason}`);
      missing.push({ key: peer.key, name: peer.name, reason });
    };
    const found = await peer.find(say);
    if (found.kind === "missing") {
      leaveOut(found.reason);
      continue;
    }
    try {
      const contestant = await enter(workshop, peer, found, pods.ports, options.starts, root);
      contestants.push(contestant);
      say(`${peer.key}: ${found.version}, ready in ${contestant.readyMs.map((ms) => ms.toFixed(0)).join(", ")} ms`);
    } catch (error) {
      leaveOut(error instanceof Error ? error.message : String(error));
    }
  }
  const plan = { ...options, yardstick: haproxy.key, say };
  const { peers, failed } = await measure(workshop, contestants, pods.ports[0], plan);
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(workshop, pods, busy),
    settings: {
      rounds: options.rounds,
      calls: options.calls,
      warmup: options.warmup,
      shapes: options.shapes.map(shapeName),
      seed: options.seed,
      yardstick: haproxy.key,
    },
    peers,
    missing: [...missing, ...failed].map((peer) => ({
      ...peer,
      // Messages of the peers name their files; the folder is gone after the run.
      reason: peer.reason.replaceAll(`${workshop.folder}/`, "").replaceAll(`${root}/`, ""),
    })),
  };
}

/** Fairlead first, then the yardstick, then from light to heavy: the order of the tables. */
function choose(options: Options): { readonly chosen: readonly Peer[]; readonly others: readonly Peer[] } {
  const tools = options.tools ?? join(root, ".ci/tools");
  const usual = [fairlead(root), haproxy, nghttpx, nginx, envoy(tools), caddy, nodeHttp2];
  const { only } = options;
  const unknown = only?.filter((key) => !usual.some((peer) => peer.key === key)) ?? [];
  if (unknown.length > 0)
    throw new Error(`--only ${unknown.join(",")}: expected ${usual.map((peer) => peer.key).join(", ")}`);
  const chosen = usual.filter((peer) => only === null || only.includes(peer.key) || peer.key === haproxy.key);
  const more = [...(options.runtimes ? runtimes(root, tools) : []), ...options.extra.map(extra)];
  return { chosen: [...chosen, ...more], others: usual.filter((peer) => !chosen.includes(peer)) };
}

function describeMachine(workshop: Workshop, pods: Pods, busy: number): Machine {
  const version = spawnSync("h2load", ["--version"], { encoding: "utf8" }).stdout.trim();
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    kernel: release(),
    node: process.versions.node,
    loadGenerator: version,
    pinned: workshop.pinned,
    pods: pods.note,
    busy,
  };
}

function write(results: Results, protocols: ProtocolResults | null, extras: readonly string[]): void {
  const folder = join(root, "docs/benchmarks");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "results.json"), json({ ...results, protocols }));
  writeFileSync(join(folder, "cost.svg"), plot(results));
  writeFileSync(join(folder, "README.md"), page(results, extras));
  say("docs/benchmarks/ is written");
}

/** Figures to a thousandth: more digits are noise, and noise makes large diffs. */
function json(results: Results & { readonly protocols: ProtocolResults | null }): string {
  const short = (_: string, value: unknown): unknown =>
    typeof value === "number" ? Math.round(value * 1000) / 1000 : value;
  return `${JSON.stringify(results, short, 2)}\n`;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
