import type { Candidate } from "./policy.ts";

/**
 * Gives every endpoint of the next ready set its slot there, and -1 to those of the last set that are not in it.
 * @returns by next slot, the slot that the endpoint had in the last set, or -1 when it was not in it
 */
export function assignSlots<E extends Candidate>(last: readonly E[], next: readonly E[]): Int32Array {
  const origins = new Int32Array(next.length);
  for (let slot = 0; slot < next.length; slot++) {
    const endpoint = next[slot];
    origins[slot] = last[endpoint.slot] === endpoint ? endpoint.slot : -1;
    endpoint.slot = slot;
  }
  // Those who stay carry their new slot by now, so whoever is not where his slot says has left.
  for (const endpoint of last) if (next[endpoint.slot] !== endpoint) endpoint.slot = -1;
  return origins;
}

/** Counts a call off an endpoint. @throws when none is outstanding */
export function uncount(endpoint: Candidate): void {
  if (endpoint.outstanding === 0) throw new Error("policy: done without an outstanding call");
  endpoint.outstanding--;
}

/** One of `size` slots, except one (-1: none), each as likely as the others. There must be one to choose. */
export function drawSlot(size: number, except: number, random: () => number): number {
  if (except < 0) return Math.floor(random() * size);
  const drawn = Math.floor(random() * (size - 1));
  return drawn < except ? drawn : drawn + 1;
}

/** The slot to avoid: that of `except` if it is in the set with others, else -1. */
export function exceptSlot(size: number, except: Candidate | undefined): number {
  return except !== undefined && size > 1 ? except.slot : -1;
}
