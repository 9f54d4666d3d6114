import type { CallCase } from "../../e2e/support/call.ts";
import { CASES, DEADLINE_CASES } from "../../e2e/support/cases.ts";

/** What docs/clients.md says of a client, column by column. */
export const COLUMNS = [
  "unary",
  "server stream",
  "client stream",
  "bidi",
  "errors",
  "details",
  "metadata",
  "gzip",
  "deadline",
  "cancel",
] as const;

export type Column = (typeof COLUMNS)[number];

const EMPTY: CallCase = {
  what: "unary, metadata with empty values",
  kind: "Unary",
  sends: [3],
  metadata: [
    ["x-echo-empty", ""],
    ["x-echo-one", "1"],
    ["x-trail-empty", ""],
  ],
  expect: { code: 0, answers: 1 },
  podEnd: "ok",
};

/** What the gateway translates may have 4 MiB by default, JSON, envelope and all: test/gateway has what becomes of more. */
const BIG: CallCase = {
  what: "unary, 2 MiB both ways",
  kind: "Unary",
  sends: [2 << 20],
  expect: { code: 0, answers: 1 },
  podEnd: "ok",
};

/** The calls of the end-to-end suite, for clients of every protocol. */
export const CALLS: readonly CallCase[] = [
  ...CASES.filter(({ sends }) => sends.every((size) => size < 4 << 20)),
  BIG,
  EMPTY,
];
/** These wait for their deadline, so they are made beside the others. */
export const SLOW_CALLS: readonly CallCase[] = DEADLINE_CASES;
export const ALL_CALLS: readonly CallCase[] = [...CALLS, ...SLOW_CALLS];

export function columnOf(call: CallCase): Column {
  if (call.cancelAfter !== undefined) return "cancel";
  if (call.deadline !== undefined) return "deadline";
  if (call.compress) return "gzip";
  if (call.kind === "ServerStream") return "server stream";
  if (call.kind === "ClientStream") return "client stream";
  if (call.kind === "Bidi") return "bidi";
  if (call.expect.code === 0) return call.metadata === undefined ? "unary" : "metadata";
  return call.metadata?.some(([name]) => name === "x-fail-details-bin") ? "details" : "errors";
}

/** What the call is, for the deadline ones too. */
export function titleOf(call: CallCase): string {
  return call.deadline === undefined ? call.what : `deadline: ${call.what}`;
}
