import type { Address } from "../runtime/machine.ts";
import type { ResolutionError } from "./resolver.ts";

/** One complete answer, or why there is none. */
export type Probe =
  | {
      readonly outcome: "ok";
      /** Not empty; any order, duplicates allowed. */
      readonly addresses: readonly Address[];
      /** How long the answer may be used, milliseconds; null: as long as one likes. */
      readonly ttl: number | null;
    }
  | ResolutionFailure;

/** `nxdomain` and `nodata` are answers of somebody who knows; all others say nothing about the name. */
export type ResolutionFailure = ResolutionError & { readonly outcome: Exclude<ResolutionError["outcome"], "ok"> };

/** Asks once. When to ask, and what to make of the answers, is polling's business. */
export interface Prober {
  /** Never rejects. Not called again before it has settled. */
  probe(): Promise<Probe>;
  /** The name is given up (its hold is over): what earlier answers have taught is forgotten. */
  forget(): void;
}
