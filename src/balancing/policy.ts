/** What a policy sees of an endpoint. */
export interface Candidate {
  /** Calls picked and not done. Only `pick` and `done` of the policy write it. */
  outstanding: number;
}

/**
 * Chooses an endpoint for each call, and counts. One instance serves one backend. Nothing here knows addresses, connections
 * or readiness: it is given the ready endpoints.
 */
export interface Policy<E extends Candidate> {
  /**
   * Replaces the set of endpoints that may be picked (the ready ones). Endpoints that stay keep their counts and what was
   * learnt of them; endpoints that went may still be given to `done`.
   */
  update(ready: readonly E[]): void;
  /**
   * Chooses and counts in one synchronous step (invariant 1).
   * @param method the call's path, `/package.Service/Method`
   * @param except an endpoint to avoid when there is another (a retry's first choice)
   * @returns undefined when no endpoint is ready
   */
  pick(method: string, except?: E): E | undefined;
  /**
   * Uncounts. Called exactly once per pick, also for endpoints that have left the set.
   * @param elapsed milliseconds from the pick to the response's head (streams) or end (unary); negative when the call says
   * nothing about the pod (cancelled by the client, refused unprocessed)
   * @param fault the call failed by the pod's fault
   */
  done(endpoint: E, method: string, elapsed: number, fault: boolean): void;
}
