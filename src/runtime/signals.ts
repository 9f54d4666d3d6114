import process from "node:process";

/** What asks a process to leave: an orchestrator sends the first, a terminal's Ctrl-C the second. */
export type Signal = "SIGTERM" | "SIGINT";

const SIGNALS: readonly Signal[] = ["SIGTERM", "SIGINT"];

/**
 * Calls `run` for each such signal, instead of the process's end, until the returned function is called.
 * What a second signal means is the caller's business.
 */
export function onSignal(run: (signal: Signal) => void): () => void {
  for (const signal of SIGNALS) process.on(signal, run);
  return () => {
    for (const signal of SIGNALS) process.off(signal, run);
  };
}
