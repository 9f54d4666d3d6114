import type { Attack, Outcome } from "./attack.ts";
import type { Field, Stretch } from "./support/field.ts";

export interface Measured extends Outcome {
  readonly attack: Attack;
  /** Of the gateway, while the attack lasted, the well-behaved client's calls included. Milliseconds. */
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Most of what the gateway had more in memory than before, bytes. */
  readonly rssBytes: number;
  /** Calls of the well-behaved client without the attack and with it. */
  readonly before: Stretch;
  readonly during: Stretch;
}

/** How often memory is looked at, milliseconds. */
const SAMPLE_MS = 25;
/** Calls of the well-behaved client that belong to an attack, however short it was. */
const LEAST_CALLS = 20;

/**
 * Runs an attack and measures what it does to the gateway and to others. Resolves when nothing of it is left.
 * @param calls of the well-behaved client without the attack, to compare with
 */
export async function measure(attack: Attack, field: Field, scale: number, calls: number): Promise<Measured> {
  await field.stretch();
  const before = await stretchOf(field, calls);
  const start = field.usage();
  const startedAt = performance.now();
  let highest = start.rssBytes;
  const sample = setInterval(() => {
    highest = Math.max(highest, field.usage().rssBytes);
  }, SAMPLE_MS);
  try {
    const outcome = await attack.run(field, scale);
    const wallMs = performance.now() - startedAt;
    const end = field.usage();
    const during = await stretchOf(field, LEAST_CALLS);
    await field.quietly(async () => {
      while ((await field.outstanding()) > 0) await pause();
    });
    return {
      attack,
      ...outcome,
      cpuMs: (end.cpuNs - start.cpuNs) / 1e6,
      wallMs,
      rssBytes: highest - start.rssBytes,
      before,
      during,
    };
  } finally {
    clearInterval(sample);
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
}

/** The well-behaved client's calls since the last stretch, so many at least. */
async function stretchOf(field: Field, least: number): Promise<Stretch> {
  let sum: Stretch | null = null;
  for (;;) {
    const stretch = await field.stretch();
    sum =
      sum === null
        ? stretch
        : {
            ...stretch,
            calls: sum.calls + stretch.calls,
            failed: sum.failed + stretch.failed,
            failures: [...sum.failures, ...stretch.failures],
            // Of the longer one: the parts are too small for percentiles of their own.
            p50: Math.max(sum.p50, stretch.p50),
            p99: Math.max(sum.p99, stretch.p99),
          };
    if (sum.calls >= least || sum.failed > 0) return sum;
    await pause();
  }
}
