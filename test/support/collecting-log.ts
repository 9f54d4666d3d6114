import type { Log, LogFields } from "../../src/runtime/machine.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines for the test to read. */
export interface CollectingLog extends Log {
  readonly lines: readonly LogLine[];
  /** The lines of one event, in order. */
  events(event: string): LogLine[];
}

export function collectingLog(): CollectingLog {
  const lines: LogLine[] = [];
  const at =
    (level: LogLine["level"]) =>
    (event: string, fields: LogFields = {}) =>
      void lines.push({ level, event, fields });
  return {
    lines,
    events: (event) => lines.filter((line) => line.event === event),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}
