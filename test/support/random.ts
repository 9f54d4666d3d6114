import { onTestFailed } from "vitest";
import type { Random } from "../../src/runtime/machine.ts";
import { mulberry32 } from "./mulberry32.ts";

/**
 * Randomness for one test, to be called in its body: prints its seed when the test fails.
 * @param seed fixed where the test states a statistical claim; left out for fuzzing, where the environment variable SEED
 * repeats a failed run
 */
export function seededRandom(seed: number = freshSeed()): Random {
  onTestFailed(() => console.error(`this test's randomness came from SEED=${seed}`));
  return mulberry32(seed);
}

function freshSeed(): number {
  const given = process.env.SEED;
  return given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
}

/** An integer from `from` to `to`, both included. */
export function integer(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}
