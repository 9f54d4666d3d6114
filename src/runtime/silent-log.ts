import type { Log } from "./machine.ts";

/** A log that nobody reads: the default of those who embed us. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
