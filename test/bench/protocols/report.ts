import { shapeName } from "../load.ts";
import type { Mark } from "../marks.ts";
import { median } from "../stats.ts";
import type { ProtocolPeer, ProtocolResults } from "./results.ts";
import type { RowKey } from "./rows.ts";

/** What a translated call may cost at most, as a multiple of the same kind of call in gRPC, in the same round. */
const LIMIT = 1.6;

/** Round by round, one row of a proxy by another of the same proxy. */
function ratios(peer: ProtocolPeer | undefined, row: RowKey, base: RowKey): number[] {
  const over = peer?.cost[row]?.cpuUs ?? [];
  const under = peer?.cost[base]?.cpuUs ?? [];
  return over.length === under.length ? over.map((us, round) => us / under[round]) : [];
}

export function protocolMarks(results: ProtocolResults): Mark[] {
  const ours = results.peers.find(({ key }) => key === "fairlead");
  const envoy = results.peers.find(({ key }) => key === "envoy");
  const marks: Mark[] = [];
  for (const { key, name, base } of results.rows) {
    if (base === null) continue;
    const what = `${name}: at most ${LIMIT}x the same call in gRPC`;
    const measured = ratios(ours, key, base);
    if (measured.length === 0) marks.push({ what, measured: "not measured", passed: null });
    else marks.push({ what, measured: `${median(measured).toFixed(2)}x`, passed: median(measured) <= LIMIT });
  }
  for (const { key, name } of results.rows) {
    const what = `${name}: less than Envoy with its bridges`;
    const [our, their] = [ours, envoy].map((peer) => median(peer?.cost[key]?.cpuUs ?? []));
    if (Number.isNaN(our) || Number.isNaN(their)) marks.push({ what, measured: "not measured", passed: null });
    else marks.push({ what, measured: `${our.toFixed(1)} us against ${their.toFixed(1)}`, passed: our < their });
  }
  return marks;
}

/** A section of docs/benchmarks/README.md. */
export function protocolSection(results: ProtocolResults): string {
  const { rows, peers, settings, missing } = results;
  const { rounds, calls, warmup } = settings;
  const out = [
    ...missing.map(({ name, reason }) => `- ${name}: ${reason}`),
    ...peers.flatMap((peer) =>
      rows.flatMap(({ key, name }) => {
        const reason = peer.failures[key];
        return reason === undefined ? [] : [`- ${peer.name}, ${name}: ${reason}`];
      }),
    ),
  ];
  return `## Protocols

What a call costs that is translated: CPU microseconds per call, the median, and in brackets the ratio to the same kind of call in gRPC
through the same proxy in the same round. The pods speak gRPC, except those behind "plain HTTP/1.1", which translates nothing.

| | connections x calls | ${peers.map(({ key, name }) => (key === "fairlead" ? `**${name}**` : name)).join(" | ")} |
|---|---|${peers.map(() => "---").join("|")}|
${rows.map((row) => `| ${row.name} | ${shapeName(row.shape)} | ${peers.map((peer) => cell(peer, row.key, row.base)).join(" | ")} |`).join("\n")}

${out.length === 0 ? "" : `Left out:\n\n${out.join("\n")}\n\n`}- Messages of 64 bytes, ${warmup} calls of warm-up and ${rounds} rounds of ${calls} calls per proxy and row, interleaved. Every answer has its whole body; before and after the
  runs one call of each row is looked at closely: content-type, messages, status.
- Pods: two of our own engine's server side, one process each on the load's core (test/bench/protocols/pod.ts), because nghttpd's answers have no
  content-type. For "plain HTTP/1.1": HAProxy with a fixed answer. HTTP/1.1 is keep-alive without pipelining.
- Versions: ${peers.map(({ name, version, command }) => `${name} ${version} (\`${command}\`)`).join("; ")}.`;
}

function cell(peer: ProtocolPeer, row: RowKey, base: RowKey | null): string {
  const cost = peer.cost[row];
  if (cost === undefined || cost.cpuUs.length === 0) return "-";
  const text = `${median(cost.cpuUs).toFixed(1)} us`;
  if (base === null) return text;
  const all = ratios(peer, row, base);
  if (all.length === 0) return text;
  return `${text} (**${median(all).toFixed(2)}**, ${Math.min(...all).toFixed(2)}-${Math.max(...all).toFixed(2)})`;
}
