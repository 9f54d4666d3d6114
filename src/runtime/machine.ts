/**
 * What Fairlead needs of the machine under it, as interfaces. The implementations live beside this file and are the only
 * code that touches `node:*` or `Deno.*`; everything else takes a {@link Machine} (or a part of it) as an argument, so that
 * tests own time, randomness, DNS and sockets (invariant 12).
 */

/** Monotonic time and timers. */
export interface Clock {
  /** Milliseconds, fractional, monotonic; the origin is arbitrary. */
  now(): number;
  /** Wall-clock time in milliseconds since the epoch: for logs and dates only. */
  wall(): number;
  /** Runs `run` once, `ms` milliseconds from now. A timer does not keep the process alive by itself. */
  timer(run: () => void, ms: number): Timer;
}

export interface Timer {
  /** No effect once the timer has run. */
  cancel(): void;
}

/** A number in [0, 1). */
export type Random = () => number;

/** Where to connect to, or where a connection came from. */
export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** One ordered stream of bytes in both directions: a TCP, TLS or Unix connection. */
export interface ByteStream {
  /**
   * Queues bytes for sending and takes ownership of them.
   * @returns false when more is waiting than the high-water mark; `drained` says when to go on.
   */
  write(bytes: Uint8Array): boolean;
  /** Like several writes in a row, in one system call where the platform can. */
  writeAll(chunks: readonly Uint8Array[]): boolean;
  /** Sends what is queued, then FIN. Reading goes on. */
  end(): void;
  /** Closes at once and throws away what is queued. `closed` follows. */
  destroy(): void;
  /** Stops and restarts reading: back-pressure for peers that make us answer more than they read. */
  pause(): void;
  resume(): void;
  /**
   * Bytes that `write` took and that the machine has not handed to the kernel yet. 0 right after a `write` means that its
   * buffer is free again: the HTTP/2 engine then goes on using it instead of allocating another.
   */
  queued(): number;
  /** The other end, for logs; empty when unknown. */
  readonly peer: string;
}

/** Takes the events of one {@link ByteStream}. Nothing is called after `closed`. */
export interface ByteStreamHandler {
  /** The connection is established (a dialled stream only, TLS handshake included). */
  opened?(): void;
  /** Bytes have arrived. They belong to the handler: nobody writes to them again. */
  received(bytes: Uint8Array): void;
  /** The send queue is empty again after `write` returned false. */
  drained(): void;
  /** The other side sent FIN. */
  ended(): void;
  /** Over. The reason is null for an orderly close. Called exactly once. */
  closed(reason: Error | null): void;
}

/** Client-side TLS towards a pod; HTTP/2 is offered by ALPN. */
export interface DialTls {
  /** PEM text of the certificate authorities to trust; the platform's own when absent. */
  readonly ca?: string;
  /** The name to verify and to send as SNI; the dialled host when absent. */
  readonly serverName?: string;
  /** PEM text of the certificate to show to pods that ask for one. */
  readonly cert?: string;
  /** PEM text of its private key. */
  readonly key?: string;
  /** Accepts any certificate. For tests only. */
  readonly insecure?: boolean;
}

export interface DialOptions {
  /** Milliseconds until an attempt that is not established is given up (`closed` with an error). */
  readonly timeoutMs: number;
  readonly tls?: DialTls;
}

/** Opens a connection. Errors arrive by `closed`, never by throwing. */
export type Dial = (address: Address, options: DialOptions, handler: ByteStreamHandler) => ByteStream;

/** What a party of TLS shows and trusts, PEM texts. */
export interface Pem {
  /** The certificate, followed by its intermediates. */
  readonly cert?: string;
  /** The certificate's private key. */
  readonly key?: string;
  /** Authorities. */
  readonly ca?: string;
}

/** Server-side TLS, PEM texts. */
export interface ListenTls {
  readonly cert: string;
  readonly key: string;
  /** When present, a client without a certificate from this authority is refused in the handshake. */
  readonly clientCa?: string;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 chooses a free port. */
  readonly port: number;
  readonly tls?: ListenTls;
  /**
   * Milliseconds for the TLS handshake, and then for the first bytes of a connection, by which its HTTP version is told; one that takes
   * longer is destroyed. What comes after is the acceptor's to watch. Default 10,000.
   */
  readonly headTimeoutMs?: number;
}

