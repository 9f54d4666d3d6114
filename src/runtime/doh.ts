import type { DnsTransport } from "./machine.ts";
import { messageOf } from "./plain-error.ts";

/** The media type of DNS messages (RFC 8484 6). */
const MEDIA_TYPE = "application/dns-message";
/** A DNS message has at most so many bytes: over TCP its length has two (RFC 1035 4.2.2). */
const MAX_MESSAGE_BYTES = 65_535;

/** The port that resolvers use where a target or resolv.conf does not name one. */
const DNS_PORT = 53;

export interface DohOptions {
  /** Where queries go for which no server is named: `https://cloudflare-dns.com/dns-query`. */
  readonly url: string;
  /** The name server that stands for "none is named". */
  readonly anyServer: string;
  readonly fetch?: typeof fetch;
}

/**
 * DNS over HTTPS (RFC 8484), for platforms without UDP. A target's own server, `dns://9.9.9.9/name`, is asked at
 * `https://9.9.9.9/dns-query`, the path that RFC 8484 uses in its examples and public resolvers have; others at the URL.
 */
export function createDohTransport(options: DohOptions): DnsTransport {
  const ask = options.fetch ?? fetch;
  const urlOf = (server: { readonly host: string; readonly port: number }): string =>
    server.host === options.anyServer ? options.url : ownUrl(server.host, server.port);
  return {
    nameOf: (server) => `dns over https ${urlOf(server)}`,
    exchange: async (server, message, { timeoutMs }) => {
      const url = urlOf(server);
      // RFC 8484 4.1: with the ID 0 answers to the same question are equal, so that caches can be used.
      const sent = message.slice();
      sent[0] = 0;
      sent[1] = 0;
      let response: Response | null = null;
      try {
        response = await ask(url, {
          method: "POST",
          headers: { "content-type": MEDIA_TYPE, accept: MEDIA_TYPE },
          body: sent,
          signal: AbortSignal.timeout(timeoutMs),
        });
        // RFC 8484 4.2.1: only a 2xx answer has a DNS message in it.
        if (!response.ok) throw new Error(`HTTP status ${response.status}`);
        const type = response.headers.get("content-type") ?? "";
        if (type.split(";")[0].trim().toLowerCase() !== MEDIA_TYPE)
          throw new Error(`content-type ${type || "missing"}`);
        const bytes = await readMessage(response);
        bytes[0] = message[0];
        bytes[1] = message[1];
        return bytes;
      } catch (error) {
        // What is not read keeps a connection: workers have six of them.
        if (response?.bodyUsed === false) response.body?.cancel().catch(() => {});
        throw plain(url, error, timeoutMs);
      }
    },
  };
}

/** No more is kept of an answer than a DNS message can have. @throws (rejects) when it is longer, or none */
async function readMessage({ body }: Response): Promise<Uint8Array> {
  const bytes = new Uint8Array(MAX_MESSAGE_BYTES);
  let length = 0;
  const reader = body?.getReader();
  for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
    if (length + next.value.length > MAX_MESSAGE_BYTES) {
      reader?.cancel().catch(() => {});
      throw new Error(`more than ${MAX_MESSAGE_BYTES} bytes`);
    }
    bytes.set(next.value, length);
    length += next.value.length;
  }
  if (length < 2) throw new Error(`${length} bytes`);
  return bytes.slice(0, length);
}

function ownUrl(host: string, port: number): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `https://${name}${port === DNS_PORT ? "" : `:${port}`}/dns-query`;
}

function plain(url: string, error: unknown, timeoutMs: number): Error {
  if (error instanceof Error && error.name === "TimeoutError") {
    const timeout = new Error(`dns over https ${url}: no answer within ${timeoutMs} ms`);
    timeout.name = "TimeoutError";
    return timeout;
  }
  // Node's fetch says "fetch failed", and why in the cause.
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new Error(`dns over https ${url}: ${messageOf(inner)}`, { cause: error });
}
