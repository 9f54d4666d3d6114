import { type RuleName, rules } from "../../src/config/defaults.ts";
import { type LimitRow, others, settings } from "./limits.ts";
import type { Measured } from "./measure.ts";

/** docs/limits.md: the limits from ./limits.ts with the configuration's defaults, and the table of the last run. */

const intro = `<!-- Printed by \`npm run attacks\` from test/attacks. Do not edit. -->

# Limits

Fairlead stands on the edge: clients are strangers. Each limit below is on by default, and each has at least one attack in
\`test/attacks\` that is sent to a gateway in a process of its own, in front of real pods, while a well-behaved client makes calls beside it.
The attack must end as the table says, the other client's calls must all succeed, no call may stay counted, and memory must stay within
bounds. \`npm run attacks\` does it again and writes this page.

Rates and times are counted in sweeps of about a second: the first may be up to a second off in either direction. Pods are trusted more:
the limits by rate are out of reach for them, those of size and time are the same.

## Settings

Under \`limits\` in the configuration file.
`;

/** The defaults of settings, as a person would write them. */
function defaultOf(name: string): string {
  const rule = rules[`Limits.${name}` as Extract<RuleName, `Limits.${string}`>];
  if (rule.kind === "duration") return rule.default === 0 ? "never" : `${Number(rule.default) / 1_000} s`;
  const value = Number(rule.default);
  if (value >= 1 << 20 && value % (1 << 20) === 0) return `${value >> 20} MiB`;
  if (value >= 1 << 12 && value % (1 << 10) === 0) return `${value >> 10} KiB`;
  return value.toLocaleString("en");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

const cells = ({ name, bounds, reference, peerSees, allowed }: LimitRow, value: string | null): string[] => [
  value === null ? name : `\`${name}\``,
  ...(value === null ? [] : [value]),
  bounds,
  reference,
  peerSees,
  allowed,
];

/** All that does not depend on a run. */
export function limitsPart(): string {
  return `${intro}
${table(
  ["setting", "default", "what it bounds", "reference", "what the peer sees", "allowed in good faith"],
  settings.map((row) => cells(row, defaultOf(row.name))),
)}

## Other bounds

${table(
  ["bound", "what it bounds", "reference", "what the peer sees", "allowed in good faith"],
  others.map((row) => cells(row, null)),
)}

## What is not bounded

- The number of connections: put a bound where they are accepted (a load balancer, \`ulimit -n\`). Above the process's file descriptors
  new ones are refused, and open ones go on.
- Calls a second: a client that calls as fast as it can is served as fast as that goes. The heads of calls that wait are not in
  \`maxBufferedBytes\`: \`maxHeaderListBytes\` times \`maxConcurrentStreams\` a connection, 6.25 MiB by default.
- What a head of \`maxHeaderListBytes\` costs: a client that sends it by index pays a hundred bytes, and we and the pod handle all of it
  (half a millisecond of CPU by default). Lower it where metadata is small; gRPC's own clients stop at 8 or 16 KiB.
- What pods do with the calls of one client: they reach a pod over connections that all clients share, and a pod that holds too much for
  one may refuse the others (node:http2: \`maxSessionMemory\`).
- Regular expressions of routes, which run on what clients send.
`;
}

const ms = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));

/** The table of a run. @param machine what it ran on */
export function measuredPart(
  groups: readonly { readonly name: string; readonly measured: readonly Measured[] }[],
  machine: string,
): string {
  const head = [
    "attack",
    "reference",
    "bounded by",
    "frames",
    "it ends with",
    "gateway's CPU, ms",
    "RSS, MiB more",
    "others' p99, ms: without, with",
  ];
  const rows = (measured: readonly Measured[]): string[][] =>
    measured.map((one) => [
      one.attack.name,
      one.attack.reference,
      one.attack.bound,
      one.frames.toLocaleString("en"),
      one.end === "" ? "-" : one.end,
      `${ms(one.cpuMs)} in ${ms(one.wallMs)}`,
      (one.rssBytes / 2 ** 20).toFixed(1),
      `${ms(one.before.p99)}, ${ms(one.during.p99)}`,
    ]);
  return `
## Attacks

${machine} CPU and memory are the gateway's while the attack lasts, the well-behaved client's 4 calls at once included. Attacker, client and
two pods ran on the same cores, so the p99 has them in it; it says whether others stall, not how fast anything is.
Shortened for the run: headTimeout 1 s, settingsAckTimeout 3 s, stallTimeout 2 s, idleTimeout 2 s, maxBufferedBytes 16 MiB.
${groups.map(({ name, measured }) => `\n### ${name}\n\n${table(head, rows(measured))}\n`).join("")}`;
}
