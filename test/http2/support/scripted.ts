import { expect, test } from "vitest";
import type { Random } from "../../../src/runtime/machine.ts";
import { integer, seededRandom } from "../../support/random.ts";

/** What a {@link scripted} test needs of a rig. */
interface Part {
  readonly log: readonly string[];
  finish(): void;
}

/** One of the runs of a scripted test. */
export interface Run {
  /** Cuts bytes that arrive together. */
  cut(bytes: Uint8Array): Uint8Array[];
  /** @param more what else must be the same in every run */
  add(part: Part, more: () => readonly string[]): void;
}

/**
 * A test that scripts bytes in and out. It runs with the bytes that arrive in one piece, one by one, and cut at random, and
 * everything that came of them must be the same: what is sent, and what receivers and owner were told. After each run the
 * connections are closed, and no stream and no byte of the budget may be left.
 */
export function scripted(name: string, script: (run: Run) => void | Promise<void>): void {
  test(name, async () => {
    const whole = await runOnce("in one piece", (bytes) => [bytes], script);
    expect(await runOnce("byte by byte", oneByOne, script), "fed byte by byte").toEqual(whole);
    const random = seededRandom();
    expect(await runOnce("in random cuts", (bytes) => cutAtRandom(bytes, random), script), "fed in cuts").toEqual(
      whole,
    );
  });
}

/** One script for every row of a table, named by the row's first column. */
export function scriptedEach<R extends readonly unknown[]>(
  table: readonly (readonly [string, ...R])[],
  script: (run: Run, ...row: R) => void | Promise<void>,
): void {
  for (const [name, ...row] of table) scripted(name, (run) => script(run, ...row));
}

async function runOnce(
  how: string,
  cut: Run["cut"],
  script: (run: Run) => void | Promise<void>,
): Promise<readonly string[]> {
  const parts: { readonly part: Part; readonly more: () => readonly string[] }[] = [];
  try {
    await script({ cut, add: (part, more) => parts.push({ part, more }) });
    return parts.flatMap(({ part, more }) => {
      part.finish();
      return [...part.log, ...more()];
    });
  } catch (error) {
    if (error instanceof Error) error.message = `fed ${how}: ${error.message}`;
    throw error;
  }
}

/** What arrives at once is cut into single bytes up to here; what is more comes in small pieces, to keep tests quick. */
const SINGLE_BYTES = 1_000;

function oneByOne(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = Array.from(bytes.subarray(0, SINGLE_BYTES), (byte) => Uint8Array.of(byte));
  for (let at = SINGLE_BYTES; at < bytes.length; at += 97) pieces.push(bytes.subarray(at, at + 97));
  return pieces;
}

function cutAtRandom(bytes: Uint8Array, random: Random): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = integer(random, 1, random() < 0.5 ? 12 : 400);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** A run outside of {@link scripted}: bytes come in one piece, and the caller finishes. */
export const plainRun: Run = { cut: (bytes) => [bytes], add: () => {} };
