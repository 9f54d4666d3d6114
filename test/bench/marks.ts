import type { PeerResult, Results } from "./results.ts";
import { median } from "./stats.ts";

/** What Fairlead has set itself to reach. */
export interface Mark {
  readonly what: string;
  readonly measured: string;
  /** Null: it could not be measured in this run. */
  readonly passed: boolean | null;
}

/** At most this many times HAProxy's CPU per call, on Node 20. */
const LIMITS: Readonly<Record<string, number>> = { "1x100": 1.3, "8x16": 1.3, "32x4": 1.6, "100x1": 1.6 };

/** Peers that Fairlead must cost less than, in every shape. */
const AHEAD_OF = ["nginx", "envoy"];

/** An older build of ourselves, given by `--extra before=COMMAND`: gRPC must not cost more than this many times what it did. */
const BEFORE = { key: "before", limit: 1.03 };

export function marks(results: Results): Mark[] {
  const find = (key: string) => results.peers.find((peer) => peer.key === key);
  const ours = find("fairlead");
  const limits = Object.entries(LIMITS).map(([shape, limit]): Mark => {
    const ratios = ours?.cost[shape]?.ratios ?? [];
    const what = `at most ${limit}x HAProxy at ${shape}`;
    if (ratios.length === 0) return { what, measured: "not measured", passed: null };
    const ratio = median(ratios);
    return { what, measured: `${ratio.toFixed(2)}x`, passed: ratio <= limit };
  });
  const ahead = AHEAD_OF.flatMap((key) =>
    Object.keys(LIMITS).map((shape): Mark => {
      const other = find(key);
      const what = `less than ${other?.name ?? key} at ${shape}`;
      const pair = [costAt(ours, shape), costAt(other, shape)];
      if (pair.some(Number.isNaN)) return { what, measured: "not measured", passed: null };
      return { what, measured: `${pair[0].toFixed(1)} us against ${pair[1].toFixed(1)}`, passed: pair[0] < pair[1] };
    }),
  );
  return [...limits, ...ahead, ...notSlower(ours, find(BEFORE.key))];
}

/** Round by round, because a machine's speed changes between rounds. Nothing when there is no older build. */
function notSlower(ours: PeerResult | undefined, before: PeerResult | undefined): Mark[] {
  if (before === undefined) return [];
  return Object.keys(LIMITS).map((shape): Mark => {
    const what = `not slower than before by more than 3% at ${shape}`;
    const [now, then] = [ours, before].map((peer) => peer?.cost[shape]?.cpuUs ?? []);
    if (now.length === 0 || now.length !== then.length) return { what, measured: "not measured", passed: null };
    const ratio = median(now.map((us, round) => us / then[round]));
    return { what, measured: `${ratio.toFixed(3)}x`, passed: ratio <= BEFORE.limit };
  });
}

function costAt(peer: PeerResult | undefined, shape: string): number {
  return median(peer?.cost[shape]?.cpuUs ?? []);
}

export function marksTable(all: readonly Mark[]): string {
  const word = (passed: boolean | null): string => (passed === null ? "-" : passed ? "pass" : "**fail**");
  return [
    "| CPU per call, Fairlead | measured | |",
    "|---|---|---|",
    ...all.map(({ what, measured, passed }) => `| ${what} | ${measured} | ${word(passed)} |`),
  ].join("\n");
}
