import { describe, expect, test } from "vitest";
import { WaitingPieces } from "../../src/protocols/waiting-pieces.ts";
import { concat } from "../support/memory-stream.ts";
import { mulberry32 } from "../support/mulberry32.ts";

function takeAll(waiting: WaitingPieces): Uint8Array[] {
  const taken: Uint8Array[] = [];
  for (let piece = waiting.take(); piece !== undefined; piece = waiting.take()) taken.push(piece);
  return taken;
}

describe("waiting pieces", () => {
  test("one piece is given as it came", () => {
    const waiting = new WaitingPieces();
    const piece = Uint8Array.of(1, 2, 3);
    waiting.add(piece);
    expect(waiting.take()).toBe(piece);
    expect(waiting.take()).toBeUndefined();
  });

  test("a window of single bytes is held in a few blocks", () => {
    const waiting = new WaitingPieces();
    const chunk = new Uint8Array(65_536);
    for (let at = 0; at < 262_144; at++) waiting.add(chunk.subarray(at % chunk.length, (at % chunk.length) + 1));
    const taken = takeAll(waiting);
    // One by one they took 58 MB.
    expect(taken.length).toBeLessThan(70);
    expect(taken.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)).toBeLessThan(2 * 262_144);
  });

  test("a few bytes do not keep a large chunk alive", () => {
    const waiting = new WaitingPieces();
    waiting.add(new Uint8Array(65_536).subarray(0, 2_000));
    expect(waiting.take()?.buffer.byteLength).toBe(2_000);
  });

  test("small and large ones in any order: all bytes, in their order", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = mulberry32(seed);
      const waiting = new WaitingPieces();
      const given: Uint8Array[] = [];
      const taken: Uint8Array[] = [];
      for (let step = 0; step < 300; step++) {
        const length = 1 + Math.floor(random() * (random() < 0.5 ? 40 : 6_000));
        const piece = new Uint8Array(length).fill(step);
        given.push(piece);
        waiting.add(piece);
        while (random() < 0.3) {
          const next = waiting.take();
          if (next !== undefined) taken.push(next);
        }
      }
      taken.push(...takeAll(waiting));
      expect(Buffer.compare(concat(taken), concat(given)), `seed ${seed}`).toBe(0);
    }
  });

  test("clear", () => {
    const waiting = new WaitingPieces();
    for (let at = 0; at < 3; at++) waiting.add(Uint8Array.of(at));
    waiting.clear();
    expect(waiting.take()).toBeUndefined();
    waiting.add(Uint8Array.of(9));
    expect(takeAll(waiting)).toEqual([Uint8Array.of(9)]);
  });
});
