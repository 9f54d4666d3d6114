/** Milliseconds per unit of `grpc-timeout` (gRPC PROTOCOL-HTTP2: "Timeout → TimeoutValue TimeoutUnit"). */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** "TimeoutValue → {positive integer as ASCII string of at most 8 digits}". */
const MAX_VALUE = 99_999_999;

/**
 * Reads `grpc-timeout`.
 * @returns milliseconds, fractional; null when the value is malformed
 */
export function parseTimeout(value: string): number | null {
  if (!/^\d{1,8}[HMSmun]$/.test(value)) return null;
  return Number(value.slice(0, -1)) * units[value.slice(-1)];
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
