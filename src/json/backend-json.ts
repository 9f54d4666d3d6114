import type { Backend, PickWaiter } from "../balancing/backend.ts";
import type { Endpoint } from "../balancing/endpoint.ts";
import type { BackendSettings } from "../config/settings.ts";
import type { Request } from "../protocols/classify.ts";
import type { HeldMessages } from "../protocols/held-messages.ts";
import type { Log, Machine } from "../runtime/machine.ts";
import { DescriptorSet } from "./descriptor-set.ts";
import { GuardedGet } from "./guarded-get.ts";
import { Heads } from "./heads.ts";
import { JsonCall } from "./json-call.ts";
import type { StageParts } from "./json-stages.ts";
import { type Found, PodSchemas } from "./pod-schemas.ts";
import { hasNoSideEffects, type Schema } from "./schema.ts";

export interface BackendJsonParts {
  readonly machine: Pick<Machine, "clock" | "readBytes" | "inflate">;
  readonly log: Log;
  /** The gateway's messages that are held whole: those that are translated count, too. */
  readonly held: HeldMessages;
}

/** What a GET to a method that no route lists comes to. `error`: there is no pod to ask. */
export type Safety = { readonly safe: boolean } | { readonly error: string };

/** Pods that are asked, one after the other, what a method is, when those that were asked before have gone. A call is tried as often. */
const MOST_ASKED = 5;

/** What becomes of JSON at one backend, and what is known of its pods' schemas. See docs/json.md. */
export class BackendJson {
  readonly mode: BackendSettings["json"];
  readonly ignoreUnknownFields: boolean;
  readonly stageParts: StageParts;
  readonly #backend: Backend;
  readonly #parts: BackendJsonParts;
  readonly #set: DescriptorSet | null;
  readonly #pods = new WeakMap<Endpoint, PodSchemas>();

  constructor(backend: Backend, parts: BackendJsonParts) {
    const { settings } = backend;
    const { inflate } = parts.machine;
    this.#backend = backend;
    this.#parts = parts;
    this.mode = settings.json;
    this.ignoreUnknownFields = settings.jsonIgnoreUnknownFields;
    this.stageParts = {
      heads: new Heads(),
      inflate,
      maxMessageBytes: settings.maxMessageBytes,
      held: parts.held,
    };
    const path = settings.descriptorSet;
    this.#set = path === null ? null : new DescriptorSet(path, parts);
  }

  /** @throws (rejects) when the descriptor set cannot be loaded */
  async start(): Promise<void> {
    await this.#set?.start();
  }

  stop(): void {
    this.#set?.stop();
  }

  /** What stands between a call and its pod; null when nothing has to. */
  stages(request: Request): JsonCall | null {
    if (request.codec !== "json" || this.mode === "passthrough" || this.mode === "off") return null;
    return new JsonCall(this, request);
  }

  /** Why this backend does not take a request in JSON; null when it does. */
  refusal(request: Request): string | null {
    if (request.codec !== "json" || this.mode !== "off") return null;
    return `backend ${this.#backend.settings.name} does not take JSON: it takes proto`;
  }

  /** The stages of a GET that {@link safety} has allowed, around those that it has anyway. */
  guard(request: Request, stages: JsonCall | null): GuardedGet {
    return new GuardedGet(this, request, stages);
  }

  /** The method in the schema of this very pod. Where there is a descriptor set it is the schema of all of them, and no pod is asked. */
  find(endpoint: Endpoint, { service, method, authority }: Request): Found | Promise<Found> {
    const set = this.#set;
    return set === null ? this.#pod(endpoint).find(service, method, authority) : inSet(set, service, method);
  }

  /** A schema that has this type and the request's method; null when there is none. */
  async extend(endpoint: Endpoint, type: string, { authority }: Request): Promise<Schema | null> {
    // A descriptor set is what it is.
    return this.#set === null ? this.#pod(endpoint).extend(type, authority) : null;
  }

  /**
   * Whether the schema says that the method has no side effects, so that it may be called by GET. In a rolling update every
   * version that is known must say so; and whichever pod is picked then must: see {@link guard}.
   * @param gone nobody waits for the answer any more
   */
  safety(request: Request, gone: AbortSignal): Safety | Promise<Safety> {
    if (this.#set !== null) return safetyOf(inSet(this.#set, request.service, request.method));
    if (this.mode === "passthrough" || this.mode === "off") return { safe: false };
    return this.#ask(request, gone, MOST_ASKED);
  }

  /** @param left pods that may still be asked, after others have gone meanwhile */
  #ask(request: Request, gone: AbortSignal, left: number): Safety | Promise<Safety> {
    let unasked: PodSchemas | null = null;
    /** Most pods share one schema: it is looked into once. */
    let safe: Schema | null = null;
    for (const endpoint of this.#backend.endpoints.values()) {
      if (!endpoint.ready) continue;
      const pod = this.#pod(endpoint);
      if (safe !== null && pod.schema === safe) continue;
      const known = pod.known(request.service, request.method);
      if (known === null) unasked ??= pod;
      else if (known.kind === "found" && hasNoSideEffects(known.method)) safe = known.schema;
      else return { safe: false };
    }
    if (safe !== null) return { safe: true };
    if (unasked !== null) {
      const answer = (found: Found) => {
        if (found.kind === "lost" && left > 1 && !gone.aborted) return this.#ask(request, gone, left - 1);
        return safetyOf(found);
      };
      const found = unasked.find(request.service, request.method, request.authority);
      return found instanceof Promise ? found.then(answer) : answer(found);
    }
    const hopeless = this.#backend.hopeless();
    if (hopeless !== null) return { error: hopeless };
    return new Promise((resolve) => {
      const waiter: PickWaiter = {
        retry: () => resolve(this.#ask(request, gone, left)),
        fail: (message) => resolve({ error: message }),
      };
      gone.addEventListener("abort", () => this.#backend.withdraw(waiter));
      if (this.#backend.wait(waiter)) return;
      resolve({ error: `backend ${this.#backend.settings.name}: too many calls wait for an endpoint` });
    });
  }

  #pod(endpoint: Endpoint): PodSchemas {
    const known = this.#pods.get(endpoint);
    if (known !== undefined && known.generation === endpoint.generation) return known;
    const { machine, log } = this.#parts;
    const pod = new PodSchemas(
      {
        clock: machine.clock,
        inflate: machine.inflate,
        log,
        backend: this.#backend.settings.name,
        needed: this.mode === "transcode",
        schemas: () => this.#schemas(),
      },
      endpoint,
    );
    this.#pods.set(endpoint, pod);
    return pod;
  }

  /** Pods of one version share what they have in common. What no pod has any more is not kept. */
  #schemas(): Schema[] {
    const schemas = new Set<Schema>();
    for (const endpoint of this.#backend.endpoints.values()) {
      const schema = this.#pods.get(endpoint)?.schema ?? null;
      if (schema !== null) schemas.add(schema);
    }
    return [...schemas];
  }
}

function inSet({ schema }: DescriptorSet, service: string, method: string): Found {
  const found = schema?.method(service, method);
  if (schema !== null && found !== undefined) return { kind: "found", schema, method: found, generation: -1 };
  return { kind: "unknown", generation: -1, message: `the descriptor set does not have ${service}/${method}` };
}

function safetyOf(found: Found): Safety {
  switch (found.kind) {
    case "found":
      return { safe: hasNoSideEffects(found.method) };
    case "lost":
      return { error: found.message };
    default:
      return { safe: false };
  }
}
