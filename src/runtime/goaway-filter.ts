import type { Http2Server } from "node:http2";
import net from "node:net";
import { Duplex } from "node:stream";

/** RFC 9113 3.4. */
const PREFACE_BYTES = 24;
/** RFC 9113 4.1: 24 bits of length, 8 of type, 8 of flags, 32 of stream. */
const HEADER_BYTES = 9;
/** RFC 9113 6.8. */
const GOAWAY = 0x7;

/**
 * A listener in front of a `node:http2` server that takes GOAWAY frames out of what clients send. A client that says goodbye
 * closes its connection anyway, and that is all that the server learns of it then.
 *
 * For Deno only: up to 2.9.6 at least, a GOAWAY that reaches node:http2 after a few hundred streams corrupts memory and
 * aborts the whole process (https://github.com/denoland/deno/issues/36788).
 */
export function withoutGoaway(server: Http2Server): net.Server {
  return net.createServer((socket) => {
    const filter = createGoawayFilter();
    const filtered = new Duplex({
      read: () => void socket.resume(),
      write: (bytes, _encoding, done) => void socket.write(bytes, done),
      final: (done) => void socket.end(done),
      destroy: (error, done) => {
        socket.destroy();
        done(error);
      },
    });
    socket.on("data", (bytes: Uint8Array) => {
      for (const piece of filter(bytes)) if (!filtered.push(piece)) socket.pause();
    });
    socket.on("end", () => filtered.push(null));
    socket.on("error", () => {});
    socket.once("close", () => filtered.destroy());
    server.emit("connection", filtered);
  });
}

/**
 * @returns takes the bytes of one client in any pieces, and gives those of all frames but GOAWAY; views, except of headers that
 * came in pieces
 */
export function createGoawayFilter(): (bytes: Uint8Array) => Uint8Array[] {
  const header = new Uint8Array(HEADER_BYTES);
  let inHeader = 0;
  /** Bytes of the preface or of a payload that are still to come, and what becomes of them. */
  let left = PREFACE_BYTES;
  let keep = true;

  return (bytes) => {
    const kept: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (left > 0) {
        const end = Math.min(bytes.length, at + left);
        if (keep) kept.push(bytes.subarray(at, end));
        left -= end - at;
        at = end;
        continue;
      }
      const end = Math.min(bytes.length, at + HEADER_BYTES - inHeader);
      header.set(bytes.subarray(at, end), inHeader);
      inHeader += end - at;
      at = end;
      if (inHeader < HEADER_BYTES) break;
      inHeader = 0;
      left = (header[0] << 16) | (header[1] << 8) | header[2];
      keep = header[3] !== GOAWAY;
      if (keep) kept.push(header.slice());
    }
    return kept;
  };
}
