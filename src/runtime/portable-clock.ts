import type { Clock } from "./machine.ts";

/** Time on platforms of which no more is known than that they have timers: setTimeout gives a number there, and not an object. */
export const portableClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  timer: (run, ms) => {
    const handle: unknown = setTimeout(run, ms);
    // Where there is a process, a timer alone must not keep it.
    if (typeof handle === "object" && handle !== null && "unref" in handle) (handle.unref as () => void)();
    return { cancel: () => clearTimeout(handle as number) };
  },
};
