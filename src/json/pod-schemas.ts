import type { DescMethod } from "@bufbuild/protobuf";
import type { Endpoint } from "../balancing/endpoint.ts";
import type { Clock, Inflate, Log } from "../runtime/machine.ts";
import { type Asked, askPod, REFLECTION_APIS } from "./ask-pod.ts";
import { createSchema, extendSchema, type Files, type Schema, sameFiles } from "./schema.ts";

/** What a method's messages are translated by, or why not. */
export type Found =
  | {
      readonly kind: "found";
      readonly schema: Schema;
      readonly method: DescMethod;
      /** Of the endpoint, for which this holds; -1 for all. */
      readonly generation: number;
    }
  /** There is a schema, and the method is not in it. */
  | { readonly kind: "unknown"; readonly generation: number; readonly message: string }
  /** There is no schema. */
  | { readonly kind: "none"; readonly generation: number; readonly message: string }
  /** The pod is gone. */
  | { readonly kind: "lost"; readonly message: string };

/** A pod is asked again for what it did not have no sooner than this: a client may call what does not exist, again and again. */
const REASK_MS = 10_000;
/** Questions to a pod at once: clients may call any number of services, and calls need streams, too. */
const MOST_AT_ONCE = 10;
/** Symbols that a pod did not have, of which that is remembered. */
const MAX_UNKNOWN = 256;
/** What may be the full name of a type. Of names in an Any, which come from clients: a pod is asked for no other, and they are remembered. */
const TYPE_NAME = /^[A-Za-z_][\w.]{0,511}$/;

export interface PodParts {
  readonly clock: Clock;
  readonly inflate: Inflate;
  readonly log: Log;
  readonly backend: string;
  /** JSON is lost without a schema, and does not go on to the pod as it is. */
  readonly needed: boolean;
  /** What is known of all pods. */
  schemas(): Schema[];
}

/** What became of asking for a symbol. */
interface Answer {
  readonly at: number;
  /** Why there is no schema; empty when there is, or when the pod does not have the symbol. */
  readonly problem: string;
}

/** What one pod has said of its schema by reflection. Nothing of it outlives the pod: see `Endpoint.generation`. */
export class PodSchemas {
  readonly generation: number;
  /** Of all files known so far. */
  schema: Schema | null = null;
  readonly #parts: PodParts;
  readonly #endpoint: Endpoint;
  #files: Files = new Map();
  readonly #pending = new Map<string, Promise<Asked>>();
  /** Questions under way, and those that wait for their turn. */
  #asking = 0;
  readonly #queue: (() => void)[] = [];
  /** What symbols were asked for. */
  readonly #answers = new Map<string, Answer>();
  /** Index of the reflection service that the pod has, or is thought to have. */
  #api = 0;
  /** Why the pod is asked nothing at all, until when. */
  #deaf = "";
  #deafUntil = 0;
  /** The last failure that was logged. */
  #said = "";

  constructor(parts: PodParts, endpoint: Endpoint) {
    this.#parts = parts;
    this.#endpoint = endpoint;
    this.generation = endpoint.generation;
  }

  /** What is known without asking; null when the pod is to be asked, first or again. */
  known(service: string, method: string): Found | null {
    const found = this.schema?.method(service, method);
    if (found !== undefined && this.schema !== null) {
      return { kind: "found", schema: this.schema, method: found, generation: this.generation };
    }
    return this.#mayAsk(service) ? null : this.#conclude(service, method);
  }

