import type { Fields, Head } from "../http2/receiver.ts";
import { parseTimeout } from "./timeout.ts";

/** What a request is, read once from its head and remembered on it. */
export interface Request {
  /** `grpc`: a call. `other`: something that this port does not speak; see `refusal`. */
  readonly kind: "grpc" | "other";
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly service: string;
  readonly method: string;
  readonly authority: string;
  /** Milliseconds from `grpc-timeout`; Infinity without one, NaN when it is malformed. */
  readonly timeout: number;
  readonly contentType: string;
  readonly httpMethod: string;
  /** What goes to the pod when no time has passed: the head itself unless something had to be added. */
  readonly upstream: Head;
  /** Where the answer of the router is kept when it cannot change: see gateway.ts. */
  route: unknown;
}

/** `application/grpc`, alone or followed by `+codec` or `;parameter`; not `application/grpc-web` (gRPC PROTOCOL-HTTP2). */
const grpcType = /^application\/grpc(?:[+;\s]|$)/i;

/** The request that a head begins. */
export function classify(head: Head): Request {
  const known = head.memo;
  if (known !== undefined) return known as Request;
  const request = read(head);
  head.memo = request;
  return request;
}

function read(head: Head): Request {
  const { fields } = head;
  let path = "";
  let authority = "";
  let contentType = "";
  let httpMethod = "";
  let timeout = Number.POSITIVE_INFINITY;
  let te = false;
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1];
    switch (fields[i]) {
      case ":method":
        httpMethod = value;
        break;
      case ":path":
        path = value;
        break;
      case ":authority":
        authority = value;
        break;
      case "host":
        if (authority === "") authority = value;
        break;
      case "content-type":
        contentType = value;
        break;
      case "te":
        te = true;
        break;
      case "grpc-timeout":
        timeout = parseTimeout(value) ?? Number.NaN;
        break;
    }
  }
  const slash = path.lastIndexOf("/");
  return {
    kind: httpMethod === "POST" && grpcType.test(contentType) ? "grpc" : "other",
    path,
    service: slash > 0 ? path.slice(1, slash) : "",
    method: path.slice(slash + 1),
    authority,
    timeout,
    contentType,
    httpMethod,
    upstream: te ? head : withField(head, "te", "trailers"),
    route: undefined,
  };
}

/** The same head with one field more at its end. */
function withField(head: Head, name: string, value: string): Head {
  return { fields: [...head.fields, name, value], neverIndexed: head.neverIndexed, memo: undefined };
}

/** The head with another `grpc-timeout`, in the place of the old one. */
export function withTimeout(head: Head, value: string): Head {
  const fields: Fields = head.fields;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== "grpc-timeout") continue;
    const changed = [...fields];
    changed[i + 1] = value;
    return { fields: changed, neverIndexed: head.neverIndexed, memo: undefined };
  }
  return withField(head, "grpc-timeout", value);
}
