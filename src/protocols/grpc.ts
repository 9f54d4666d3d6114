import type { Head } from "../http2/receiver.ts";

/**
 * gRPC to gRPC is a splice: no stage, no envelope is parsed. All there is to it is the head that goes to the pod.
 */

/** The head as the client sent it, with `te: trailers`, which gRPC demands of every request (PROTOCOL-HTTP2, Requests). */
export function grpcUpstreamHead(head: Head): Head {
  for (let i = 0; i < head.fields.length; i += 2) if (head.fields[i] === "te") return head;
  return withField(head, "te", "trailers");
}

/** The same head with one field more at its end. */
function withField(head: Head, name: string, value: string): Head {
  return { fields: [...head.fields, name, value], neverIndexed: head.neverIndexed, memo: undefined };
}

/** The head with another `grpc-timeout`, in the place of the old one; of all, should a client send several. */
export function withTimeout(head: Head, value: string): Head {
  let changed: string[] | null = null;
  for (let i = 0; i < head.fields.length; i += 2) {
    if (head.fields[i] !== "grpc-timeout") continue;
    changed ??= [...head.fields];
    changed[i + 1] = value;
  }
  if (changed === null) return withField(head, "grpc-timeout", value);
  return { fields: changed, neverIndexed: head.neverIndexed, memo: undefined };
}
