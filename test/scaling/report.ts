import { type Cell, LARGE, least, MIDDLE, oracle, SMALL, USUAL } from "./grid.ts";
import { kib } from "./measure.ts";
import type { Results } from "./results.ts";
import type { Outcome } from "./scene.ts";
import { ROOM } from "./sizing.ts";
import { callsTable, constantsTable, examplesTable, latencyTable, mib, spreadTable, thousands } from "./tables.ts";

/** docs/scaling.md. */
export function page(results: Results): string {
  const { measured, simulated } = results;
  return [
    `# Scaling

<!-- Printed by npm run scaling. Do not edit: the next run overwrites it. -->

N clients, M gateways, P pods: what they cost, when to add gateways, and how even the load stays. Figures come from one machine
and one simulation; \`npm run scaling\` makes them anew on yours.`,
    inShort(results),
    connections(),
    costs(measured),
    growing(results),
    balance(simulated.cells),
    subsets(simulated.cells),
    method(results),
  ]
    .join("\n\n")
    .concat("\n");
}

function outcomeOf(cells: readonly Cell[], size: string, name: string, load: number = USUAL): Outcome {
  const cell = cells.find((one) => one.size === size && one.contender.name === name && one.load === load);
  if (cell === undefined) throw new Error(`no simulation of ${size}, ${name} at ${load}`);
  return cell.outcome;
}

function inShort({ measured: { constants }, simulated: { cells } }: Results): string {
  const p99 = (name: string) => `${outcomeOf(cells, "large", name).p99.toFixed(0)} ms`;
  return `## In short

- A client costs a gateway ${kib(constants.perClient)} while it is idle (${kib(constants.perTlsClient)} with TLS), a pod ${kib(constants.perPod)}. One process uses one core.
- Two gateways are enough for most: one may fail. Add one when a gateway uses ${ROOM.cpu * 100}% of a core, or its memory runs out.
- Counts of outstanding calls are exact within a gateway, and only there. Few large gateways balance better than many small ones.
- Below some hundreds of pods leave \`subset\` alone. With thousands of pods and tens of gateways or more, set it so that about four
  gateways know each pod: \`subset = 4 x P / M\`. At ${thousands(LARGE.pods)} pods and ${LARGE.gateways} gateways that is ${(4 * LARGE.pods) / LARGE.gateways}; p99 at ${USUAL * 100}% load is then
  ${p99(least("quickest", 200).name)} instead of ${p99(least("quickest").name)} with all pods (${p99(oracle.name)} if one gateway could see every call, ${p99("random, all pods")} at random).`;
}

function connections(): string {
  return `## Connections

| | connections | when |
|---|---|---|
| client to gateway | N in all, N / M at each gateway | the client's: gRPC keeps one for as long as it lives |
| gateway to pod | M x P in all; P at each gateway, M at each pod | opened when DNS names the pod, before any call needs it |
| the same with \`subset: S\` | M x S in all; S at each gateway, M x S / P at each pod on average | the same |

- A gateway opens one connection to each pod it knows and a further one only when all allowed streams are in use
  (MAX_CONCURRENT_STREAMS of the pod), 64 at most. A pod that cannot be reached is dialled again with back-off.
- Nothing is lazy: a gateway that starts dials all its pods. Their number is bounded by the file descriptors: one for each
  connection on either side, ${"`ulimit -n`"} of the container (Node raises the soft limit to the hard one by itself).
- A pod sees M connections, however many clients there are. That is what a gateway is for: a million clients are ${LARGE.gateways} connections.
- A client stays with its gateway until one of them leaves, so that added gateways get new clients only: give listeners a
  [\`maxConnectionAge\`](configuration.md#listeners), or let clients use \`dns:///\` with round_robin over the gateways.
- One DNS answer has room for about 4,000 IPv4 addresses (65,535 bytes over TCP, 16 for each) or 2,300 IPv6 ones. More pods than that
  need several Services, a backend for each, and a route with weights over them.`;
}

