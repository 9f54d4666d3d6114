import type { CorsSettings } from "../config/settings.ts";
import type { Abort, Flow, Head } from "../http2/receiver.ts";
import type { Request } from "./classify.ts";
import type { Downstream } from "./downstream.ts";
import { keepNeverIndexed } from "./metadata.ts";
import { field, ownHead } from "./status.ts";

/** Headers that the protocols' clients send; a page may always send them. */
const REQUEST_HEADERS = [
  "Content-Type",
  "Connect-Protocol-Version",
  "Connect-Timeout-Ms",
  "Connect-Accept-Encoding",
  "Connect-Content-Encoding",
  "Accept-Encoding",
  "Content-Encoding",
  "Grpc-Timeout",
  "Grpc-Encoding",
  "Grpc-Accept-Encoding",
  "X-Grpc-Web",
  "X-User-Agent",
];

/** Headers that the protocols' clients read. */
const RESPONSE_HEADERS = [
  "Grpc-Status",
  "Grpc-Message",
  "Grpc-Status-Details-Bin",
  "Connect-Content-Encoding",
  "Grpc-Encoding",
  "Content-Encoding",
];

/** An answer that depends on these must say so to caches (Fetch standard, CORS protocol and HTTP caches). */
const VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/** True when a page of this origin may call. */
export function allowsOrigin(cors: CorsSettings, origin: string): boolean {
  if (origin === "") return false;
  const asked = origin.toLowerCase();
  return cors.allowOrigins.some((allowed) => {
    if (allowed === "*" || allowed === asked) return true;
    const star = allowed.indexOf("//*.");
    if (star < 0) return false;
    // `https://*.example.com`: one or more labels before the rest, which keeps its dot.
    const scheme = allowed.slice(0, star + 2);
    const rest = allowed.slice(star + 3);
    if (!asked.startsWith(scheme) || !asked.endsWith(rest)) return false;
    return /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(asked.slice(scheme.length, -rest.length));
  });
}

/** What every answer to a page of an allowed origin carries. */
function allowance(cors: CorsSettings, origin: string): string[] {
  // Fetch standard, CORS protocol and credentials: with credentials `*` allows nothing.
  if (cors.allowCredentials) {
    return ["access-control-allow-origin", origin, "access-control-allow-credentials", "true"];
  }
  return ["access-control-allow-origin", cors.allowOrigins.includes("*") ? "*" : origin];
}

/** True for the request that a browser sends before the real one. */
export function isPreflight(request: Request, head: Head): boolean {
  return (
    request.httpMethod === "OPTIONS" &&
    request.origin !== "" &&
    field(head.fields, "access-control-request-method") !== undefined
  );
}

/**
 * The answer to a preflight: 204, with the permissions when the origin is allowed and without them when it is not. A preflight
 * asks what is allowed, and "nothing" is a proper answer: the browser refuses then by itself, and names the missing header in
 * its console. An error status would tell the page no more, and the console less.
 */
export function preflightAnswer(cors: CorsSettings | null, origin: string): Head {
  const fields = [":status", "204", "vary", VARY];
  if (cors !== null && allowsOrigin(cors, origin)) {
    fields.push(...allowance(cors, origin));
    fields.push("access-control-allow-methods", "POST, GET");
    fields.push("access-control-allow-headers", [...REQUEST_HEADERS, ...cors.allowHeaders].join(", "));
    fields.push("access-control-max-age", String(Math.floor(cors.maxAge / 1000)));
  }
  return ownHead(fields);
}

/** Remembered on a stage's head, which is the same object as long as the pod answers alike. */
interface Shown {
  readonly cors: CorsSettings;
  readonly origin: string;
  readonly head: Head;
}

/**
 * Puts the CORS headers on every answer, the gateway's own errors included: without them a page sees a network error
 * instead of the error (envoyproxy/envoy#10128). Answers to other origins and to no page at all get `Vary`, or a cache would
 * give them to pages that may read them. The pod's own word on CORS does not count where the gateway has one.
 */
export class CorsResponse implements Downstream {
  readonly #to: Downstream;
  readonly #cors: CorsSettings;
  readonly #origin: string;
  readonly #originLost: boolean;

  /**
   * @param origin the request's; empty for none
   * @param originLost true when the request's headers were cut off before any origin
   */
  constructor(to: Downstream, cors: CorsSettings, origin: string, originLost = false) {
    this.#to = to;
    this.#cors = cors;
    this.#origin = origin;
    this.#originLost = originLost;
  }

  get peer(): string {
    return this.#to.peer;
  }

  get source(): Flow | null {
    return this.#to.source;
  }

  set source(flow: Flow | null) {
    this.#to.source = flow;
  }

  consumed(bytes: number): void {
    this.#to.consumed(bytes);
  }

  head(head: Head): void {
    const known = head.memo as Shown | undefined;
    if (known?.cors === this.#cors && known.origin === this.#origin) {
      this.#to.head(known.head);
      return;
    }
    const shown = this.#show(head);
    head.memo = { cors: this.#cors, origin: this.#origin, head: shown } satisfies Shown;
    this.#to.head(shown);
  }

  #show(head: Head): Head {
    const fields = head.fields.filter((_, i) => !head.fields[i - (i % 2)].startsWith("access-control-"));
    fields.push("vary", VARY);
    if (allowsOrigin(this.#cors, this.#origin)) {
      fields.push(...allowance(this.#cors, this.#origin));
      fields.push("access-control-expose-headers", exposed(head, this.#cors));
    } else if (this.#originLost) {
      // The answer can only be that the headers are too many: no secret from any page, and better than a network error.
      fields.push("access-control-allow-origin", "*");
    }
    return { fields, neverIndexed: keepNeverIndexed(head, fields), memo: undefined };
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#to.data(bytes, start, end);
  }

  end(trailers: Head | null): void {
    this.#to.end(trailers);
  }

  abort(reason: Abort): void {
    this.#to.abort(reason);
  }
}

/**
 * The protocols' headers, the configured ones, and the metadata that this very answer has: `*` would not do with
 * credentials, and nobody knows the names beforehand.
 */
function exposed(head: Head, cors: CorsSettings): string {
  const names = new Set([...RESPONSE_HEADERS, ...cors.exposeHeaders].map((name) => name.toLowerCase()));
  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i];
    if (!name.startsWith(":") && !name.startsWith("access-control-") && name !== "vary") names.add(name);
  }
  return [...names].join(", ");
}
