import type { Shape } from "../load.ts";
import type { RowKey } from "./rows.ts";

/** What the protocol rows measured, raw, as it stands in results.json. */
export interface ProtocolResults {
  readonly settings: { readonly rounds: number; readonly calls: number; readonly warmup: number };
  readonly rows: readonly {
    readonly key: RowKey;
    readonly name: string;
    readonly http: "2" | "1.1";
    readonly shape: Shape;
    readonly base: RowKey | null;
  }[];
  readonly peers: readonly ProtocolPeer[];
  readonly missing: readonly { readonly key: string; readonly name: string; readonly reason: string }[];
}

export interface ProtocolPeer {
  readonly key: string;
  readonly name: string;
  readonly version: string;
  readonly command: string;
  /** By row; a row that the proxy cannot carry is absent. */
  readonly cost: Readonly<Partial<Record<RowKey, RowCost>>>;
  /** Why a row is not there, by row. */
  readonly failures: Readonly<Partial<Record<RowKey, string>>>;
}

/** One figure per round. */
export interface RowCost {
  /** CPU microseconds of the proxy's process tree per call. */
  readonly cpuUs: readonly number[];
  readonly callsPerSecond: readonly number[];
}
