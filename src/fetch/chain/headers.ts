import type { Request as Call } from "../../protocols/classify.ts";
import { namedByConnection } from "../../protocols/fetch.ts";
import { formatTimeout } from "../../protocols/timeout.ts";

/** Of one connection only (RFC 9110 7.6.1), or made anew by `fetch`. */
const DROPPED = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "te",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "content-length",
];

/** Codings that `fetch` takes off the body by itself. */
const DECODED = /^(gzip|x-gzip|deflate|br|zstd)$/i;

/** What goes on to the ingress. @param left milliseconds of the deadline; Infinity for none */
export function requestHeaders(request: Request, call: Call, left: number): Headers {
  const headers = new Headers(request.headers);
  for (const name of namedByConnection(headers) ?? []) headers.delete(name);
  for (const name of DROPPED) headers.delete(name);
  // Messages of streams have their own compression, which is passed on. A unary body's would be taken off on the way.
  headers.set("accept-encoding", "identity");
  if (left === Number.POSITIVE_INFINITY) return headers;
  if (call.protocol.startsWith("connect")) headers.set("connect-timeout-ms", String(Math.max(1, Math.floor(left))));
  else headers.set("grpc-timeout", formatTimeout(left));
  return headers;
}

/** What goes back to the client. */
export function responseHeaders(response: Response): Headers {
  const headers = new Headers(response.headers);
  for (const name of DROPPED) headers.delete(name);
  if (DECODED.test(headers.get("content-encoding") ?? "")) headers.delete("content-encoding");
  return headers;
}
