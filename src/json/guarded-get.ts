import type { Attempt, Stages, Upstream } from "../balancing/attempt.ts";
import type { Stream } from "../http2/stream.ts";
import type { Request } from "../protocols/classify.ts";
import type { ErrorDetail } from "../protocols/rpc-error.ts";
import { Status } from "../protocols/status.ts";
import type { BackendJson } from "./backend-json.ts";
import type { JsonCall } from "./json-call.ts";
import type { Found } from "./pod-schemas.ts";
import { hasNoSideEffects } from "./schema.ts";

/**
 * A call by GET that no route lists. When it was let in, the pods that were known then said that the method has no side effects.
 * The pod that is picked, or a retry's, may be of another version: it is only sent there when that pod's schema says the same.
 */
export class GuardedGet implements Stages {
  readonly #json: BackendJson;
  readonly #request: Request;
  /** What the call's messages go through; null when they are protobuf. */
  readonly #inner: JsonCall | null;

  constructor(json: BackendJson, request: Request, inner: JsonCall | null) {
    this.#json = json;
    this.#request = request;
    this.#inner = inner;
  }

  prepare(attempt: Attempt): void {
    const found = this.#json.find(attempt.endpoint, this.#request);
    if (found instanceof Promise) void found.then((found) => this.#go(attempt, found));
    else this.#go(attempt, found);
  }

  #go(attempt: Attempt, found: Found): void {
    if (attempt.over) return;
    if (found.kind === "lost") attempt.refused(found.message);
    else if (found.kind !== "found" || !hasNoSideEffects(found.method)) {
      const { service, method } = this.#request;
      const where = `endpoint ${attempt.endpoint.label}`;
      const message = `${service}/${method} may not be called by GET at ${where}: its schema does not say that it has no side effects`;
      attempt.giveUp(Status.UNIMPLEMENTED, message, false);
    } else if (this.#inner === null) attempt.request(found.generation);
    else this.#inner.prepare(attempt);
  }

  join(attempt: Attempt, stream: Stream): Upstream {
    return this.#inner === null ? stream : this.#inner.join(attempt, stream);
  }

  readonly debug = (detail: ErrorDetail): unknown => this.#inner?.debug(detail);
}
