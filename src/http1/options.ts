import type { Budget } from "../http2/budget.ts";
import type { Flusher } from "../http2/flusher.ts";
import type { Http2Limits } from "../http2/limits.ts";
import type { CommonFields } from "./response-head.ts";

/** What all connections of a gateway share. */
export interface Http1Options {
  readonly flusher: Flusher;
  readonly budget: Budget;
  readonly limits: Http2Limits;
  readonly common: CommonFields;
}
