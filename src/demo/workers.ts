import type { Clock } from "../runtime/machine.ts";

/** A pod's capacity: so many calls are worked on at once, the others wait in line. */
export interface Workers {
  /**
   * Waits for a free worker and keeps it for one piece of work.
   * @returns false when the call was given up before the work was done; its place in the line, or its worker, is free then
   */
  work(givenUp: AbortSignal): Promise<boolean>;
  /** Calls that are worked on or wait. */
  readonly present: number;
}

/**
 * The work is a timer and not a loop: pods, gateway and clients share one event loop in the demo, and none of them may starve
 * another.
 * @param ms duration of one piece of work
 */
export function createWorkers(count: number, ms: number, clock: Clock): Workers {
  let busy = 0;
  let present = 0;
  const line = new Set<() => void>();

  const release = () => {
    const next = line.values().next();
    if (next.done === true) {
      busy--;
      return;
    }
    // The worker passes from hand to hand: `busy` stays.
    line.delete(next.value);
    next.value();
  };

  return {
    get present() {
      return present;
    },
    work: (givenUp) =>
      new Promise((resolve) => {
        if (givenUp.aborted) {
          resolve(false);
          return;
        }
        present++;
        const finish = (done: boolean) => {
          present--;
          givenUp.removeEventListener("abort", leave);
          resolve(done);
        };
        let leave = () => {
          line.delete(begin);
          finish(false);
        };
        const begin = () => {
          const timer = clock.timer(() => {
            finish(true);
            release();
          }, ms);
          givenUp.removeEventListener("abort", leave);
          leave = () => {
            timer.cancel();
            finish(false);
            release();
          };
          givenUp.addEventListener("abort", leave);
        };
        givenUp.addEventListener("abort", leave);
        if (busy < count) {
          busy++;
          begin();
        } else {
          line.add(begin);
        }
      }),
  };
}
