import { ErrorCode, errorCodeName } from "./error-code.ts";
import type { Abort } from "./receiver.ts";

/** An end of our own making. */
export function localAbort(code: number, message: string): Abort {
  return { by: "local", code, unprocessed: false, message };
}

/** The peer sent RST_STREAM. */
export function resetAbort(code: number): Abort {
  return {
    by: "reset",
    code,
    // RFC 9113 8.7: REFUSED_STREAM "indicates that the stream is being closed prior to any processing having occurred".
    unprocessed: code === ErrorCode.REFUSED_STREAM,
    message: `stream reset with ${errorCodeName(code)}`,
  };
}

/** The connection has gone, and the stream with it. */
export function lostAbort(message: string): Abort {
  return { by: "connection", code: ErrorCode.INTERNAL_ERROR, unprocessed: false, message };
}
