import { describe, expect, test } from "vitest";
import { integer, seededRandom } from "../support/random.ts";
import { message, okHead, okTrailers, requestFields } from "./support/fields.ts";
import type { Party } from "./support/party.ts";
import type { Pod } from "./support/pod.ts";
import { startWorld } from "./support/world.ts";

const LABELS = ["10.0.0.1:9000", "10.0.0.2:9000", "10.0.0.3:9000", "10.0.0.4:9000"];
const RESETS = [0, 1, 2, 3, 7, 8, 11, 12];
const TIMEOUTS = ["5m", "40m", "1S", "100S"];

/** What a client's call must look like at its end: one head at most, nothing after the end. */
const ENDING = /^(?:head,(?:data,)?end|(?:head,)?(?:data,)?abort)$/;

function pickOne<T>(random: () => number, list: readonly T[]): T | undefined {
  return list.length === 0 ? undefined : list[integer(random, 0, list.length - 1)];
}

describe("anything in any order", () => {
  test("every call ends once, and nothing is left: counts, bytes, deadlines, connections", async () => {
    const random = seededRandom();
    for (let round = 0; round < 12; round++) {
      const pods: Pod[] = [];
      const limits = { maxConcurrentStreams: pickOne(random, [1, 3, 20, 1_000]) as number };
      const idleTimeout = random() < 0.3 ? 500 : null;
      const world = await startWorld(
        {
          random,
          backend: { target: `ipv4:${LABELS.join(",")}`, retryBuffer: 2_000, maxPending: 10, idleTimeout },
        },
        (made) => {
          for (const label of LABELS) pods.push(made.pod(label, limits));
        },
      );
      const clients = [await world.client(), await world.client()];
      const calls: Party[] = [];
      /** Those whose client has left: it hears no end. */
      const left = new Set<Party>();
      const open = (list: readonly Party[]) => list.filter((call) => !call.over && !call.stream.closed);
      const served = () =>
        pods.flatMap((pod) => pod.calls).filter((call) => !call.stream.closed && !call.stream.localEnded);
      const steps: readonly (() => unknown)[] = [
        () => {
          const client = pickOne(random, clients);
          if (client === undefined || client.connection.capacity === 0) return;
          const fields = requestFields(random() < 0.3 ? ["grpc-timeout", pickOne(random, TIMEOUTS) as string] : []);
          const call = client.open(fields);
          if (random() < 0.6) call.send(message(integer(random, 0, 3_000)));
          if (random() < 0.6) call.finish();
          if (random() < 0.1) call.pause();
          calls.push(call);
        },
        () => pickOne(random, open(calls))?.send(message(integer(random, 0, 50_000))),
        () => pickOne(random, open(calls))?.finish(),
        () => {
          const call = random() < 0.5 ? pickOne(random, open(calls)) : undefined;
          if (call === undefined) return;
          left.add(call);
          call.reset(pickOne(random, RESETS) as number);
        },
        () => pickOne(random, open(calls))?.resume(),
        () => pickOne(random, served())?.sendHead(okHead),
        () => {
          const call = pickOne(random, served());
          if (call?.stream.headSent) call.send(message(integer(random, 0, 100_000)));
        },
        () => {
          const call = pickOne(random, served());
          if (call === undefined) return;
          if (!call.stream.headSent) call.sendHead(okHead);
          call.finish(okTrailers);
        },
        () => {
          if (random() < 0.5) pickOne(random, served())?.reset(pickOne(random, RESETS) as number);
        },
        () => {
          if (random() < 0.15) pickOne(random, pods)?.goaway(integer(random, 0, 40));
        },
        () => {
          if (random() < 0.1) pickOne(random, pods)?.connections.at(-1)?.drain();
        },
        () => {
          if (random() < 0.1)
            pickOne(
              random,
              world.net.links.filter((link) => link.open && !world.downstream.includes(link)),
            )?.break();
        },
        () => {
          const label = pickOne(random, LABELS) as string;
          if (random() < 0.1) world.net.hosts.set(label, { kind: random() < 0.5 ? "refuse" : "silent" });
          else if (random() < 0.5) world.net.hosts.set(label, pods[LABELS.indexOf(label)]);
        },
        () => world.net.turn(),
        () => world.settle(),
        () => world.advance(integer(random, 1, 50)),
        () => {
          if (random() < 0.1) return world.advance(integer(random, 500, 3_000), 100);
        },
      ];
      for (let step = 0; step < 400; step++) await pickOne(random, steps)?.();
      // Everybody comes to an end: readers read, the pods answer or the clients leave.
      for (const [i, label] of LABELS.entries()) world.net.hosts.set(label, pods[i]);
      for (const call of calls) call.resume();
      await world.settle();
      for (let i = 0; i < 50 && open(calls).length > 0; i++) {
        for (const call of open(calls)) call.finish();
        await world.settle();
        for (const call of served()) {
          call.resume();
          if (!call.stream.headSent) call.sendHead(okHead);
          call.finish(okTrailers);
        }
        await world.advance(1_000, 250);
      }
      expect(open(calls)).toEqual([]);
      for (const call of calls) {
        if (!left.has(call)) expect(call.events.join(",")).toMatch(ENDING);
      }
      // Each call that the gateway has seen is counted once.
      const counted = world.backend.calls.reduce((sum, count) => sum + count, 0);
      expect(counted).toBe(calls.length);
      expect(world.outstanding).toBe(0);
      expect(world.held).toBe(0);
      expect(world.backend.pending).toBe(0);
      expect(world.log.lines.filter(({ fields }) => String(fields.message).includes("internal error"))).toEqual([]);
      // After a while all endpoints are ready again.
      await world.advance(200_000, 5_000);
      expect(world.backend.endpoints.map(({ state }) => state)).toEqual(LABELS.map(() => "ready"));
    }
  });
});