/** What a listener does with connections, once it knows which HTTP they speak. */
export interface Acceptor {
  /** HTTP/2: by ALPN `h2`, or by the connection preface in plaintext. Bytes already read are delivered to the handler. */
  http2(stream: ByteStream, tls: boolean): ByteStreamHandler;
  /** HTTP/1.1: by ALPN, or because the first bytes are no preface. */
  http1(stream: ByteStream, tls: boolean): ByteStreamHandler;
}

export interface Listening {
  /** Where it listens: the real port when 0 was asked for. */
  readonly host: string;
  readonly port: number;
  /** Connections open now, both HTTP versions. */
  connections(): number;
  /**
   * Shows and demands other certificates from the next handshake on; connections that are open go on. Only for a listener with TLS,
   * and with a client authority only for one that had one from the start.
   */
  renew(tls: ListenTls): void;
  /** Stops accepting; connections that are open go on. */
  stop(): void;
  /** Stops accepting and destroys every connection; resolves when all are closed. */
  close(): Promise<void>;
}

/** @throws (rejects) when the address is in use, not ours, or the certificates do not load. */
export type Listen = (options: ListenOptions, acceptor: Acceptor) => Promise<Listening>;

/** Sends one DNS message and gives the answer's bytes. Knows nothing of what is in them but the ID and the length prefix of TCP. */
export interface DnsTransport {
  /**
   * @param server IP literal and port of the DNS server
   * @throws (rejects) on timeout (the error's name is `TimeoutError`), ICMP refusal, or connection failure
   */
  exchange(
    server: { readonly host: string; readonly port: number },
    message: Uint8Array,
    options: { readonly over: "udp" | "tcp"; readonly timeoutMs: number },
  ): Promise<Uint8Array>;
  /** What a server is called in errors. Default: `dns server 10.0.0.10:53`. */
  nameOf?(server: { readonly host: string; readonly port: number }): string;
}

/** Reads a whole text file. @throws (rejects) when it cannot be read; the message names the path. */
export type ReadText = (path: string) => Promise<string>;

/** Reads a whole file. @throws as {@link ReadText} does. */
export type ReadBytes = (path: string) => Promise<Uint8Array>;

/**
 * Decompresses gzip (RFC 1952), whole and at once.
 * @param maxBytes of the outcome; a bomb is not unpacked further
 */
export type Inflate = (bytes: Uint8Array, maxBytes: number) => Uint8Array | "malformed" | "larger";

/** Everything that a gateway takes from the machine that it runs on. */
export interface Machine {
  /** Time and timers. */
  readonly clock: Clock;
  /** For ties, jitter and weights; nothing secret is made of it. */
  readonly random: Random;
  /** Opens connections to pods. */
  readonly dial: Dial;
  /** Opens ports. */
  readonly listen: Listen;
  /** Asks name servers. */
  readonly dns: DnsTransport;
  /** Reads the configuration and `/etc/resolv.conf`. */
  readonly readText: ReadText;
  /** Reads descriptor sets and certificates. */
  readonly readBytes: ReadBytes;
  /** Left out: what is wrong shows in the handshakes. @throws saying which of the texts cannot be used, and why */
  readonly checkPem?: (pem: Pem) => void;
  /** Reads compressed messages where JSON is translated. */
  readonly inflate: Inflate;
  /** Runs `run` after the I/O events of this turn of the event loop have been handled: where writes are gathered. */
  readonly soon: (run: () => void) => void;
  /** Sockets open now, listening ones included: the test harness wants 0 after every test. */
  readonly openSockets: () => number;
}

/** Structured log: one line per event. Implemented over a library in admin/log.ts; tests collect. */
export interface Log {
  /** Everyday trouble of peers. */
  debug(event: string, fields?: LogFields): void;
  /** The set of pods or a state has changed; and calls, when they are logged. */
  info(event: string, fields?: LogFields): void;
  /** Somebody should look at it. */
  warn(event: string, fields?: LogFields): void;
  /** A mistake of ours, or what stops the gateway. */
  error(event: string, fields?: LogFields): void;
}

/** What a line says besides its event. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
