import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mulberry32 } from "../support/mulberry32.ts";
import { type Half, type Program, playPair } from "./support/pair.ts";

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.nat(200) },
  { weight: 2, arbitrary: fc.nat(20_000) },
  { weight: 1, arbitrary: fc.nat(200_000) },
);
const half: fc.Arbitrary<Half> = fc.record({
  pieces: fc.array(piece, { maxLength: 6 }),
  trailers: fc.boolean(),
  resetAfter: fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(6) }),
});
const windows = fc.record({
  streamWindow: fc.constantFrom(16_384, 65_535, 262_144),
  connectionWindow: fc.constantFrom(65_535, 1_048_576),
});
const program: fc.Arbitrary<Program> = fc.record({
  calls: fc.array(fc.record({ request: half, response: half }), { minLength: 1, maxLength: 8 }),
  client: windows,
  server: windows,
  highWaterMark: fc.constantFrom(1, 1_000, 65_536, 1 << 20),
});

describe("a client's and a server's connection of ours, back to back", () => {
  test("everything sent arrives exactly once, in order, or the call was reset; nothing is left in memory", async () => {
    await fc.assert(
      fc.asyncProperty(program, fc.integer(), async (one, seed) => {
        const { requests, responses, held, streams, failures } = await playPair(one, mulberry32(seed));
        expect(failures).toEqual([]);
        expect(held).toBe(0);
        expect(streams).toBe(0);
        for (const [i, { request, response }] of one.calls.entries()) {
          const reset = request.resetAfter !== null || response.resetAfter !== null;
          // A response's end ends the call (RFC 9113 8.1): what is left of the request is not wanted.
          if (!reset) {
            expect(responses[i]).toMatchObject({ state: "ended", received: total(response) });
            expect(responses[i].trailers).toBe(response.trailers ? String(2 * i + 1) : null);
          }
          for (const [half, outcome] of [
            [request, requests[i]],
            [response, responses[i]],
          ] as const) {
            expect(outcome.received).toBeLessThanOrEqual(outcome.sent);
            if (outcome.state === "ended") expect(outcome.received).toBe(total(half));
          }
          // Invariant 7: what a slow reader holds is bounded by the window of its call.
          expect(requests[i].peak).toBeLessThanOrEqual(Math.max(one.server.streamWindow ?? 0, 65_535));
          expect(responses[i].peak).toBeLessThanOrEqual(one.client.streamWindow ?? 0);
        }
      }),
      { numRuns: 60 },
    );
  });
});

function total({ pieces }: Half): number {
  return pieces.reduce((sum, bytes) => sum + bytes, 0);
}
