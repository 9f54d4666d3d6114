import { ErrorCode } from "./error-code.ts";
import { ConnectionError } from "./errors.ts";
import { DEFAULT_MAX_FRAME_BYTES, MAX_WINDOW, Setting } from "./frame.ts";

/** What a SETTINGS frame changes; null for what it does not mention. */
export interface PeerSettings {
  readonly headerTableSize: number | null;
  readonly maxConcurrentStreams: number | null;
  readonly initialWindowSize: number | null;
  readonly maxHeaderListSize: number | null;
}

/**
 * Reads and checks a SETTINGS payload (RFC 9113 6.5.2): pairs of two bytes of identifier and four of value. The last of equal
 * identifiers counts. MAX_FRAME_SIZE is checked and not used: larger frames are allowed to us, not owed, and small ones let
 * streams take turns.
 * @param from who sent it
 */
export function readSettings(bytes: Uint8Array, start: number, end: number, from: "client" | "server"): PeerSettings {
  let headerTableSize: number | null = null;
  let maxConcurrentStreams: number | null = null;
  let initialWindowSize: number | null = null;
  let maxHeaderListSize: number | null = null;
  for (let at = start; at < end; at += 6) {
    const value = ((bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5]) >>> 0;
    switch ((bytes[at] << 8) | bytes[at + 1]) {
      case Setting.HEADER_TABLE_SIZE:
        headerTableSize = value;
        break;
      case Setting.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1");
        // RFC 9113 6.5.2: a client MUST treat ENABLE_PUSH set to 1 by a server as a connection error.
        if (value === 1 && from === "server") {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a server sets ENABLE_PUSH");
        }
        break;
      case Setting.MAX_CONCURRENT_STREAMS:
        maxConcurrentStreams = value;
        break;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW) {
          throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE is too large");
        }
        initialWindowSize = value;
        break;
      case Setting.MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME_BYTES || value > 0xffffff) {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE is out of range");
        }
        break;
      case Setting.MAX_HEADER_LIST_SIZE:
        maxHeaderListSize = value;
        break;
      default:
      // RFC 9113 6.5.2: "An endpoint that receives a SETTINGS frame with any unknown or unsupported identifier MUST ignore".
    }
  }
  return { headerTableSize, maxConcurrentStreams, initialWindowSize, maxHeaderListSize };
}
