/**
 * The gRPC status codes 0 to 16, in the words of the Connect protocol (Error Codes), in errors as in labels of metrics. 0 is no
 * error, and its name a word of ours.
 */
export const codeNames = [
  "ok",
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
] as const;
