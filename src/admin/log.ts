import { type Logger, pino } from "pino";
import pretty from "pino-pretty";
import type { LogSettings } from "../config/settings.ts";
import type { Clock, Log, LogFields } from "../runtime/machine.ts";

/** Where log lines go. */
export interface LogSink {
  /** @param text one or more whole lines */
  write(text: string): void;
  /** True for a screen: text in colours, when the format is left open. */
  readonly isTTY: boolean;
}

export interface FlushingLog extends Log {
  /** Writes at once what is still gathered. To be called before the process ends. */
  flush(): void;
}

/**
 * One line per event: JSON, or readable text. Lines of one turn of the event loop are gathered into one write, because access
 * lines come with every call; warnings and errors are written at once.
 * @param soon see Machine
 */
export function createLog(
  settings: LogSettings,
  sink: LogSink,
  clock: Pick<Clock, "wall">,
  soon: (run: () => void) => void,
): FlushingLog {
  const readable = settings.format === "text" || (settings.format === "auto" && sink.isTTY);
  const render = readable ? createRenderer(sink.isTTY) : (line: string) => line;
  const safe = (line: string): string => (controls.test(line) ? line.replaceAll(everyControl, escaped) : line);
  let gathered = "";
  const flush = () => {
    const text = gathered;
    gathered = "";
    if (text !== "") sink.write(text);
  };
  const logger = pino(
    {
      level: settings.level,
      base: null,
      messageKey: "event",
      timestamp: () => `,"time":"${new Date(clock.wall()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        if (gathered === "") soon(flush);
        gathered += safe(render(line));
      },
    },
  );
  return { ...levels(logger, flush), flush };
}

/**
 * DEL and the C1 controls, which JSON does not escape and HTTP does not forbid. A terminal takes U+009B for the start of a command,
 * and paths come from strangers.
 */
const controls = /[\x7f-\x9f]/;
const everyControl = /[\x7f-\x9f]/g;

function escaped(control: string): string {
  return `\\u00${control.charCodeAt(0).toString(16)}`;
}

function levels(logger: Logger, flush: () => void): Log {
  return {
    debug: (event, fields) => logger.debug(fields ?? {}, event),
    info: (event, fields) => logger.info(fields ?? {}, event),
    warn: (event, fields?: LogFields) => {
      logger.warn(fields ?? {}, event);
      flush();
    },
    error: (event, fields?: LogFields) => {
      logger.error(fields ?? {}, event);
      flush();
    },
  };
}

function createRenderer(colorize: boolean): (line: string) => string {
  return pretty.prettyFactory({
    colorize,
    messageKey: "event",
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
}
