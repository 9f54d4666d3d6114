import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { grpcJs } from "../../e2e/clients/grpc-js.ts";
import type { CallCase } from "../../e2e/support/call.ts";
import { expectQuiet } from "../../e2e/support/quiet.ts";
import { ALL_CALLS, CALLS, columnOf, SLOW_CALLS, titleOf } from "./calls.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { note } from "./row.ts";
import { type ClientObservation, compare, type Seen } from "./seen.ts";

// Programs of several languages start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

/** Made after all others. */
const LAST: CallCase = { what: "the last", kind: "Unary", sends: [0], expect: { code: 0, answers: 1 }, podEnd: "ok" };

/** A stock client: one row of docs/clients.md. */
export interface StockClient {
  /** Order of its row. */
  readonly order: number;
  /** Library, protocol, codec, HTTP version. */
  readonly name: string;
  /** Why it cannot run here; null when it can. */
  readonly missing: string | null;
  /** Of the library and what it runs on. Called only when it is not missing. */
  versions(): Promise<string>;
  /** @param caFile PEM of the authority to trust; empty: plaintext */
  observe(address: string, calls: readonly CallCase[], caFile: string): Promise<readonly ClientObservation[]>;
  /** Calls over TLS. */
  readonly tls?: true;
  /** Why it cannot make this call; null when it can. */
  lacks?(call: CallCase): string | null;
  /** What it sees otherwise than a gRPC client does, by the rules of its own protocol or library. */
  sees?(seen: Seen, call: CallCase): Seen;
}

/**
 * Each client makes every call through the gateway. It must see what grpc-js sees when it calls the same pod without a gateway:
 * the pod and grpc-js speak gRPC, so that is what the pod said.
 */
export function describeClients(clients: readonly StockClient[]): void {
  let fleet: Fleet | undefined;
  let said: ReadonlyMap<CallCase, Seen>;
  for (const { name, missing } of clients) if (missing !== null) console.warn(`skipped: ${name}: ${missing}`);

  beforeAll(async () => {
    if (clients.every(({ missing }) => missing !== null)) return;
    fleet = await startFleet(clients.some(({ tls, missing }) => tls && missing === null));
    said = await observeAll((address, calls) => grpcJs.observe(address, calls), fleet.pod.address, ALL_CALLS);
    let ended = 0;
    const wanted = ALL_CALLS.filter(({ podEnd }) => podEnd !== undefined).length;
    await fleet.pod.child.report((report) => report.event === "end" && ++ended === wanted);
  });
  afterAll(async () => {
    await fleet?.stop();
  });

  describe.each(clients.map((client) => [client.name, client] as const))("clients: %s", (name, client) => {
    const { order, missing } = client;
    const lack = (call: CallCase): string | null => missing ?? client.lacks?.(call) ?? null;
    const calls = ALL_CALLS.filter((call) => lack(call) === null);
    let versions = "";
    let seen: ReadonlyMap<CallCase, Seen> = new Map();
    /** How the calls ended for the pod, sorted: those with a deadline run beside the others. */
    let ends: readonly string[] = [];

    beforeAll(async () => {
      if (missing !== null || fleet === undefined) return;
      versions = await client.versions();
      const { child } = fleet.pod;
      const from = child.reports.length;
      const { gateway, caFile } = client.tls && fleet.tls !== null ? fleet.tls : { gateway: fleet.gateway, caFile: "" };
      seen = await observeAll((address, some) => client.observe(address, some, caFile), gateway.address, calls);
      // A cancel is heard of later than its call is over for the client, and before a call that is made once none is left.
      await expectQuiet(gateway);
      const before = child.reports.length;
      await grpcJs.observe(fleet.gateway.address, [LAST]);
      await child.report((report) => report.event === "end" && report.kind === LAST.kind, before);
      ends = child.reports.slice(from).flatMap((report) => (report.event === "end" ? [String(report.how)] : []));
      // The last one was ours.
      ends = ends.slice(0, -1);
    });

    test.for(ALL_CALLS.map((call) => [titleOf(call), call] as const))("%s", ([_title, call], context) => {
      const skipped = lack(call);
      const row = { table: "clients", order, name, versions, column: columnOf(call) } as const;
      note(context, skipped === null ? row : { ...row, skipped });
      if (skipped !== null) context.skip(skipped);
      const wanted = said.get(call);
      if (wanted === undefined) expect.fail("grpc-js made no such call");
      expect(wanted.code).toBe(call.expect.code);
      expect(seen.get(call)).toEqual(client.sees?.(wanted, call) ?? wanted);
    });

    test.skipIf(missing !== null)("every call ended for the pod as it did for the client", () => {
      const wanted = calls.flatMap(({ podEnd }) => podEnd ?? []);
      expect([...ends].sort()).toEqual([...wanted].sort());
    });
  });
}

/** For libraries that take the message of an error from its google.rpc.Status, where it has one; grpc-js takes grpc-message. */
export function statusMessage(seen: Seen, call: CallCase): Seen {
  return columnOf(call) === "details" ? { ...seen, message: "gone" } : seen;
}

/** Calls that wait for their deadline are made beside the others. */
async function observeAll(
  observe: (address: string, calls: readonly CallCase[]) => Promise<readonly ClientObservation[]>,
  address: string,
  calls: readonly CallCase[],
): Promise<ReadonlyMap<CallCase, Seen>> {
  const quick = calls.filter((call) => CALLS.includes(call));
  const slow = calls.filter((call) => SLOW_CALLS.includes(call));
  const runs = [quick, ...slow.map((call) => [call])].filter((run) => run.length > 0);
  const seen = new Map<CallCase, Seen>();
  await Promise.all(
    runs.map(async (run) => {
      const observations = await observe(address, run);
      for (const [index, call] of run.entries()) seen.set(call, compare(observations[index], call));
    }),
  );
  return seen;
}
