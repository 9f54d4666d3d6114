import type { Field } from "./support/field.ts";

/** What one hostile client did, and what it got for it. */
export interface Outcome {
  /** Frames (or, of HTTP/1.1, requests) written. */
  readonly frames: number;
  /** Bytes written. */
  readonly bytes: number;
  /** What the attacker saw: the GOAWAY code, the resets, the HTTP status. */
  readonly end: string;
}

/** One attack, bounded in count and in time. It throws when something is wrong that `expected` cannot say. */
export interface Attack {
  readonly name: string;
  /** CVE, RFC or "-". */
  readonly reference: string;
  /** The setting that bounds it; see docs/limits.md. */
  readonly bound: string;
  /** What `Outcome.end` must look like. */
  readonly expected: RegExp;
  /** @param scale multiplies the counts: 1 in the suite, more for the table */
  run(field: Field, scale: number): Promise<Outcome>;
}
