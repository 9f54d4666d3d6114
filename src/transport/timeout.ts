import { formatTimeout } from "../protocols/timeout.ts";

/** The longest that a platform's timer runs, and so a call of Connect's: 24 days. With more it would end at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** What `grpc-timeout` takes of Connect's milliseconds: eight digits and a unit. */
const LONGEST_FIELD = 9;

/**
 * A timeout that both Connect's timer and `grpc-timeout` take: whole milliseconds, rounded up, and not too many.
 * @param ms as the application gave it; 0 and less are for no timeout, in Connect
 */
export function wholeTimeout(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.min(Math.ceil(ms), LONGEST_MS);
}

/** Writes Connect's `grpc-timeout` of more than eight digits in a larger unit. */
export function shortenTimeout(header: Headers): void {
  const value = header.get("grpc-timeout");
  if (value === null || value.length <= LONGEST_FIELD || !/^\d+m$/.test(value)) return;
  header.set("grpc-timeout", formatTimeout(Number.parseInt(value, 10)));
}
