import type { DescMethod } from "@bufbuild/protobuf";
import type { Attempt, Stages, Upstream } from "../balancing/attempt.ts";
import type { Stream } from "../http2/stream.ts";
import type { Request } from "../protocols/classify.ts";
import type { ErrorDetail } from "../protocols/rpc-error.ts";
import { field, Status } from "../protocols/status.ts";
import type { BackendJson } from "./backend-json.ts";
import { JsonRequest, type Translator } from "./json-stages.ts";
import type { Found } from "./pod-schemas.ts";
import type { Schema } from "./schema.ts";
import { type Translated, toJsonText, toJsonValue, toProtobuf } from "./translate.ts";

/** One call in JSON, whose attempts go to pods that may have different versions of its schema. */
export class JsonCall implements Stages, Translator {
  readonly name: string;
  readonly #json: BackendJson;
  readonly #request: Request;
  /** Of the pod that the last attempt was prepared for; null when it takes JSON as it is. */
  #schema: Schema | null = null;
  #method: DescMethod | null = null;
  /** Of the endpoint, that the schema is of; -1 for any. */
  #generation = -1;
  #attempt: Attempt | null = null;

  constructor(json: BackendJson, request: Request) {
    this.#json = json;
    this.#request = request;
    this.name = `${request.service}/${request.method}`;
  }

  prepare(attempt: Attempt): void {
    this.#attempt = attempt;
    const found = this.#json.find(attempt.endpoint, this.#request);
    if (found instanceof Promise) void found.then((found) => this.#go(attempt, found));
    else this.#go(attempt, found);
  }

  #go(attempt: Attempt, found: Found): void {
    if (attempt.over) return;
    this.#schema = null;
    this.#method = null;
    switch (found.kind) {
      case "found":
        this.#schema = found.schema;
        this.#method = found.method;
        this.#generation = found.generation;
        this.#start(attempt, found.generation);
        return;
      case "lost":
        attempt.refused(found.message);
        return;
      default:
        if (this.#json.mode === "auto") attempt.request(found.generation);
        else {
          const message = `JSON of ${this.name} cannot be translated: ${found.message}`;
          attempt.giveUp(Status.UNIMPLEMENTED, message, false);
        }
    }
  }

  #start(attempt: Attempt, generation: number): void {
    const coding = field(this.#request.upstream?.fields ?? [], "grpc-encoding") ?? "identity";
    if (coding === "gzip" || coding === "identity") attempt.request(generation);
    else {
      const message = `unknown compression "${coding.slice(0, 50)}": JSON that is translated may come in gzip, identity`;
      attempt.giveUp(Status.UNIMPLEMENTED, message, false);
    }
  }

  join(attempt: Attempt, stream: Stream): Upstream {
    return this.#schema === null ? stream : new JsonRequest(attempt, stream, this, this.#json.stageParts);
  }

  // ── Translation, by the schema of the pod ───────────────────────────────────────────────────────────────────────────

  request(json: Uint8Array): Translated {
    const { input } = this.#method as DescMethod;
    const { ignoreUnknownFields: ignoreUnknown, stageParts } = this.#json;
    return toProtobuf(this.#schema as Schema, input, json, { ignoreUnknown, maxBytes: stageParts.maxMessageBytes });
  }

  response(bytes: Uint8Array): Translated {
    const { maxMessageBytes } = this.#json.stageParts;
    return toJsonText(this.#schema as Schema, (this.#method as DescMethod).output, bytes, maxMessageBytes);
  }

  async extend(type: string): Promise<boolean> {
    const attempt = this.#attempt as Attempt;
    // A stream may outlive its pod's address: another pod answers there, and its schema is none for this one.
    if (attempt.endpoint.generation !== this.#generation) return false;
    const schema = await this.#json.extend(attempt.endpoint, type, this.#request);
    const { service, method } = this.#request;
    const found = schema?.method(service, method);
    // The other direction of the same call goes on with the larger schema, too.
    if (schema === null || found === undefined || attempt !== this.#attempt) return false;
    this.#schema = schema;
    this.#method = found;
    return true;
  }

  /** See {@link DebugDetail}. What is not known yet is asked for, so that the next error shows it. */
  readonly debug = ({ type, value }: ErrorDetail): unknown => {
    const schema = this.#schema;
    if (schema === null) return undefined;
    const known = toJsonValue(schema, type, value);
    // Its own type is known when it is one that an Any in it holds that is not.
    if (known === undefined) this.extend(schema.missed || type).catch(() => {});
    return known;
  };
}
