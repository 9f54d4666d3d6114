import type { Candidate, Policy } from "../../src/balancing/policy.ts";
import type { Clock, Random } from "../../src/runtime/machine.ts";
import { simulatedClock } from "./clock.ts";
import { EventQueue } from "./event-queue.ts";

/** A pod with one worker and a queue without limit, first come first served. */
export interface Pod {
  readonly name: string;
  /** 1: a call takes its service time; 0.5: twice that. */
  speed: number;
  /** Answers every call at once with an error of its own. */
  failing: boolean;
  /** Simulated milliseconds at which the worker is through with its queue. */
  freeAt: number;
  /** Calls that gateways have sent here. */
  calls: number;
}

export function pod(name: string, speed = 1): Pod {
  return { name, speed, failing: false, freeAt: 0, calls: 0 };
}

/** A pod as one gateway counts it. */
export interface SimulatedEndpoint extends Candidate {
  readonly pod: Pod;
}

export interface Method {
  readonly path: string;
  /** Milliseconds of work that a call takes at speed 1: the mean. */
  readonly mean: number;
  /** How often it is called, relative to the others. */
  readonly weight: number;
}

/** Where calls come from, when not each from anywhere. */
export interface Clients {
  /** Simulated milliseconds from a call to the next one, whose gateway is `gateway` from then on. */
  next(random: Random): number;
  /** Index of the gateway that the next call comes to. */
  readonly gateway: number;
}

export interface SimulationOptions {
  /** One policy for each gateway; gateways know nothing of each other. */
  readonly policy: (clock: Clock, random: Random) => Policy<SimulatedEndpoint>;
  readonly gateways: number;
  readonly pods: readonly Pod[];
  readonly methods: readonly Method[];
  /** The distribution of service times around the mean. */
  readonly service: "exponential" | "constant";
  /** Calls a second over all gateways, Poisson. Without meaning when there are `clients`. */
  readonly rate: number;
  /** When left out, a Poisson process at `rate`, in which each call comes to any gateway. */
  readonly clients?: Clients;
  /** The pods that a gateway knows, of all; all when left out. */
  readonly known?: (pods: readonly Pod[], gateway: number) => readonly Pod[];
  readonly random: Random;
}

interface Call {
  readonly gateway: Gateway;
  readonly endpoint: SimulatedEndpoint;
  readonly method: Method;
  readonly picked: number;
  readonly fault: boolean;
}

interface Gateway {
  readonly policy: Policy<SimulatedEndpoint>;
  readonly endpoints: Map<Pod, SimulatedEndpoint>;
}

/** Gateways in front of pods, event by event on a simulated clock. The network takes no time. */
export class Simulation {
  readonly clock = simulatedClock();
  readonly gateways: readonly Gateway[];
  /** Milliseconds from pick to end of each call that has ended well, in the order of their ends. */
  latencies: number[] = [];
  faults = 0;
  /** Calls for which a policy had no endpoint. */
  unplaced = 0;
  /** Calls a second over all gateways: may be changed between runs. */
  rate: number;
  private readonly options: SimulationOptions;
  private readonly ends = new EventQueue<Call>();

  constructor(options: SimulationOptions) {
    this.options = options;
    this.rate = options.rate;
    this.gateways = Array.from({ length: options.gateways }, () => ({
      policy: options.policy(this.clock, options.random),
      endpoints: new Map(),
    }));
    this.setPods(options.pods);
  }

  /** Every gateway sees these pods as ready from now on. Pods that went finish their calls. */
  setPods(pods: readonly Pod[]): void {
    const { known = (all: readonly Pod[]) => all } = this.options;
    this.gateways.forEach(({ policy, endpoints }, index) => {
      const ready = known(pods, index).map((pod) => {
        const endpoint = endpoints.get(pod) ?? { pod, outstanding: 0, slot: -1 };
        endpoints.set(pod, endpoint);
        return endpoint;
      });
      policy.update(ready);
    });
  }

  /** Lets calls arrive and end for so many milliseconds. */
  run(milliseconds: number): void {
    const stop = this.clock.time + milliseconds;
    let arrival = this.clock.time + this.gap();
    for (;;) {
      const time = Math.min(arrival, this.ends.next);
      if (time > stop) break;
      this.clock.time = time;
      if (time === arrival) {
        this.arrive();
        arrival += this.gap();
      } else this.end(this.ends.take());
    }
    this.clock.time = stop;
  }

  /** Lets the calls that are open end; none arrives. */
  finish(): void {
    while (this.ends.next < Number.POSITIVE_INFINITY) {
      this.clock.time = this.ends.next;
      this.end(this.ends.take());
    }
  }

  /** Calls that any gateway counts as outstanding at this pod. */
  outstanding(pod: Pod): number {
    return this.gateways.reduce((sum, { endpoints }) => sum + (endpoints.get(pod)?.outstanding ?? 0), 0);
  }

  private arrive(): void {
    const { random, methods, service, clients } = this.options;
    const gateway = clients === undefined ? oneOf(this.gateways, random) : this.gateways[clients.gateway];
    const method = byWeight(methods, random);
    const endpoint = gateway.policy.pick(method.path);
    if (endpoint === undefined) {
      this.unplaced++;
      return;
    }
    const { pod } = endpoint;
    const now = this.clock.time;
    pod.calls++;
    const fault = pod.failing;
    if (!fault) {
      const work = service === "constant" ? method.mean : exponential(method.mean, random);
      pod.freeAt = Math.max(pod.freeAt, now) + work / pod.speed;
    }
    // A failing pod takes half a millisecond for an error, whatever else it does.
    this.ends.add(fault ? now + 0.5 : pod.freeAt, { gateway, endpoint, method, picked: now, fault });
  }

  private end({ gateway, endpoint, method, picked, fault }: Call): void {
    const elapsed = this.clock.time - picked;
    gateway.policy.done(endpoint, method.path, elapsed, fault);
    if (fault) this.faults++;
    else this.latencies.push(elapsed);
  }

  private gap(): number {
    const { clients, random } = this.options;
    return clients === undefined ? exponential(1000 / this.rate, random) : clients.next(random);
  }
}

export function exponential(mean: number, random: Random): number {
  return -mean * Math.log(1 - random());
}

function oneOf<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random() * items.length)];
}

function byWeight(methods: readonly Method[], random: Random): Method {
  let left = random() * methods.reduce((sum, { weight }) => sum + weight, 0);
  for (const method of methods) {
    left -= method.weight;
    if (left < 0) return method;
  }
  return methods[methods.length - 1];
}
