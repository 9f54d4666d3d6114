/** What a `fetch` that failed says of the call: only a connection that was not made surely has not carried it. */
import type { Request as Call } from "../../protocols/classify.ts";

/** Node's and undici's codes, and Bun's. */
const CODES = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
  "FailedToOpenSocket",
]);

/** Of platforms that have no codes: Deno, workerd, browsers' fetch on edges. */
const WORDS =
  /connection refused|tcp connect error|client error \(connect\)|dns error|dns lookup failed|unable to connect/i;

/** Errors of `fetch` stand in each other, the outermost says only "fetch failed". */
const MOST_CAUSES = 8;

/** True when no connection could be made. */
export function isConnectFailure(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < MOST_CAUSES && current instanceof Error; depth++) {
    if ("code" in current && typeof current.code === "string" && CODES.has(current.code)) return true;
    if (WORDS.test(current.message)) return true;
    current = current.cause;
  }
  return false;
}

/** The innermost message says most. */
export function reasonOf(error: unknown): string {
  let message = String(error);
  let current = error;
  for (let depth = 0; depth < MOST_CAUSES && current instanceof Error; depth++) {
    if (current.message !== "") message = current.message;
    current = current.cause;
  }
  return message;
}

/** Statuses by which Cloudflare says that it could not connect: its 521 to 523 and 530. */
const NOT_CONNECTED = new Set([521, 522, 523, 530]);

/** What an answer in each protocol is called. */
const ANSWERS: Readonly<Record<Call["protocol"], RegExp | null>> = {
  "connect-unary": /^application\/(json|proto)\b/i,
  "connect-get": /^application\/(json|proto)\b/i,
  "connect-stream": /^application\/connect\+/i,
  "grpc-web": /^application\/grpc-web\b/i,
  "grpc-web-text": /^application\/grpc-web\b/i,
  grpc: null,
  // A preflight.
  other: null,
};

/**
 * What a response says that no gateway of ours made: a load balancer's own. `unprocessed`: no server has seen the call;
 * `unknown`: one may have. Null for an answer to the call, and for an error of HTTP that clients read as one.
 */
export function intermediary(
  protocol: Call["protocol"],
  status: number,
  contentType: string,
): "unprocessed" | "unknown" | null {
  const answers = ANSWERS[protocol];
  if (answers?.test(contentType) === true) return null;
  // 503: "currently unable to handle the request" (RFC 9110 15.6.4); 502 and 504 are said of an answer that did not come.
  if (status === 503 || NOT_CONNECTED.has(status)) return "unprocessed";
  if (status === 502 || status === 504) return "unknown";
  // A page of a login, or the way to it, in place of the answer. A client that follows a redirect leaves the edge; 304 is a
  // cache's answer to a question that the client has asked.
  if (answers === null || status >= 400 || status === 304) return null;
  return "unknown";
}