function costs({ constants, bench, cpu, node, date, busy }: Results["measured"]): string {
  return `## What one gateway costs

Measured on ${date}: ${cpu}, Node ${node}, load average ${busy.toFixed(1)} at the start. Memory is resident, with the garbage that was not yet
collected; CPU is time on a core, so that waiting for others is not in it.

${constantsTable(constants)}

CPU per call of 64 bytes, **on this machine**; the ratio to HAProxy carries over to others, the microseconds do not:

${callsTable(constants.calls, bench)}

- The row "as in the benchmarks" is their setting; how far it is from the last row says how much the machine's other work cost here.
- Columns are connections x calls at a time on each, as fast as the gateway takes them. "One by one" is about 1,000 calls a second at
  random times: hardly two share a read, a write or a turn of the event loop. That is about the dearest a call can be; calls get
  cheaper as load rises, so plan with it and find room at the peak.
- More pods make calls dearer: calls that leave for the same pod in one turn share a write, and with many pods few do.
- A gateway's end moves N / M clients to the others: with TLS each costs ${constants.perTlsHandshake.toFixed(2)} ms there.`;
}

function growing({ measured: { constants } }: Results): string {
  return `## When to add gateways

With R calls a second, c seconds of CPU per call, D calls open at a time (R x their mean time):

    by CPU:     M >= R x c / ${ROOM.cpu}
    by memory:  M >= (N x client + D x call) / (limit - process - P x pod)
    take the larger, rounded up, and one more, so that any one may be missed; two at least

Leave room in the limit for messages on their way when clients or pods read slowly: \`limits.maxBufferedBytes\` (256 MiB), at the worst.

Examples: ${USUAL} calls a second of each client over TLS, open for ${20} ms; a gateway may use ${ROOM.cpu * 100}% of a core and ${mib(ROOM.rssBytes)}. c is that of
calls that come one by one; with more pods than were measured, that of the most.

${examplesTable(constants)}

What tells that it is time: CPU of the process above ${ROOM.cpu * 100}% of a core over minutes, or memory above three quarters of its limit. Both
are in \`/metrics\`. Outstanding calls that grow while both are low mean that pods are missing, not gateways.`;
}

function balance(cells: readonly Cell[]): string {
  const all = outcomeOf(cells, "large", least("quickest").name);
  const one = outcomeOf(cells, "large", oracle.name);
  return `## How even the load stays

**Exact**: within one gateway, the count of its own outstanding calls at each pod, from the pick to the end. No call of this gateway
goes to a pod that has more of them than another.

**Statistical**: what other gateways have sent to that pod. A gateway learns of it only from how long its own last call took there
(\`ties: quickest\`), and that is as old as its last call: with ${thousands(LARGE.pods)} pods and ${LARGE.gateways} gateways at ${USUAL * 100}% load each gateway calls each pod once
in ${(LARGE.gateways / (100 * USUAL)).toFixed(0)} seconds, and nearly all of its counts are 0. So the same policy has a p99 of ${one.p99.toFixed(0)} ms with one gateway that
sees all, and ${all.p99.toFixed(0)} ms with ${LARGE.gateways} that know all pods.

![p99 over the number of pods that each gateway knows](scaling/p99.svg)

${thousands(LARGE.pods)} pods, ${LARGE.gateways} gateways, ${thousands(LARGE.clients)} clients; p50 / p99 / p99.9 in ms:

${latencyTable(cells)}

\`*\`: some pods get more calls than they can do; the last figures grow with the length of the run.

The spread at ${USUAL * 100}% load. Spread is the coefficient of variation of the calls of the pods at full speed (chance alone: 0.1 in this time);
the busiest pod's calls are a multiple of the mean, the slow pods' share one of an even share (0.5 is what they can do); a pod drowns when its
queue holds more than a second of work. Quickest ties vary the calls of pods on purpose: those that are slow by chance rest.

${spreadTable(cells, LARGE)}

${thousands(MIDDLE.pods)} pods, ${MIDDLE.gateways} gateways, ${thousands(MIDDLE.clients)} clients, the same:

${spreadTable(cells, MIDDLE)}

${SMALL.pods} pods, of which one is slow, ${SMALL.gateways} gateways, ${thousands(SMALL.clients)} clients:

${spreadTable(cells, SMALL)}`;
}

