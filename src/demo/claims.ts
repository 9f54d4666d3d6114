import { time } from "./table.ts";

/** One sentence that the demo prints, and whether it was so. The demo exits 0 only if every claim held. */
export interface Claim {
  readonly text: string;
  readonly held: boolean;
}

/** What was seen. Times are milliseconds; points in time are milliseconds since the load began. */
export interface Evidence {
  readonly fairlead: {
    readonly calls: number;
    /** One message for each call that failed. */
    readonly failures: readonly string[];
    /** Calls without an answer when the demo stopped waiting for them. */
    readonly unanswered: number;
    /** The most connections that the gateway's listener had at once. */
    readonly connections: number;
    /** The client's connectivity states in order, as its own library reports them. */
    readonly states: readonly string[];
    /** The gateway's outstanding calls over all endpoints, after the last answer. */
    readonly outstandingAtEnd: number;
    readonly p99: number | null;
  };
  /** Calls by pod until the first change of DNS. */
  readonly firstPhase: readonly { readonly pod: string; readonly slow: boolean; readonly calls: number }[];
  /** By the pods' own count. */
  readonly joined: readonly { readonly pod: string; readonly at: number; readonly firstCall: number | null }[];
  readonly left: {
    readonly pod: string;
    readonly at: number;
    readonly calls: number;
    readonly lastCall: number | null;
  };
  readonly pinned: {
    readonly calls: number;
    /** Calls without an answer when the load ended. */
    readonly waiting: number;
    readonly pods: readonly string[];
    readonly p99: number | null;
  };
  /** Longest time from a change in DNS until the gateway must have seen it: the period with its jitter. */
  readonly refresh: number;
  /** How late the machine's timers ran at worst, because it was busy with other things. */
  readonly lateness: number;
}

/**
 * Allowed on top of a refresh, besides the lateness that was seen: the DNS query, the connection, a client's pause between two
 * calls. The claim is about the refresh, not about the machine.
 */
export const grace = 1_000;

export function judge(evidence: Evidence): Claim[] {
  const { fairlead, firstPhase, joined, left, pinned } = evidence;
  const failed = fairlead.failures.length + fairlead.unanswered;
  const slow = firstPhase.find((pod) => pod.slow);
  const others = firstPhase.filter((pod) => !pod.slow);
  const all = firstPhase.reduce((sum, pod) => sum + pod.calls, 0);
  const bound = evidence.refresh + grace + evidence.lateness;
  const within = (ms: number) =>
    `${time(ms)}${ms > evidence.refresh ? ` (timers ran up to ${time(evidence.lateness)} late)` : ""}`;
  return [
    {
      text: `no call failed: ${failed} of ${fairlead.calls}${failed > 0 ? ` (${fairlead.failures[0] ?? "no answer"})` : ""}`,
      held: failed === 0 && fairlead.calls > 0,
    },
    {
      text: `the client used ${count(fairlead.connections, "connection")} and never reconnected (its states: ${fairlead.states.join(", ")})`,
      held: fairlead.connections === 1 && neverReconnected(fairlead.states),
    },
    {
      text: `all ${firstPhase.length} pods worked from the start: ${firstPhase.map((pod) => `${pod.pod} ${pod.calls}`).join(", ")} calls`,
      held: firstPhase.length > 0 && firstPhase.every((pod) => pod.calls > 0),
    },
    {
      text: `the slow pod got the smallest share: ${slow === undefined || all === 0 ? "-" : Math.round((100 * slow.calls) / all)}% of the calls`,
      held: slow !== undefined && others.length > 0 && others.every((pod) => pod.calls > slow.calls),
    },
    {
      text: `${joined.map((pod) => pod.pod).join(" and ")} got calls within one refresh (${time(evidence.refresh)}) of joining DNS: after ${joined
        .map((pod) => (pod.firstCall === null ? "never" : within(pod.firstCall - pod.at)))
        .join(" and ")}`,
      held: joined.length > 0 && joined.every((pod) => pod.firstCall !== null && pod.firstCall - pod.at <= bound),
    },
    {
      text: `${left.pod} got no call later than one refresh after it left DNS: ${
        left.lastCall === null
          ? "it got none at all"
          : left.lastCall < left.at
            ? `its last one was ${time(left.at - left.lastCall)} before`
            : `its last one was ${within(left.lastCall - left.at)} after`
      }`,
      held: left.calls > 0 && left.lastCall !== null && left.lastCall - left.at <= bound,
    },
    {
      text: `nothing is left behind: ${fairlead.outstandingAtEnd} calls outstanding at the gateway after the last answer`,
      held: fairlead.outstandingAtEnd === 0,
    },
    {
      text: `the pinned client stayed on ${pinned.pods.join(", ") || "no pod"} for all its ${pinned.calls} calls; ${pinned.waiting} of them still wait for an answer`,
      held: pinned.pods.length === 1 && pinned.calls > 0,
    },
    {
      text: `99% of the answers came within ${time(fairlead.p99)} through Fairlead, ${time(pinned.p99)} pinned`,
      held: fairlead.p99 !== null && pinned.p99 !== null && fairlead.p99 < pinned.p99,
    },
  ];
}

/** READY was reached once, and nothing followed it until the demo itself closed the channel. */
function neverReconnected(states: readonly string[]): boolean {
  return states.indexOf("READY") === states.length - 1 && states.filter((state) => state === "CONNECTING").length <= 1;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The claims as lines: what held, and what did not. */
export function renderClaims(claims: readonly Claim[]): string[] {
  return claims.map((claim) => `${claim.held ? "  ok    " : "  FAILED"}  ${claim.text}`);
}
