/** DNS over TCP: each message has a two-byte length before it, most significant byte first (RFC 1035 4.2.2). */
const LENGTH_BYTES = 2;

/** A message with its length before it, in one piece so that both travel in one segment (RFC 7766 8). */
export function dnsStreamMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(LENGTH_BYTES + message.length);
  framed[0] = message.length >> 8;
  framed[1] = message.length & 0xff;
  framed.set(message, LENGTH_BYTES);
  return framed;
}

/** Cuts a TCP stream into messages. Holds at most one message, 65,535 bytes. */
export class DnsStreamReader {
  private readonly onMessage: (message: Uint8Array) => void;
  private held = new Uint8Array(0);

  constructor(onMessage: (message: Uint8Array) => void) {
    this.onMessage = onMessage;
  }

  push(bytes: Uint8Array): void {
    let rest = new Uint8Array(this.held.length + bytes.length);
    rest.set(this.held);
    rest.set(bytes, this.held.length);
    while (rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + ((rest[0] << 8) | rest[1]);
      if (rest.length < end) break;
      this.onMessage(rest.slice(LENGTH_BYTES, end));
      rest = rest.subarray(end);
    }
    this.held = rest;
  }
}
