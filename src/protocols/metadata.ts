import type { Fields, Head } from "../http2/receiver.ts";

/**
 * Fields that belong to a protocol or a connection and are no metadata (protocols' specifications; RFC 9110 7.6.1). What
 * starts with `grpc-`, `connect-` or `content-` is none either.
 */
const reserved = new Set([
  "te",
  "trailer",
  "trailers",
  "x-grpc-web",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "host",
  "accept",
  "accept-encoding",
  "expect",
  "date",
]);

/** True for a field that the application gave, in a request, a response or trailers. */
export function isMetadata(name: string): boolean {
  if (name.charCodeAt(0) === 0x3a /* : */) return false;
  switch (name.charCodeAt(0)) {
    case 0x67 /* g */:
      return !name.startsWith("grpc-");
    case 0x63 /* c */:
      return !name.startsWith("connect-") && !name.startsWith("content-") && name !== "connection";
    default:
      return !reserved.has(name);
  }
}

export function hasMetadata({ fields }: Head): boolean {
  for (let i = 0; i < fields.length; i += 2) if (isMetadata(fields[i])) return true;
  return false;
}

/** Copies metadata in its order, with its duplicates. `prefix` goes before every name. */
export function copyMetadata(from: Fields, to: string[], prefix = ""): void {
  for (let i = 0; i < from.length; i += 2) if (isMetadata(from[i])) to.push(prefix + from[i], from[i + 1]);
}

/** The positions in `to` of fields that came never-indexed in `from`; they are recognised by name and value. */
export function keepNeverIndexed(from: Head, to: Fields): number[] | null {
  if (from.neverIndexed === null) return null;
  const kept: number[] = [];
  for (const at of from.neverIndexed) {
    for (let i = 0; i < to.length; i += 2) {
      if (to[i] === from.fields[at] && to[i + 1] === from.fields[at + 1] && !kept.includes(i)) kept.push(i);
    }
  }
  return kept.length === 0 ? null : kept;
}

/** What a pod says to caches is said of its message, and not of an error that came in the message's place. */
const caching = new Set([
  "cache-control",
  "cdn-cache-control",
  "surrogate-control",
  "pragma",
  "expires",
  "age",
  "etag",
  "last-modified",
]);

/** For an error in answer to a GET. */
export function withoutCaching(fields: Fields): Fields {
  return fields.filter((_, i) => !caching.has(fields[i - (i % 2)]));
}
