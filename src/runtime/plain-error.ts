/**
 * An error whose message says by itself what happened and with whom. Node's for system calls do (`connect ECONNREFUSED
 * 127.0.0.1:9001`), OpenSSL's do not, and the AggregateError for a name with several addresses has no message at all.
 * @param stage put before the message: `TLS handshake with 10.0.0.7:443`
 */
export function stagedError(stage: string, error: unknown): Error {
  const message = messageOf(error);
  return new Error(message.startsWith(stage) ? message : `${stage}: ${message}`, { cause: error });
}

/** `80FC4B6B:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/openssl/...:1601:SSL alert number 116` */
const opensslPattern = /error:[0-9A-Fa-f]{8}:([^:]*):[^:]*:([^:\n]+)/;

/** The message; for an AggregateError without one, the first error's; of OpenSSL's lines what they say, without its source files. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return messageOf(error.errors[0]);
  const message = error instanceof Error ? error.message : String(error);
  const openssl = opensslPattern.exec(message);
  return openssl === null ? message : `${openssl[1]}: ${openssl[2]}`;
}
