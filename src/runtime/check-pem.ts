import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Pem } from "./machine.ts";
import { stagedError } from "./plain-error.ts";

/**
 * Finds at the start what else would fail each handshake: Deno loads certificates only then, and OpenSSL's messages do not say
 * which of the texts is wrong.
 * @throws saying which text is wrong, and how
 */
export function checkPem({ cert, key, ca }: Pem): void {
  const certificate = cert === undefined ? null : load("certificate", () => new X509Certificate(cert));
  const privateKey = key === undefined ? null : load("key", () => createPrivateKey(key));
  if (certificate !== null && privateKey !== null && !certificate.checkPrivateKey(privateKey)) {
    throw new Error("the key does not belong to the certificate");
  }
  if (ca !== undefined) load("authority", () => new X509Certificate(ca));
}

function load<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw stagedError(`the ${what} does not load`, error);
  }
}
