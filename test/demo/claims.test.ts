import { describe, expect, test } from "vitest";
import { type Evidence, grace, judge, renderClaims } from "../../src/demo/claims.ts";

/** A run in which everything went as it should. */
const good: Evidence = {
  fairlead: {
    calls: 2500,
    failures: [],
    unanswered: 0,
    connections: 1,
    states: ["IDLE", "CONNECTING", "READY"],
    outstandingAtEnd: 0,
    p99: 140,
  },
  firstPhase: [
    { pod: "pod-1", slow: false, calls: 400 },
    { pod: "pod-2", slow: false, calls: 380 },
    { pod: "pod-3", slow: true, calls: 60 },
  ],
  joined: [
    { pod: "pod-4", at: 7000, firstCall: 8200 },
    { pod: "pod-5", at: 7000, firstCall: 8210 },
  ],
  left: { pod: "pod-2", at: 14_000, calls: 700, lastCall: 15_100 },
  pinned: { calls: 2500, waiting: 600, pods: ["pod-1"], p99: 4800 },
  refresh: 2400,
  lateness: 0,
};

const { fairlead } = good;

/** One thing went wrong in each: the words that the failed claim must contain. */
const bad: readonly (readonly [what: string, evidence: Evidence, words: string])[] = [
  [
    "a failed call",
    { ...good, fairlead: { ...fairlead, failures: ["UNAVAILABLE: connection lost"] } },
    "1 of 2500 (UNAVAILABLE: connection lost)",
  ],
  ["a call without an answer", { ...good, fairlead: { ...fairlead, unanswered: 3 } }, "3 of 2500 (no answer)"],
  ["no call at all", { ...good, fairlead: { ...fairlead, calls: 0 } }, "0 of 0"],
  ["a second connection", { ...good, fairlead: { ...fairlead, connections: 2 } }, "used 2 connections"],
  [
    "a reconnect",
    { ...good, fairlead: { ...fairlead, states: ["IDLE", "CONNECTING", "READY", "IDLE", "CONNECTING", "READY"] } },
    "never reconnected",
  ],
  ["a lost connection", { ...good, fairlead: { ...fairlead, states: ["READY", "IDLE"] } }, "never reconnected"],
  ["never connected", { ...good, fairlead: { ...fairlead, states: ["IDLE", "CONNECTING"] } }, "never reconnected"],
  [
    "an idle pod at the start",
    { ...good, firstPhase: [...good.firstPhase.slice(0, 2), { pod: "pod-3", slow: true, calls: 0 }] },
    "all 3 pods worked",
  ],
  [
    "a slow pod as busy as the others",
    { ...good, firstPhase: good.firstPhase.map((pod) => ({ ...pod, calls: 100 })) },
    "slow pod",
  ],
  [
    "a new pod that came late",
    { ...good, joined: [good.joined[0], { pod: "pod-5", at: 7000, firstCall: 7000 + 2400 + grace + 1 }] },
    "pod-4 and pod-5 got calls",
  ],
  [
    "a new pod that got nothing",
    { ...good, joined: [good.joined[0], { pod: "pod-5", at: 7000, firstCall: null }] },
    "1.2 s and never",
  ],
  [
    "a call to the pod that left",
    { ...good, left: { ...good.left, lastCall: 14_000 + 2400 + grace + 1 } },
    "pod-2 got no call later",
  ],
  [
    "a pod that had no calls to lose",
    { ...good, left: { ...good.left, calls: 0, lastCall: null } },
    "it got none at all",
  ],
  ["a call left behind", { ...good, fairlead: { ...fairlead, outstandingAtEnd: 1 } }, "1 calls outstanding"],
  ["a pinned client that moved", { ...good, pinned: { ...good.pinned, pods: ["pod-1", "pod-4"] } }, "pod-1, pod-4"],
  ["a pinned client that was as quick", { ...good, pinned: { ...good.pinned, p99: 140 } }, "99% of the answers"],
];

describe("claims", () => {
  test("a good run: every claim holds", () => {
    const claims = judge(good);
    expect(claims.filter((claim) => !claim.held)).toEqual([]);
    expect(renderClaims(claims)).toContain("  ok      no call failed: 0 of 2500");
  });

  test("a pod that left: its last call may be before it left, when it was not its turn", () => {
    const claims = judge({ ...good, left: { ...good.left, lastCall: 13_950 } });
    expect(claims.every((claim) => claim.held)).toBe(true);
    expect(renderClaims(claims).join("\n")).toContain("its last one was 50 ms before");
  });

  test("a busy machine: what its timers were late is allowed, and said", () => {
    const joined = [good.joined[0], { pod: "pod-5", at: 7000, firstCall: 7000 + 2400 + grace + 700 }];
    const claims = judge({ ...good, joined, lateness: 700 });
    expect(claims.every((claim) => claim.held)).toBe(true);
    expect(renderClaims(claims).join("\n")).toContain("1.2 s and 4.1 s (timers ran up to 700 ms late)");
  });

  test.each(bad)("%s: exactly that claim fails, and says so", (_what, evidence, words) => {
    const failed = judge(evidence).filter((claim) => !claim.held);
    expect(failed).toHaveLength(1);
    expect(failed[0].text).toContain(words);
    expect(renderClaims(failed)[0]).toMatch(/^ {2}FAILED {2}/);
  });
});
