/**
 * Durations as the Gateway API writes them (GEP-2257): one to four numbers of at most five digits, each with its unit, such
 * as `250ms`, `5s`, `1m30s`.
 */

const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** @returns milliseconds, or null when the text is not a duration */
export function parseDuration(text: string): number | null {
  if (!/^([0-9]{1,5}(h|ms|m|s)){1,4}$/.test(text)) return null;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/g))
    ms += Number(count) * units[unit as keyof typeof units];
  return ms;
}

/** The shortest way to write it. @param ms whole milliseconds, not negative */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let text = "";
  for (const [unit, size] of Object.entries(units)) {
    const count = Math.floor(ms / size);
    if (count > 0) text += `${count}${unit}`;
    ms -= count * size;
  }
  return text;
}

/** What was perhaps meant by something that is not a duration: `5` -> `5s`, `0.25s` -> `250ms`. Null when there is no guess. */
export function guessDuration(text: string): string | null {
  const parts = /^([0-9]*\.?[0-9]+) ?(h|hours?|m|min|minutes?|s|secs?|seconds?|ms|millis)?$/i.exec(text);
  if (parts === null) return null;
  const name = (parts[2] ?? "s").toLowerCase();
  const unit = name === "ms" || name === "millis" ? "ms" : (name[0] as "h" | "m" | "s");
  const ms = Math.round(Number(parts[1]) * units[unit]);
  // More than five digits in front of `h` cannot be written.
  return ms <= 99_999 * units.h ? formatDuration(ms) : null;
}
