import type { Head } from "../http2/receiver.ts";
import { EnvelopeFlag, EnvelopeGuard } from "./envelope.ts";
import { type RpcStatus, rpcStatusOf } from "./rpc-error.ts";
import { field, Status, statusOf } from "./status.ts";

/** `application/grpc`, with its codec if it names one. */
const grpcType = /^application\/grpc(?:\+([^;\s]+))?\s*(?:;|$)/i;

/**
 * What is wrong with a pod's answer as far as its head tells; null when nothing is. "When there is a grpc-status, HTTP status
 * is never consulted" (gRPC http-grpc-status-mapping).
 * @param codec what the client speaks; an answer in another one is of no use to it
 */
export function answerProblem(head: Head, codec: string): RpcStatus | null {
  const { fields } = head;
  if (statusOf(fields) !== null) return null;
  if (fields[1] !== "200") return rpcStatusOf(null, fields);
  const type = field(fields, "content-type") ?? "";
  const match = grpcType.exec(type);
  if (match === null) {
    const what = type === "" ? "no content-type" : `content-type ${type.slice(0, 100)}`;
    return { code: Status.UNKNOWN, message: `the pod's answer is not gRPC: it has ${what}`, details: [] };
  }
  const got = (match[1] ?? "proto").toLowerCase();
  if (got === (codec === "" ? "proto" : codec)) return null;
  return {
    code: Status.INTERNAL,
    message: `the pod answered in ${got.slice(0, 50)} what was asked in ${codec || "proto"}`,
    details: [],
  };
}

/** Why the rest of an answer cannot be given to the client: what follows a message that is cut off would be taken for its bytes. */
export const CUT_OFF = "the pod's message is cut off";

/**
 * Follows an answer that is handed on envelope by envelope: a pod must not write the client's end-of-stream or trailers, and
 * a message that never ends must not swallow ours. Its messages may have any length: nothing of them is held.
 */
export function answerGuard(head: Head): EnvelopeGuard {
  const coding = field(head.fields, "grpc-encoding");
  const allowed = coding === undefined || coding === "identity" ? 0 : EnvelopeFlag.COMPRESSED;
  return new EnvelopeGuard(allowed, Number.POSITIVE_INFINITY);
}

/** What is wrong with flags that {@link answerGuard} refused. */
export function flagsProblem(flags: number): RpcStatus {
  const message =
    flags === EnvelopeFlag.COMPRESSED
      ? "the pod's message has the compressed flag, but no grpc-encoding says how"
      : "the pod's envelope has reserved flags";
  return { code: Status.INTERNAL, message, details: [] };
}
