import type { BackendSettings } from "../config/settings.ts";
import type { ResolutionError, Resolver, ResolverListener } from "../discovery/resolver.ts";
import type { Address, Log, Machine } from "../runtime/machine.ts";
import { createPolicy } from "./create-policy.ts";
import { Endpoint, type EndpointOwner, labelOf, type OpenConnection } from "./endpoint.ts";
import type { Policy } from "./policy.ts";
import { subsetOf } from "./subset.ts";

/** A call that waits until an endpoint is ready. */
export interface PickWaiter {
  /** Try again now. */
  retry(): void;
  /** No endpoint became ready. */
  fail(message: string): void;
}

export interface BackendParts {
  readonly machine: Pick<Machine, "clock" | "random" | "soon">;
  readonly resolver: Resolver;
  readonly open: OpenConnection;
  readonly log: Log;
}

/** Draws for an endpoint that a call has not been at; then any is good. */
const MOST_DRAWS = 32;

/** A named set of interchangeable endpoints: keeps it in step with the resolver, and picks. */
export class Backend implements ResolverListener, EndpointOwner {
  readonly settings: BackendSettings;
  readonly resolver: Resolver;
  /** All that are known, draining ones included, by label. */
  readonly endpoints = new Map<string, Endpoint>();
  /** Calls ended, by gRPC status code. */
  readonly calls = new Array<number>(17).fill(0);
  retries = 0;
  readonly #parts: BackendParts;
  readonly #policy: Policy<Endpoint>;
  /** Which subset is ours, while `settings.subset` is not 0. */
  readonly #salt: number;
  /** The order of arrival is the order of a Set. */
  readonly #pending = new Set<PickWaiter>();
  /** The resolver has answered at least once, with a set or with a failure. */
  #answered = false;
  #resolutionError = "";
  #updatePlanned = false;
  #closed = false;

  constructor(settings: BackendSettings, parts: BackendParts) {
    this.settings = settings;
    this.resolver = parts.resolver;
    this.#parts = parts;
    const { clock, random } = parts.machine;
    this.#policy = createPolicy<Endpoint>(settings.policy, { ties: settings.ties, clock, random });
    this.#salt = settings.subset === 0 ? 0 : Math.floor(random() * 2 ** 32);
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** True once the first resolution has ended, well or not. */
  get answered(): boolean {
    return this.#answered;
  }

  start(): void {
    this.resolver.start(this);
  }

  // ── Calls ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Chooses and counts (invariant 1); undefined when no endpoint is ready.
   * @param tried the endpoints that this call was at before, the last one last: avoided while there are others
   */
  pick(path: string, tried: readonly Endpoint[]): Endpoint | undefined {
    let endpoint = this.#pickUntried(path, tried);
    if (endpoint !== undefined && !endpoint.ready) {
      // It was lost in this turn, and the policy hears of changes once a turn.
      this.#policy.done(endpoint, path, -1, false);
      this.#update();
      endpoint = this.#pickUntried(path, tried);
    }
    if (endpoint !== undefined) endpoint.picks++;
    return endpoint;
  }

  /** A policy avoids one endpoint; a call's third attempt has two behind it. What was drawn in vain is uncounted again. */
  #pickUntried(path: string, tried: readonly Endpoint[]): Endpoint | undefined {
    const last = tried.length === 0 ? undefined : tried[tried.length - 1];
    let endpoint = this.#policy.pick(path, last);
    if (tried.length < 2) return endpoint;
    const vain: Endpoint[] = [];
    while (endpoint !== undefined && tried.includes(endpoint) && vain.length < MOST_DRAWS) {
      vain.push(endpoint);
      // Still counted, so the policy turns to the others.
      endpoint = this.#policy.pick(path, last);
    }
    for (const drawn of vain) this.#policy.done(drawn, path, -1, false);
    return endpoint;
  }

  /** Uncounts; exactly once per pick. See {@link Policy.done}. */
  done(endpoint: Endpoint, path: string, elapsed: number, fault: boolean): void {
    this.#policy.done(endpoint, path, elapsed, fault);
    endpoint.uncounted();
  }

