import process from "node:process";

/** The first file descriptor that a service manager hands over: 0 to 2 are the standard ones (sd_listen_fds(3)). */
const FIRST = 3;

/**
 * The listening sockets that systemd has opened for this process (socket activation, sd_listen_fds(3)), in the order of its unit:
 * they are bound already, so that a port below 1024 needs no right, and while the process is restarted clients wait in the
 * socket's queue instead of being refused. Empty when there are none. Deno cannot listen on a descriptor, and may not even be
 * allowed to look at the environment.
 */
export function inheritedSockets(): number[] {
  if (process.versions.deno !== undefined) return [];
  const { LISTEN_PID, LISTEN_FDS } = process.env;
  // The variables are inherited by processes that they are not meant for.
  if (LISTEN_PID !== String(process.pid)) return [];
  const count = Number(LISTEN_FDS);
  return Number.isInteger(count) && count > 0 ? Array.from({ length: count }, (_, number) => FIRST + number) : [];
}
