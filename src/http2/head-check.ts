import type { Fields, Head } from "./receiver.ts";

/** What the engine itself needs to know of a head; worked out once per Head object. */
export interface HeadFacts {
  /** Why the head is malformed (RFC 9113 8.1.1); empty when it is well-formed. */
  readonly error: string;
  /** -1 when absent. */
  readonly contentLength: number;
  /** `:status` of a response, 0 otherwise. */
  readonly status: number;
  /** `:method` of a request, empty otherwise. */
  readonly method: string;
}

export type HeadKind = "request" | "response" | "trailers";

/** RFC 9110 5.1 token, in lower case (RFC 9113 8.2.1). */
const namePattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// RFC 9113 8.2.1: no NUL, LF, CR anywhere.
const badValuePattern = /[\0\r\n]/;
/**
 * RFC 9113 8.2.1 forbids space and tab at the ends of every value. We hold pseudo-fields to that and pass the others on:
 * gRPC does not escape spaces, so a grpc-message like "not found: " is usual (grpc/grpc#38540), and refusing it turned the
 * status of a call into a broken connection where it was tried (envoyproxy/envoy#23266).
 */
const paddedPattern = /^[ \t]|[ \t]$/;

/** RFC 9113 8.2.2: fields that belong to a connection of HTTP/1.1. */
export const connectionFields = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

function malformed(error: string): HeadFacts {
  return { error, contentLength: -1, status: 0, method: "" };
}

/** Checks a head as RFC 9113 8.2 and 8.3 demand. */
export function checkHead(head: Head, kind: HeadKind): HeadFacts {
  const { fields } = head;
  const pseudo = new Map<string, string>();
  let regular = false;
  let contentLength = -1;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i];
    const value = fields[i + 1];
    if (badValuePattern.test(value)) return malformed("a field value has forbidden characters");
    if (name.charCodeAt(0) === 0x3a /* : */) {
      if (regular) return malformed("a pseudo-field follows a regular field");
      if (pseudo.has(name)) return malformed(`${name} stands twice`);
      if (paddedPattern.test(value)) return malformed(`${name} has spaces at its ends`);
      pseudo.set(name, value);
      continue;
    }
    regular = true;
    if (!namePattern.test(name)) return malformed("a field name has forbidden characters");
    if (connectionFields.has(name)) return malformed(`${name} is not allowed in HTTP/2`);
    if (name === "te" && value !== "trailers") return malformed("te other than trailers");
    if (name === "content-length") {
      if (!/^\d{1,15}$/.test(value) || (contentLength !== -1 && contentLength !== Number(value))) {
        return malformed("content-length is not one number");
      }
      contentLength = Number(value);
    }
  }
  const error = checkPseudo(pseudo, kind, fields);
  if (error !== "") return malformed(error);
  return { error: "", contentLength, status: Number(pseudo.get(":status") ?? 0), method: pseudo.get(":method") ?? "" };
}

function checkPseudo(pseudo: ReadonlyMap<string, string>, kind: HeadKind, fields: Fields): string {
  switch (kind) {
    case "trailers":
      // RFC 9113 8.1: "Trailers MUST NOT include pseudo-header fields".
      return pseudo.size > 0 ? "pseudo-fields in trailers" : "";
    case "response":
      // RFC 9110 15: 600 and above are invalid, and a client "SHOULD process the response as if it had a 5xx status code".
      if (pseudo.size !== 1 || !/^[1-9]\d\d$/.test(pseudo.get(":status") ?? "")) return "not exactly one valid :status";
      return "";
    case "request":
      return checkRequest(pseudo, fields);
  }
}

/** RFC 9113 8.3.1 and 8.5. */
function checkRequest(pseudo: ReadonlyMap<string, string>, fields: Fields): string {
  for (const name of pseudo.keys()) {
    if (name !== ":method" && name !== ":scheme" && name !== ":path" && name !== ":authority") return `unknown ${name}`;
  }
  const method = pseudo.get(":method") ?? "";
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) return ":method is missing or malformed";
  const authority = pseudo.get(":authority");
  if (method === "CONNECT") {
    return pseudo.size === 2 && authority !== undefined ? "" : "CONNECT takes :method and :authority only";
  }
  if (!pseudo.get(":scheme")) return ":scheme is missing";
  const path = pseudo.get(":path") ?? "";
  if (!path.startsWith("/") && !(method === "OPTIONS" && path === "*")) return ":path is missing or malformed";
  if (/[\0-\x20\x7f]/.test(path)) return ":path has forbidden characters";
  if (authority?.includes("@")) return ":authority has a userinfo part";
  // RFC 9113 8.3.1: a server should treat a request as malformed when Host differs from :authority.
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === "host" && authority !== undefined && fields[i + 1].toLowerCase() !== authority.toLowerCase()) {
      return "host differs from :authority";
    }
  }
  return "";
}
