import type { Clock, Timer } from "../runtime/machine.ts";

/** @returns true after `ms` milliseconds, false as soon as `stop` is aborted */
export function sleep(clock: Clock, ms: number, stop: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (stop.aborted) {
      resolve(false);
      return;
    }
    const stopped = () => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.timer(() => {
      stop.removeEventListener("abort", stopped);
      resolve(true);
    }, ms);
    stop.addEventListener("abort", stopped, { once: true });
  });
}

/** Runs `run` again and again, `ms` milliseconds apart, until it is cancelled. */
export function every(clock: Clock, ms: number, run: () => void): Timer {
  let timer: Timer;
  let cancelled = false;
  const again = () => {
    timer = clock.timer(() => {
      run();
      if (!cancelled) again();
    }, ms);
  };
  again();
  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}
