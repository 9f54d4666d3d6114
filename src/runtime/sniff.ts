import type { Socket } from "node:net";

/** RFC 9113 3.4: the connection preface of a client starts with these 24 bytes. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Takes a connection once its first bytes have told which HTTP it speaks; they are what has been read so far. */
export type Sniffed = (version: "http1" | "http2", first: Uint8Array) => void;

/**
 * True when the first line is there and is no request line of HTTP/1.x: whoever sent it cannot read an HTTP/1.1 answer.
 * RFC 9113 3.4: "A GOAWAY frame MAY be omitted [...] since an invalid preface indicates that the peer is not using HTTP/2."
 */
function isNoRequest(first: Uint8Array): boolean {
  // RFC 9112 2.2: a server "SHOULD ignore at least one empty line (CRLF) received prior to the request-line".
  const start = first.findIndex((byte) => byte !== 0x0d && byte !== 0x0a);
  const end = start < 0 ? -1 : first.indexOf(0x0a, start);
  if (end < 0) return false;
  const line = Buffer.from(first.subarray(Math.max(0, end - 16), end)).toString("latin1");
  return !/ HTTP\/1\.\d\r?$/.test(line);
}

/**
 * Reads until the first bytes tell HTTP/2 from everything else. A method of HTTP/1.1 differs from the preface within its first
 * bytes, so nobody waits for 24 bytes that never come; `PRI` is reserved so that this works (RFC 9113 11.6).
 * The reader has stopped when `then` is called, so whoever takes over must start it again.
 */
export function sniff(socket: Socket, then: Sniffed): void {
  let held: Uint8Array = new Uint8Array(0);
  const onData = (bytes: Uint8Array) => {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    const length = Math.min(held.length, PREFACE.length);
    const equal = PREFACE.compare(held, 0, length, 0, length) === 0;
    if (equal && length < PREFACE.length) return;
    stop();
    socket.pause();
    if (equal) then("http2", held);
    else if (isNoRequest(held)) socket.destroy();
    else then("http1", held);
  };
  // With half-open sockets nobody else answers a FIN; a client that leaves without a word is let go.
  const onEnd = () => socket.destroy();
  const stop = () => {
    socket.off("data", onData);
    socket.off("end", onEnd);
  };
  socket.on("data", onData);
  socket.on("end", onEnd);
}
