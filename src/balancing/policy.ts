/** What a policy sees of an endpoint. Policies are its only writers. */
export interface Candidate {
  /** Calls picked and not done. */
  outstanding: number;
  /**
   * Index in the ready set of the policy that serves it, -1 while it is not in there and before any policy has seen it.
   * An endpoint therefore belongs to one policy. A field and not a map of endpoints: that would cost every pick and done
   * a lookup.
   */
  slot: number;
}

/**
 * Chooses an endpoint for each call, and counts. One instance serves one backend. Nothing here knows addresses, connections
 * or readiness: it is given the ready endpoints.
 */
export interface Policy<E extends Candidate> {
  /**
   * Replaces the set of endpoints that may be picked (the ready ones). Endpoints that stay keep their counts and what was
   * learnt of them; endpoints that went may still be given to `done`, and may come back with calls still outstanding.
   * @param ready without duplicates, in any order; copied
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
   * @throws when the endpoint has no outstanding call: a second `done` would spoil the counts silently
   */
  done(endpoint: E, method: string, elapsed: number, fault: boolean): void;
}
