/** Milliseconds per unit of `grpc-timeout` (gRPC PROTOCOL-HTTP2: "Timeout → TimeoutValue TimeoutUnit"). */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** What takes 32 bits and more comes at once from the platforms' timers; nothing is waited for that long. */
export const LONGEST_TIMER_MS = 2 ** 31;

/** "TimeoutValue → {positive integer as ASCII string of at most 8 digits}". */
const MAX_VALUE = 99_999_999;

/**
 * Reads `grpc-timeout`.
 * @param value undefined when the field is absent
 * @returns milliseconds, fractional; Infinity when absent, NaN when malformed
 */
export function parseTimeout(value: string | undefined): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  if (!/^\d{1,8}[HMSmun]$/.test(value)) return Number.NaN;
  return Number(value.slice(0, -1)) * units[value.slice(-1)];
}

/**
 * Reads `connect-timeout-ms`: at most 10 digits (Connect protocol, Timeout).
 * @param value undefined when the field is absent
 * @returns milliseconds; Infinity when absent, NaN when malformed
 */
export function parseConnectTimeout(value: string | undefined): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  return /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
}

/**
 * Writes a `grpc-timeout`: milliseconds where they fit eight digits, else the next larger unit that does, rounded down but
 * never to 0, so that a pod never has more time than the call.
 * @param ms what is left, above 0
 */
export function formatTimeout(ms: number): string {
  if (ms < 1) return `${Math.max(1, Math.floor(ms * 1e3))}u`;
  for (const unit of ["m", "S", "M"] as const) {
    const value = Math.floor(ms / units[unit]);
    if (value <= MAX_VALUE) return `${value}${unit}`;
  }
  return `${Math.min(MAX_VALUE, Math.floor(ms / units.H))}H`;
}
