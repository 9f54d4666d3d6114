import type { Clock } from "../../src/runtime/machine.ts";

/** Simulated time, set by the simulation as it takes events in order. It has no timers: policies make none. */
export interface SimulatedClock extends Clock {
  time: number;
}

export function simulatedClock(): SimulatedClock {
  const clock: SimulatedClock = {
    time: 0,
    now: () => clock.time,
    wall: () => clock.time,
    timer: () => {
      throw new Error("simulated clock: no timers");
    },
  };
  return clock;
}
