import type { Fields } from "../http2/receiver.ts";

/** "The size of a field list is calculated as [...] plus an overhead of 32 bytes for each field" (RFC 9113 6.5.2). */
const FIELD_OVERHEAD = 32;

/** Which limit a header list exceeds, for those that the HTTP/2 engine has not measured. */
export function overflowOf(
  fields: Fields,
  limits: { readonly maxHeaderListBytes: number; readonly maxHeaderFields: number },
): "" | "bytes" | "fields" {
  if (fields.length > 2 * limits.maxHeaderFields) return "fields";
  let bytes = 0;
  for (let i = 0; i < fields.length; i += 2) bytes += fields[i].length + fields[i + 1].length + FIELD_OVERHEAD;
  return bytes > limits.maxHeaderListBytes ? "bytes" : "";
}
