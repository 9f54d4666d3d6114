/**
 * An error whose message says by itself what happened and with whom. Node's for system calls do (`connect ECONNREFUSED
 * 127.0.0.1:9001`), OpenSSL's do not, and the AggregateError for a name with several addresses has no message at all.
 * @param stage put before the message: `TLS handshake with 10.0.0.7:443`
 */
export function stagedError(stage: string, error: unknown): Error {
  const message = messageOf(error);
  return new Error(message.startsWith(stage) ? message : `${stage}: ${message}`, { cause: error });
}

/** The message; for an AggregateError without one, the first error's. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
