import { marks, marksTable } from "./marks.ts";
import type { PeerResult, Results } from "./results.ts";
import { median } from "./stats.ts";

/** Ratio to the yardstick with its spread, and CPU per call: for the terminal and for the page. */
export function costTable(results: Results): string {
  const { shapes } = results.settings;
  return [
    `| | ${shapes.join(" | ")} |`,
    `|---|${shapes.map(() => "---").join("|")}|`,
    ...results.peers.map((peer) => `| ${label(peer)} | ${shapes.map((shape) => costCell(peer, shape)).join(" | ")} |`),
  ].join("\n");
}

function costCell(peer: PeerResult, shape: string): string {
  const { cpuUs, ratios } = peer.cost[shape];
  const us = `${number(median(cpuUs))} us`;
  if (ratios.length === 0) return us;
  return `**${median(ratios).toFixed(2)}** (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}), ${us}`;
}

export function footprintTable(results: Results): string {
  return [
    "| | calls/s at 8x16 | offered, half of it | p99 | p99 without proxy | added p99 | RSS idle | RSS loaded | ready |",
    "|---|---|---|---|---|---|---|---|---|",
    ...results.peers.map((peer) => {
      const rates = peer.cost["8x16"]?.callsPerSecond ?? [];
      return `| ${[label(peer), rates.length === 0 ? "-" : thousands(median(rates)), ...latencyCells(peer), megabytes(peer.rssIdleBytes), megabytes(peer.rssLoadedBytes), `${median(peer.readyMs).toFixed(0)} ms`].join(" | ")} |`;
    }),
  ].join("\n");
}

function latencyCells(peer: PeerResult): string[] {
  if (peer.latency === null) return ["-", "-", "-", "-"];
  const { rate, p99Ms, directP99Ms } = peer.latency;
  const added = p99Ms.map((ms, i) => ms - directP99Ms[i]);
  return [
    thousands(rate),
    `${median(p99Ms).toFixed(2)} ms`,
    `${median(directP99Ms).toFixed(2)} ms`,
    `**${median(added).toFixed(2)} ms** (${Math.min(...added).toFixed(2)} to ${Math.max(...added).toFixed(2)})`,
  ];
}

export function missingLines(results: Results): string {
  return results.missing.length === 0
    ? "None: every peer was there and answered every call."
    : results.missing.map(({ name, reason }) => `- ${name}: ${reason}`).join("\n");
}

/** docs/benchmarks/README.md, whole. */
export function page(results: Results, extras: readonly string[]): string {
  const { machine, settings } = results;
  return `# Benchmarks

<!-- Written by npm run bench. Do not edit: the next run overwrites it. -->

What Fairlead costs, beside the proxies that one would take otherwise. ${results.date}, Node ${machine.node}.

![CPU per call as a multiple of HAProxy's](cost.svg)

## CPU per call

As a multiple of what HAProxy spent in the same round: **median** (lowest-highest), and the median in CPU microseconds.
Columns are connections x concurrent calls on each.

${costTable(results)}

## Latency, memory, start

${footprintTable(results)}

## Marks

${marksTable(marks(results))}

## Missing peers

${missingLines(results)}
${extras.length === 0 ? "" : `\n${extras.join("\n\n")}\n`}
## How it is measured

- Machine: ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}. ${machine.pinned ? "Each proxy is pinned to core 1 and alone there; load, pods and the bench are on core 0." : "Nothing is pinned (one core, or no `taskset`): expect noise."} Load average before the run: ${machine.busy.toFixed(1)}.
- Pods: two \`nghttpd --no-tls --echo-upload --trailer='grpc-status: 0' -n 1\`; ${machine.pods}.
- Load: ${machine.loadGenerator}, a gRPC request of 69 bytes (5-byte prefix, 64-byte message), echoed.
- ${settings.warmup} calls of warm-up for every proxy, then ${settings.rounds} rounds of ${settings.calls} calls per proxy and shape. The order of the proxies is shuffled
  in every round (seed ${settings.seed}), so that whatever else the machine does hits all alike.
- CPU per call: nanoseconds on a core from /proc (schedstat), all threads of the proxy's whole process tree, user and kernel, by the
  calls made. Loopback TCP charges much of the kernel's work to whoever sends; that is the same for every proxy.
- The ratio is taken within a round, then its median over the rounds. Bare microseconds differ from machine to machine; the ratio hardly does.
- calls/s: closed loop at 8x16. A light proxy is faster than load and pods together on their one core, so this is a lower bound for it.
- p99: open loop at half of that rate, arrivals of a Poisson process over 8 connections for two seconds; "without proxy" is the same
  arrivals' rate straight to one pod right afterwards; "added" is the difference, median (lowest to highest).
- RSS: VmRSS summed over the process tree; idle after one call, loaded is the most seen right after a run.
- ready: from spawn to the end of the first successful call, median of ${results.peers[0]?.readyMs.length ?? 0} starts.
- Every call of every run must come back with status 200 and its whole body, or the proxy is out and named above. Before and after the
  runs one call of each proxy is looked at closely, its \`grpc-status\` trailer included.

Commands and versions (the configurations are in test/bench/peers/):

| | version | command |
|---|---|---|
${results.peers.map(({ name, version, command }) => `| ${name} | ${version} | \`${command}\` |`).join("\n")}

To run it again: \`npm ci && npm run build && npm run bench\`. For a developer's loop: \`npm run bench -- --quick\` (Fairlead and HAProxy, under a minute).
Raw figures, round by round: [results.json](results.json).
`;
}

function label(peer: PeerResult): string {
  return peer.key === "fairlead" ? `**${peer.name}**` : peer.name;
}

function number(value: number): string {
  return value >= 99.5 ? value.toFixed(0) : value.toFixed(1);
}

function thousands(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(0)}k` : `${(value / 1000).toFixed(1)}k`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1048576).toFixed(0)} MiB`;
}
