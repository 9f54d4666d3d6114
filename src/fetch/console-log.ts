import type { LogSettings } from "../config/settings.ts";
import type { Clock, Log, LogFields } from "../runtime/machine.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** One line of JSON an event, by the console, which every platform collects. The process's own log is a library of Node's. */
export function createConsoleLog(least: LogSettings["level"], clock: Pick<Clock, "wall">): Log {
  const at =
    (level: LogSettings["level"]) =>
    (event: string, fields: LogFields = {}): void => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
      console[level](JSON.stringify({ level, time: new Date(clock.wall()).toISOString(), msg: event, ...fields }));
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
