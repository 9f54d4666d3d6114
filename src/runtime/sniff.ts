import type { Socket } from "node:net";

/** RFC 9113 3.4: the connection preface of a client starts with these 24 bytes. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Takes a connection once its first bytes have told which HTTP it speaks; they are what has been read so far. */
export interface Sniffed {
  http2(first: Uint8Array): void;
  http1(first: Uint8Array): void;
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
    if (equal) then.http2(held);
    else then.http1(held);
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
