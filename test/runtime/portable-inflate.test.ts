import { constants, deflateRawSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { inflate } from "../../src/runtime/inflate.ts";
import { portableInflate } from "../../src/runtime/portable-inflate.ts";
import { mulberry32 } from "../support/mulberry32.ts";

const seed = Number(process.env.SEED ?? 7);
const random = mulberry32(seed);

/** Text-like bytes: some repetitions, some not. */
function sample(length: number, letters: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * letters));
}

describe("portable inflate", () => {
  test("gzip: gives what zlib gives, at every level and strategy", () => {
    for (const length of [0, 1, 100, 5_000, 40_000]) {
      for (const letters of [1, 3, 256]) {
        const bytes = sample(length, letters);
        for (const level of [0, 1, 9]) {
          for (const strategy of [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY]) {
            const zipped = gzipSync(bytes, { level, strategy });
            expect(portableInflate(zipped, length), `${length} ${letters} ${level}, seed ${seed}`).toEqual(bytes);
          }
        }
      }
    }
  });

  test("gzip: several members, and headers with every field", () => {
    const one = gzipSync("one");
    const named = new Uint8Array([...one.subarray(0, 3), 4 + 8 + 16 + 2, ...one.subarray(4, 10)]);
    const fields = [2, 0, 1, 2, ...new TextEncoder().encode("name\0comment\0"), 0, 0];
    const whole = new Uint8Array([...one, ...named, ...fields, ...one.subarray(10)]);
    expect(new TextDecoder().decode(portableInflate(whole, 100) as Uint8Array)).toBe("oneone");
  });

  test("gzip: a bomb is not unpacked further than allowed", () => {
    const zipped = gzipSync(new Uint8Array(1_000_000));
    expect(portableInflate(zipped, 999_999)).toBe("larger");
    expect(portableInflate(zipped, 1_000_000)).toHaveLength(1_000_000);
  });

  test("gzip: what is no gzip is malformed, as zlib says it", () => {
    const zipped = gzipSync(sample(3_000, 9));
    expect(portableInflate(deflateRawSync("raw"), 100)).toBe("malformed");
    for (let cut = 0; cut < zipped.length; cut += 7) {
      expect(portableInflate(zipped.subarray(0, cut), 3_000), `cut at ${cut}`).toBe("malformed");
    }
    for (let i = 0; i < 500; i++) {
      const bad = zipped.slice();
      bad[Math.floor(random() * bad.length)] ^= 1 << Math.floor(random() * 8);
      const ours = portableInflate(bad, 3_000);
      const theirs = inflate(bad, 3_000);
      // Bits of the header that mean nothing may differ; both must say the same otherwise.
      if (typeof theirs === "string") expect(typeof ours, `seed ${seed}`).toBe("string");
      else expect(ours, `seed ${seed}`).toEqual(new Uint8Array(theirs));
    }
  });
});