  /** At once when it is known. Asks the pod when it is not, or when the method was unknown and some time has passed. */
  find(service: string, method: string, authority: string): Found | Promise<Found> {
    const known = this.known(service, method);
    if (known !== null) return known;
    return this.#learn(service, authority).then((asked) =>
      asked.kind === "lost" ? { kind: "lost", message: asked.message } : this.#conclude(service, method),
    );
  }

  /** Another type was met in an Any. @returns the schema that has it; null when there is none */
  async extend(type: string, authority: string): Promise<Schema | null> {
    if (this.schema?.message(type) !== undefined) return this.schema;
    if (!TYPE_NAME.test(type)) return null;
    if (this.#mayAsk(type)) await this.#learn(ownString(type), authority);
    return this.schema?.message(type) === undefined ? null : this.schema;
  }

  #isDeaf(): boolean {
    return this.#parts.clock.now() < this.#deafUntil;
  }

  #mayAsk(symbol: string): boolean {
    const now = this.#parts.clock.now();
    if (this.#isDeaf()) return false;
    if (this.#pending.has(symbol)) return true;
    const answer = this.#answers.get(symbol);
    return answer === undefined || now - answer.at >= REASK_MS;
  }

  #conclude(service: string, method: string): Found {
    const { generation, schema } = this;
    const found = schema?.method(service, method);
    if (schema !== null && found !== undefined) return { kind: "found", schema, method: found, generation };
    const problem = (this.#isDeaf() ? this.#deaf : "") || this.#answers.get(service)?.problem;
    if (problem) return { kind: "none", generation, message: this.#at(problem) };
    const message = this.#at(`the pod's server reflection does not have ${service}/${method}`);
    return { kind: "unknown", generation, message };
  }

  /** Several calls that need the same at once share one question. */
  #learn(symbol: string, authority: string): Promise<Asked> {
    const pending = this.#pending.get(symbol);
    if (pending !== undefined) return pending;
    const asking = this.#ask(symbol, authority).finally(() => this.#pending.delete(symbol));
    this.#pending.set(symbol, asking);
    return asking;
  }

  async #ask(symbol: string, authority: string): Promise<Asked> {
    if (this.#asking < MOST_AT_ONCE) this.#asking++;
    // Whoever is done hands its place on.
    else await new Promise<void>((go) => this.#queue.push(go));
    try {
      if (!this.#isDeaf()) return await this.#askNow(symbol, authority);
      return { kind: "refused", what: "all", message: this.#deaf, generation: this.generation };
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#asking--;
      else next();
    }
  }

  async #askNow(symbol: string, authority: string): Promise<Asked> {
    const { clock, inflate } = this.#parts;
    for (;;) {
      const index = this.#api;
      const api = REFLECTION_APIS[index];
      // What is asked for again is asked for anew.
      const known: Files = this.#answers.has(symbol) ? new Map() : this.#files;
      const asked = await askPod(this.#endpoint, { clock, inflate, authority, api, symbol, known });
      // Another pod has answered than the one that this is about.
      if (asked.kind !== "lost" && asked.generation !== this.generation) {
        return { kind: "lost", message: "the pod was replaced" };
      }
      if (asked.kind === "unimplemented" && index + 1 < REFLECTION_APIS.length) {
        // Others may have asked at the same time, and heard the same.
        this.#api = Math.max(this.#api, index + 1);
        continue;
      }
      if (asked.kind !== "lost") this.#remember(symbol, asked);
      return asked;
    }
  }

  #remember(symbol: string, asked: Asked): void {
    const { clock, log, needed } = this.#parts;
    let problem = "";
    if (asked.kind === "unimplemented") {
      // A pod does not get another set of services in its life.
      this.#deaf = "the pod has no server reflection";
      this.#deafUntil = Number.POSITIVE_INFINITY;
      log[needed ? "warn" : "debug"]("no server reflection", this.#fields());
    } else if (asked.kind === "refused") {
      problem = this.#failed(asked.message);
      // Whoever asks for what the pod cannot answer does not keep others from asking.
      if (asked.what === "all") {
        this.#deaf = problem;
        this.#deafUntil = clock.now() + REASK_MS;
      }
    } else if (asked.kind === "files") problem = this.#add(asked.files);
    this.#answers.delete(symbol);
    this.#answers.set(symbol, { at: clock.now(), problem });
    if (this.#answers.size > MAX_UNKNOWN) this.#answers.delete(this.#answers.keys().next().value ?? "");
  }

  /** @returns the problem as calls are told */
  #failed(message: string): string {
    const { log, needed } = this.#parts;
    if (message !== this.#said)
      log[needed ? "warn" : "info"]("server reflection failed", { ...this.#fields(), error: message });
    this.#said = message;
    return `the pod's server reflection failed: ${message}`;
  }

  #at(problem: string): string {
    return `endpoint ${this.#endpoint.label}: ${problem}`;
  }

  /** @returns a problem; empty when there is none */
  #add(files: Files): string {
    const all: Files = new Map([...this.#files, ...files]);
    try {
      const others = this.#parts.schemas();
      const shared = others.find((other) => sameFiles(other.files, all));
      if (shared !== undefined) this.schema = shared;
      else this.schema = this.schema === null ? createSchema(all, others) : extendSchema(this.schema, files, others);
      // One copy for all pods of a version.
      this.#files = this.schema.files;
      this.#parts.log.debug("schema learnt", { ...this.#fields(), files: all.size, shared: shared !== undefined });
      return "";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return this.#failed(`its descriptors do not fit together: ${message.slice(0, 200)}`);
    }
  }

  #fields(): { readonly backend: string; readonly endpoint: string } {
    return { backend: this.#parts.backend, endpoint: this.#endpoint.label };
  }
}

/** A string that is cut out of another keeps all of that in memory, in V8: here, perhaps, megabytes of a type's URL. */
function ownString(text: string): string {
  return JSON.parse(`"${text}"`);
}
