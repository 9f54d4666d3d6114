import type { Log, LogFields } from "./machine.ts";

/**
 * An embedder's log, called from the events of sockets: what it throws would end the process, and there is nobody to tell of it.
 * @throws TypeError when it is no log
 */
export function guardedLog(log: Log): Log {
  const guarded = (level: keyof Log) => {
    if (typeof log[level] !== "function") throw new TypeError(`the log has no function ${level}`);
    return (event: string, fields?: LogFields): void => {
      try {
        log[level](event, fields);
      } catch {
        // The line is lost.
      }
    };
  };
  return { debug: guarded("debug"), info: guarded("info"), warn: guarded("warn"), error: guarded("error") };
}
