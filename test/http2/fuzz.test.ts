import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { localAbort } from "../../src/http2/abort.ts";
import * as f from "./support/frames.ts";
import { clientRig, head, request, response, serverRig } from "./support/rig.ts";
import { plainRun } from "./support/scripted.ts";

/**
 * Frames that are right, nearly right, or noise, among everything that the owner of a connection may do. Whatever comes:
 * nothing is thrown, what is sent can be read, receivers hear things in their order, and after the connection has closed no
 * stream, no byte of the budget is left. fast-check prints seed and path of a failure.
 */

const RUNS = 300;

const id = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(1, 3, 5, 7) }, fc.constantFrom(0, 2, 9, 101, 0x7fffffff));
const size = fc.oneof(fc.constantFrom(0, 1, 10, 1_000, 16_384), fc.nat(16_384));
const increment = fc.oneof(fc.constantFrom(0, 1, 65_535, 0x7fffffff), fc.nat(100_000));
const code = fc.constantFrom(0, 1, 7, 8, 11, 0xffff);
const fields = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<readonly string[]>([...request], [...response], [...response, "a", "b"]) },
  fc.constantFrom<readonly string[]>(
    [":status", "103"],
    ["grpc-status", "0"],
    [":status", "200", "content-length", "3"],
    [...request, "content-length", "10"],
    [...request, "A", "b"],
    [],
  ),
);
const padding = fc.option(fc.nat(50), { nil: undefined });

const wellFormed = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(id, fields, fc.boolean(), padding)
      .map(([one, list, end, pad]) => f.headers(one, list, { end, ...(pad === undefined ? {} : { padding: pad }) })),
  },
  fc.tuple(id, fields, fc.integer({ min: 2, max: 5 }), fc.boolean()).map((args) => f.headersInPieces(...args)),
  fc
    .tuple(id, fc.uint8Array({ maxLength: 20 }), fc.boolean())
    .map(([one, block, endHeaders]) => f.headers(one, block, { endHeaders })),
  {
    weight: 5,
    arbitrary: fc
      .tuple(id, size, fc.boolean(), padding)
      .map(([one, bytes, end, pad]) =>
        f.data(one, Math.min(bytes, 16_000), { end, ...(pad === undefined ? {} : { padding: pad }) }),
      ),
  },
  fc.tuple(id, code).map((args) => f.reset(...args)),
  { weight: 4, arbitrary: fc.tuple(id, increment).map((args) => f.windowUpdate(...args)) },
  fc
    .array(
      fc.tuple(fc.integer({ min: 0, max: 8 }), fc.constantFrom(0, 1, 100, 16_384, 65_535, 0x7fffffff, 0xffffffff)),
      {
        maxLength: 3,
      },
    )
    .map((entries) => f.settings(...entries)),
  fc.constantFrom(f.settingsAck, f.ping(), f.ping("fairlead", true), f.priority(1, 3), f.priority(3, 3)),
  fc.tuple(id, code).map(([last, why]) => f.goaway(last, why, "debug")),
);
const mutated = fc
  .tuple(wellFormed, fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { minLength: 1, maxLength: 3 }), fc.nat(3))
  .map(([bytes, changes, cut]) => {
    const copy = bytes.slice(0, bytes.length - Math.min(cut === 3 ? 1 : 0, bytes.length));
    for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte;
    return copy;
  });
const arriving = fc.oneof(
  { weight: 12, arbitrary: wellFormed },
  { weight: 2, arbitrary: mutated },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }) },
);

type Rig = ReturnType<typeof serverRig> | ReturnType<typeof clientRig>;

/**
 * What a peer does that knows the rules, most of the time: frames for streams that are there. `call` names one of the calls so
 * far, or a new one.
 */
const peerAct = fc.record({
  peer: fc.constantFrom(
    "begin",
    "begin",
    "head",
    "data",
    "data",
    "data",
    "end",
    "trailers",
    "window",
    "window",
    "reset",
  ),
  call: fc.nat(10),
  size,
});
type PeerAct = typeof peerAct extends fc.Arbitrary<infer T> ? T : never;

function peerFrames(rig: Rig, { peer, call, size: bytes }: PeerAct): Uint8Array {
  const last = rig.calls.at(-1)?.stream.id ?? -1;
  const stream = rig.calls.length === 0 ? undefined : rig.calls[call % rig.calls.length].stream;
  const isServer = !("open" in rig);
  if (peer === "begin" && isServer) return f.headers(last + 2, request, { end: bytes % 2 === 0 });
  if (stream === undefined || stream.closed) return f.windowUpdate(0, 10_000);
  switch (peer) {
    case "begin":
    case "head":
      if (isServer || stream.headReceived) return f.windowUpdate(stream.id, 100);
      return f.headers(stream.id, response, { end: bytes === 0 });
    case "data":
      if (!stream.headReceived || stream.remoteEnded) return f.windowUpdate(stream.id, 1);
      return f.data(stream.id, Math.min(bytes, 16_000), bytes % 3 === 0 ? { padding: 100 } : {});
    case "end":
      if (!stream.headReceived || stream.remoteEnded) return f.ping();
      return f.data(stream.id, bytes % 2, { end: true });
    case "trailers":
      if (!stream.headReceived || stream.remoteEnded) return f.settings([4, bytes]);
      return f.headers(stream.id, ["grpc-status", "0"], { end: true });
    case "window":
      return bytes % 2 === 0 ? f.windowUpdate(0, bytes + 1) : f.windowUpdate(stream.id, bytes + 1);
    case "reset":
      return f.reset(stream.id, bytes % 14);
  }
}

