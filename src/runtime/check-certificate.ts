import { createPrivateKey, X509Certificate } from "node:crypto";
import type { ListenTls } from "./machine.ts";
import { stagedError } from "./plain-error.ts";

/**
 * Finds at the start what else would fail each client's handshake: Deno loads certificates only then, and OpenSSL's messages
 * do not say which of the texts is wrong.
 * @throws saying which text is wrong, and how
 */
export function checkCertificate({ cert, key, clientCa }: ListenTls): void {
  const certificate = load("certificate", () => new X509Certificate(cert));
  const privateKey = load("key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw new Error("the key does not belong to the certificate");
  if (clientCa !== undefined) load("client authority", () => new X509Certificate(clientCa));
}

function load<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw stagedError(`the ${what} does not load`, error);
  }
}
