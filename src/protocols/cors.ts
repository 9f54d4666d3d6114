import type { CorsSettings } from "../config/settings.ts";
import type { Abort, Flow, Head } from "../http2/receiver.ts";
import type { Request } from "./classify.ts";
import type { Downstream } from "./downstream.ts";
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
  return cors.allowOrigins.some((allowed) => {
    if (allowed === "*" || allowed.toLowerCase() === origin.toLowerCase()) return true;
    const star = allowed.indexOf("//*.");
    if (star < 0) return false;
    // `https://*.example.com`: one or more labels before the rest, which keeps its dot.
    const scheme = allowed.slice(0, star + 2).toLowerCase();
    const rest = allowed.slice(star + 3).toLowerCase();
    const host = origin.toLowerCase();
    return (
      host.startsWith(scheme) && host.endsWith(rest) && /^[a-z0-9.-]+$/.test(host.slice(scheme.length, -rest.length))
    );
  });
}

/** What every answer to a page of an allowed origin carries. */
function commonHeaders(cors: CorsSettings, origin: string): string[] {
  const anyone = cors.allowOrigins.includes("*") && !cors.allowCredentials;
  const fields = ["access-control-allow-origin", anyone ? "*" : origin];
  if (cors.allowCredentials) fields.push("access-control-allow-credentials", "true");
  return fields;
}

/** True for the request that a browser sends before the real one. */
export function isPreflight(request: Request, head: Head): boolean {
  return (
    request.httpMethod === "OPTIONS" &&
    request.origin !== "" &&
    field(head.fields, "access-control-request-method") !== undefined
  );
}

/** The answer to a preflight: 204, with the permissions when the origin is allowed and without them when it is not. */
export function preflightAnswer(cors: CorsSettings | null, origin: string): Head {
  const fields = [":status", "204", "vary", VARY];
  if (cors !== null && allowsOrigin(cors, origin)) {
    fields.push(...commonHeaders(cors, origin));
    fields.push("access-control-allow-methods", "POST, GET");
    fields.push("access-control-allow-headers", [...REQUEST_HEADERS, ...cors.allowHeaders].join(", "));
    fields.push("access-control-max-age", String(Math.floor(cors.maxAge / 1000)));
  }
  return ownHead(fields);
}

/**
 * Puts the CORS headers on every answer, the gateway's own errors included: without them a page sees a network error
 * instead of the error (envoyproxy/envoy#10128).
 */
export class CorsResponse implements Downstream {
  readonly #to: Downstream;
  readonly #cors: CorsSettings;
  readonly #origin: string;

  constructor(to: Downstream, cors: CorsSettings, origin: string) {
    this.#to = to;
    this.#cors = cors;
    this.#origin = origin;
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
    const kept = head.fields.filter((_, i) => !head.fields[i - (i % 2)].startsWith("access-control-"));
    const fields = [...kept, "vary", VARY, ...commonHeaders(this.#cors, this.#origin)];
    fields.push("access-control-expose-headers", exposed(head, this.#cors));
    this.#to.head({ fields, neverIndexed: head.neverIndexed === null ? null : [], memo: undefined });
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