/** What the owner of the connection, or the machine under it, does. `call` names one of the calls so far. */
const act = fc.record({
  what: fc.oneof(
    { weight: 80, arbitrary: fc.constantFrom("head" as const, "data" as const) },
    {
      weight: 60,
      arbitrary: fc.constantFrom("end" as const, "trailers" as const, "consumed" as const, "open" as const),
    },
    {
      weight: 30,
      arbitrary: fc.constantFrom("abort" as const, "sweep" as const, "block" as const, "unblock" as const),
    },
    { weight: 10, arbitrary: fc.constantFrom("sweeps" as const, "drain" as const) },
    { weight: 3, arbitrary: fc.constantFrom("fin" as const, "reset" as const, "destroy" as const) },
  ),
  call: fc.nat(10),
  size,
});
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

type Step = readonly Uint8Array[] | PeerAct | Act;

/** @param rude how many of a hundred steps bring frames at random */
function steps(rude: number): fc.Arbitrary<Step[]> {
  const step = fc.oneof(
    { weight: rude, arbitrary: fc.array(arriving, { minLength: 1, maxLength: 4 }) },
    { weight: 55, arbitrary: peerAct },
    { weight: 45, arbitrary: act },
  );
  return fc.array(step, { maxLength: 60, size: "max" });
}

function perform(rig: Rig, { what, call, size: bytes }: Act): void {
  const chosen = rig.calls.length === 0 ? null : rig.calls[call % rig.calls.length];
  const stream = chosen?.stream;
  switch (what) {
    case "head":
      if (stream?.headSent === false) stream.head(head(...response, "grpc-status", String(bytes)));
      break;
    case "data":
      if (stream?.headSent === true) stream.data(new Uint8Array(bytes * 3), 0, bytes * 3);
      break;
    case "end":
      if (stream?.headSent === true) stream.end(null);
      break;
    case "trailers":
      if (stream?.headSent === true) stream.end(head("grpc-status", String(call)));
      break;
    case "abort":
      stream?.abort(localAbort(bytes % 14, ""));
      break;
    case "consumed": {
      const recorder = chosen === null ? null : "request" in chosen ? chosen.request : chosen.response;
      if (recorder !== null && stream !== undefined) recorder.flow = recorder.flow === null ? stream : null;
      break;
    }
    case "open":
      if ("open" in rig && rig.connection.capacity > 0) rig.open(bytes % 2 === 0);
      break;
    case "sweep":
      rig.connection.sweep(1_000);
      break;
    case "sweeps":
      for (let i = 0; i < bytes % 40; i++) rig.connection.sweep(1_000);
      break;
    case "drain":
      rig.connection.drain();
      break;
    case "block":
      rig.stream.autoDrain = false;
      rig.stream.highWaterMark = bytes + 1;
      break;
    case "unblock":
      rig.sent();
      rig.stream.autoDrain = true;
      break;
    case "fin":
      rig.stream.deliverEnd();
      break;
    case "reset":
      rig.stream.close(new Error("read ECONNRESET"));
      break;
    case "destroy":
      rig.connection.destroy();
      break;
  }
}

async function play(rig: Rig, script: readonly Step[]): Promise<void> {
  for (const one of script) {
    if (rig.stream.isClosed) break;
    if ("what" in one) rig.turn(() => perform(rig, one));
    else if ("peer" in one) rig.receive(peerFrames(rig, one));
    else rig.receive(...one);
    if (rig.stream.autoDrain) rig.sent();
  }
  await rig.settle();
  rig.sent();
  rig.finish();
  expect(rig.events.filter((event) => event.startsWith("closed"))).toHaveLength(1);
}

describe("fuzz", () => {
  // Most connections that get frames at random are over soon; the others get to where the engine has much in hand.
  for (const [manner, rude] of [
    ["rude", 100],
    ["nearly polite", 3],
    ["polite", 0],
  ] as const) {
    test(`server: stands a ${manner} peer`, async () => {
      await fc.assert(
        fc.asyncProperty(steps(rude), (script) => play(serverRig(plainRun, { budget: 50_000 }), script)),
        { numRuns: RUNS },
      );
    });

    test(`client: stands a ${manner} peer`, async () => {
      await fc.assert(
        fc.asyncProperty(steps(rude), (script) => {
          const rig = clientRig(plainRun, { budget: 50_000 });
          rig.turn(() => {
            for (let i = 0; i < 4; i++) rig.open(i % 2 === 0);
          });
          return play(rig, script);
        }),
        { numRuns: RUNS },
      );
    });
  }

  test("cuts: what arrives means the same however it is cut", () => {
    fc.assert(
      fc.property(
        fc.array(arriving, { minLength: 1, maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (script, cuts) => {
          const outcome = (cut: (bytes: Uint8Array) => Uint8Array[]): readonly unknown[] => {
            const rig = serverRig({ cut, add: () => {} });
            rig.receive(...script);
            const sent = rig.sent();
            rig.finish();
            return [sent, rig.events, rig.calls.map(({ request: { events } }) => events)];
          };
          const whole = outcome((bytes) => [bytes]);
          const pieces = outcome((bytes) => {
            const out: Uint8Array[] = [];
            for (let at = 0, i = 0; at < bytes.length; at += cuts[i++ % cuts.length]) {
              out.push(bytes.subarray(at, at + cuts[i % cuts.length]));
            }
            return out;
          });
          expect(pieces).toEqual(whole);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
