import type { Clock, Timer } from "../../runtime/machine.ts";

/** How one attempt ended. */
export type Outcome<T> =
  | { readonly kind: "answer"; readonly answer: T }
  /** @property repeatable another one may be made */
  | { readonly kind: "failed"; readonly message: string; readonly repeatable: boolean };

export interface Attempt<T> {
  readonly outcome: Promise<Outcome<T>>;
  /** It has lost, or nobody waits any more. Its answer, should it still come, is thrown away by itself. */
  abandon(): void;
}

/**
 * Makes attempts at one place after another until one has an answer: the next when one has failed, and, for hedging, when none
 * has answered for a while.
 * @param start makes the attempt at the given place
 * @param places in their order, at least one
 * @param hedgeAfter milliseconds; null for no hedging
 * @returns the first answer; the last failure when no attempt is left
 */
export function race<P, T>(
  start: (place: P) => Attempt<T>,
  places: readonly P[],
  hedgeAfter: number | null,
  clock: Pick<Clock, "timer">,
): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    const running = new Set<Attempt<T>>();
    let next = 0;
    let timer: Timer | null = null;
    let over = false;

    const settle = (outcome: Outcome<T>): void => {
      over = true;
      timer?.cancel();
      for (const attempt of running) attempt.abandon();
      resolve(outcome);
    };
    const launch = (): void => {
      const attempt = start(places[next++]);
      running.add(attempt);
      void attempt.outcome.then((outcome) => ended(attempt, outcome));
      timer?.cancel();
      timer = hedgeAfter === null || next >= places.length ? null : clock.timer(launch, hedgeAfter);
    };
    const ended = (attempt: Attempt<T>, outcome: Outcome<T>): void => {
      running.delete(attempt);
      if (over) return;
      if (outcome.kind === "answer") settle(outcome);
      else if (outcome.repeatable && next < places.length) launch();
      else if (running.size === 0) settle(outcome);
    };
    launch();
  });
}
