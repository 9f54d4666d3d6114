import { createPolicy } from "../../src/balancing/create-policy.ts";
import type { Candidate, Policy } from "../../src/balancing/policy.ts";
import type { Clock, Random } from "../../src/runtime/machine.ts";

export interface TestEndpoint extends Candidate {
  readonly name: string;
}

/** Endpoints as they are before any policy has seen them. */
export function endpoints(count: number, prefix = "e"): TestEndpoint[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${prefix}${i}`, outstanding: 0, slot: -1 }));
}

export interface Contender {
  readonly name: string;
  readonly create: (clock: Clock, random: Random) => Policy<TestEndpoint>;
}

/** Every policy, with every tie rule. */
export const contenders: readonly Contender[] = [
  ...(["quickest", "random"] as const).map((ties) => ({
    name: `least_outstanding, ties ${ties}`,
    create: (clock: Clock, random: Random) => createPolicy<TestEndpoint>("least_outstanding", { ties, clock, random }),
  })),
  ...(["round_robin", "p2c", "random"] as const).map((name) => ({
    name,
    create: (clock: Clock, random: Random) => createPolicy<TestEndpoint>(name, { ties: "quickest", clock, random }),
  })),
];