function subsets(cells: readonly Cell[]): string {
  const unknown = (name: string) => thousands(outcomeOf(cells, "large", name).unknown);
  const heavy = (name: string) => `${outcomeOf(cells, "large", `${name}, heavy clients`, 0.9).p99.toFixed(0)} ms`;
  return `## Subsets

\`subset: S\` of a backend lets each gateway use S of the pods that DNS names (gRFC A68, random_subsetting): each process draws a salt at
its start, hashes every address with it, and takes the S lowest. A pod that comes or goes changes one place of a subset at most.
\`subset: 0\`, the default, is all.

- It saves connections, memory and CPU, and it makes balancing *better*: fewer gateways at a pod mean that each sees a larger part of
  what the pod has to do, and sees it sooner.
- Chance leaves pods out: with k = M x S / P gateways per pod on average, e^-k of the pods are known to none. Of ${thousands(LARGE.pods)} pods
  ${unknown(least("quickest", 50).name)} at k = 1, ${unknown(least("quickest", 100).name)} at k = 2, ${unknown(least("quickest", 200).name)} at k = 4, ${unknown(least("quickest", 500).name)} at k = 10. Below k = 4 their load is too much for the others when pods are busy.
- Choose k between 4 and 10, and S not below 20, so that enough are left when some pods fail: calls do not leave the subset.
- The HPA changes M and P. S fits while k stays between 4 and 20, so choose it for the fewest gateways and the most pods.
- "By ordinal" in the tables is what gateways could do that know their own number, as a StatefulSet's: gateway i takes the pods from
  i x S on. With k = 1 each pod has one gateway, the counts are exact again, and p99 is that of one gateway that sees all. It is not
  built: a gateway that fails takes its pods with it, and a gateway whose clients are heavy has only its own pods (p99 at 90% load
  ${heavy("quickest ties, 50 by ordinal")} with heavy clients, where subsets by salt at k = 4 have ${heavy("quickest ties, 200")}). Fewer gateways with a larger part of the load
  each come near it without that risk.`;
}

function method({ simulated }: Results): string {
  return `## How this was made

- \`npm run scaling\` measures and simulates, and prints this page; \`-- --write\` writes it, with the picture and
  [results.json](scaling/results.json). \`-- --only simulate\` or \`measure\` does one half, \`print\` none. \`-- --quick\` is for a look.
- Measurement (test/scaling/measure.ts): the built gateway as a process of its own on one core. Clients and pods are stock node:http2 in
  the measuring process on the other core, each pod on an address of its own in 127.0.0.0/8. Memory is the slope between two numbers of
  connections, of which each has made calls; CPU from the scheduler's account.
- Simulation (test/scaling/scene.ts; seed ${simulated.seed}): event by event on a simulated clock, with the policies and the subsets of src/balancing as
  they are. Pods do one call at a time, first come first served; one in 100 at half speed; a call is 10 ms of work, exponential. The network
  takes no time. Each client keeps one connection to a gateway drawn at random, is busy a tenth of the time, 2 s on average, and
  then calls as a Poisson process. "Heavy clients": 0.1% of the clients make 30% of the calls. Load is calls against what all pods
  can do, slow ones counted as half.
- With 200 pods at most, pods are counted for longer, so that chance alone gives a smaller spread.
- Counted: ${[LARGE, MIDDLE, SMALL].map(({ pods, warmUp, counted }) => `${counted / 1_000} s after ${warmUp / 1_000} s of warm-up with ${thousands(pods)} pods`).join(", ")}.
- Not simulated: failures, rollouts, retries, pods that do many calls at once (counts are then larger and tell more: these figures
  are the hard case).`;
}
