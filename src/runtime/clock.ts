import type { Clock } from "./machine.ts";

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  timer: (run, ms) => {
    const handle = setTimeout(run, ms);
    // A gateway lives by its sockets; a timer alone (a refresh, a back-off) must not keep a process that wants to end.
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