  /**
   * Why a call cannot be picked for now; null when waiting may help.
   * Invariant 4: nothing here asks DNS or a pod anything.
   */
  hopeless(): string | null {
    if (this.#closed) return "this side is closing";
    if (!this.#answered) return null;
    let last = "";
    let count = 0;
    for (const endpoint of this.endpoints.values()) {
      if (endpoint.draining) continue;
      if (endpoint.state !== "backoff") return null;
      count++;
      if (endpoint.lastError !== "") last = endpoint.lastError;
    }
    const { name, target } = this.settings;
    if (count > 0) {
      return `backend ${name}: no ready endpoint: none of ${count} can be connected, last error: ${last}`;
    }
    return `backend ${name}: no endpoints: ${this.#resolutionError || `${target} has no addresses`}`;
  }

  /** @param most who may wait at a time @returns false when as many wait already */
  wait(waiter: PickWaiter, most: number = this.settings.maxPending): boolean {
    if (this.#pending.size >= most) return false;
    this.#pending.add(waiter);
    return true;
  }

  withdraw(waiter: PickWaiter): void {
    this.#pending.delete(waiter);
  }

  // ── Resolutions ─────────────────────────────────────────────────────────────────────────────────────────────────────

  resolved(addresses: readonly Address[]): void {
    this.#answered = true;
    this.#resolutionError = "";
    const wanted = new Map(addresses.map((address) => [labelOf(address), address]));
    const known = wanted.size;
    const subset = subsetOf(wanted.keys(), this.settings.subset, this.#salt);
    for (const label of wanted.keys()) if (!subset.has(label)) wanted.delete(label);
    // Invariant 5: new ones before gone ones, and the same object for the same address.
    for (const [label, address] of wanted) this.#add(label, address);
    this.#remove([...this.endpoints.values()].filter((endpoint) => !wanted.has(endpoint.label)));
    this.#parts.log.info("endpoints changed", {
      backend: this.settings.name,
      endpoints: [...wanted.keys()].slice(0, 20),
      count: wanted.size,
      ...(known > wanted.size ? { known } : {}),
    });
    this.readiness();
  }

  emptied(reason: string): void {
    this.#answered = true;
    this.#resolutionError = reason;
    this.#remove([...this.endpoints.values()]);
    this.#parts.log.warn("all endpoints gone", { backend: this.settings.name, reason });
    this.readiness();
  }

  failed(error: ResolutionError): void {
    const first = this.#resolutionError === "";
    this.#answered = true;
    this.#resolutionError = error.message;
    if (first) {
      this.#parts.log.warn("resolution failed", {
        backend: this.settings.name,
        outcome: error.outcome,
        error: error.message,
      });
    }
    this.#wake();
  }

  #add(label: string, address: Address): void {
    const known = this.endpoints.get(label);
    if (known !== undefined && !known.draining) return;
    const { open, machine } = this.#parts;
    const endpoint =
      known ?? new Endpoint(address, { open, clock: machine.clock, random: machine.random, owner: this });
    this.endpoints.set(label, endpoint);
    endpoint.start();
  }

  #remove(gone: readonly Endpoint[]): void {
    const leaving = gone.filter((endpoint) => !endpoint.draining);
    if (leaving.length === 0) return;
    for (const endpoint of leaving) endpoint.draining = true;
    // All out of the policy's set, in one change, before their waiting calls are sent elsewhere.
    this.#update();
    for (const endpoint of leaving) endpoint.drain();
  }

  // ── Endpoints' events ───────────────────────────────────────────────────────────────────────────────────────────────

  readiness(): void {
    if (this.#updatePlanned) return;
    this.#updatePlanned = true;
    // Once a turn: a thousand endpoints that become ready together are one change.
    this.#parts.machine.soon(() => {
      this.#updatePlanned = false;
      this.#update();
      this.#wake();
    });
  }

  lost(endpoint: Endpoint, message: string): void {
    this.resolver.refresh();
    this.#parts.log.debug("connection lost", { backend: this.settings.name, endpoint: endpoint.label, message });
  }

  drained(endpoint: Endpoint): void {
    if (this.endpoints.get(endpoint.label) === endpoint) this.endpoints.delete(endpoint.label);
  }

  #update(): void {
    const ready: Endpoint[] = [];
    for (const endpoint of this.endpoints.values()) if (endpoint.ready) ready.push(endpoint);
    this.#policy.update(ready);
  }

  /** Waiting calls go on, or fail when waiting has become hopeless. */
  #wake(): void {
    if (this.#pending.size === 0) return;
    let ready = false;
    for (const endpoint of this.endpoints.values()) ready ||= endpoint.ready;
    const message = ready ? null : this.hopeless();
    if (!ready && message === null) return;
    for (const waiter of [...this.#pending]) {
      // What is done for one may end another.
      if (!this.#pending.delete(waiter)) continue;
      if (message === null) waiter.retry();
      else waiter.fail(message);
    }
  }

  close(): void {
    this.#closed = true;
    this.resolver.stop();
    for (const endpoint of this.endpoints.values()) endpoint.close();
    this.#wake();
  }
}
