import { gunzipSync } from "node:zlib";
import type { Inflate } from "./machine.ts";

/** At once and not in a worker: messages are small, and their order is the stream's. */
export const inflate: Inflate = (bytes, maxBytes) => {
  try {
    // One byte more than allowed, because zlib refuses a limit of 0.
    const whole = gunzipSync(bytes, { maxOutputLength: maxBytes + 1 });
    return whole.length > maxBytes ? "larger" : whole;
  } catch (error) {
    return (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE" ? "larger" : "malformed";
  }
};
