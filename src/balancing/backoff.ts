import type { Random } from "../runtime/machine.ts";

/** Connection back-off as in grpc/doc/connection-backoff.md: 1 s x 1.6 up to 120 s, jitter 20%. */
const INITIAL_MS = 1_000;
const MULTIPLIER = 1.6;
const MAX_MS = 120_000;
const JITTER = 0.2;

/**
 * How long to wait before trying again.
 * @param failures in a row, at least 1
 * @returns milliseconds
 */
export function backoff(failures: number, random: Random): number {
  const base = Math.min(MAX_MS, INITIAL_MS * MULTIPLIER ** (failures - 1));
  return base * (1 + JITTER * (2 * random() - 1));
}
