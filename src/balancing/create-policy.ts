import type { PolicyName } from "../config/settings.ts";
import type { Clock, Random } from "../runtime/machine.ts";
import { LeastOutstanding } from "./least-outstanding.ts";
import { PowerOfTwo } from "./p2c.ts";
import type { Candidate, Policy } from "./policy.ts";
import { QuickestTies } from "./quickest.ts";
import { RandomChoice } from "./random.ts";
import { RoundRobin } from "./round-robin.ts";
import { randomTies } from "./ties.ts";

export interface PolicyOptions {
  /** How `least_outstanding` chooses among endpoints with equally many calls; the others have no use for it. */
  readonly ties: "quickest" | "random";
  readonly clock: Clock;
  readonly random: Random;
}

/** The policy of this name for one backend, without endpoints yet. */
export function createPolicy<E extends Candidate>(name: PolicyName, options: PolicyOptions): Policy<E> {
  const { ties, clock, random } = options;
  switch (name) {
    case "least_outstanding":
      return new LeastOutstanding(ties === "random" ? randomTies<E>(random) : new QuickestTies<E>(clock, random));
    case "round_robin":
      return new RoundRobin(random);
    case "p2c":
      return new PowerOfTwo(random);
    case "random":
      return new RandomChoice(random);
  }
}
