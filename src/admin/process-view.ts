/** What metrics tell about the process itself. Read at scrape time. */
export interface ProcessView {
  /** Of Fairlead. */
  readonly version: string;
  /** `node 20.20.2`, `deno 2.9.6`. */
  readonly runtime: string;
  /** Seconds since the epoch. */
  readonly startTime: number;
  /** User and system time, seconds. */
  cpuSeconds(): number;
  residentBytes(): number;
  heapBytes(): number;
}
