import type { Address } from "../runtime/machine.ts";

/** Takes what a {@link Resolver} finds. */
export interface ResolverListener {
  /**
   * One complete answer, never a delta: sorted, without duplicates, never empty. Called only when the set differs from the
   * last one reported.
   */
  resolved(addresses: readonly Address[]): void;
  /** The name has authoritatively had no addresses for the whole hold time (invariant 6): the set is empty now. */
  emptied(reason: string): void;
  /** A refresh failed. The last set stays in force. */
  failed(error: ResolutionError): void;
}

export type ResolutionOutcome =
  | "ok"
  | "nxdomain"
  | "nodata"
  | "servfail"
  | "refused"
  | "timeout"
  | "garbage"
  | "unreachable";

export interface ResolutionError {
  readonly outcome: ResolutionOutcome;
  /** For people: which name, which server, what happened. Lower case, subject first. */
  readonly message: string;
}

/** Watches one name. Polling, back-off and hold are its business; who listens sees whole sets only. */
export interface Resolver {
  start(listener: ResolverListener): void;
  /** Asks for a refresh at once (rate-limited): a connection was refused, closed by GOAWAY, or the last endpoint went. */
  refresh(): void;
  /** Stops for good; the listener is not called again. */
  stop(): void;
  /** Resolutions by outcome since the start, for metrics. */
  readonly outcomes: Readonly<Record<ResolutionOutcome, number>>;
}
