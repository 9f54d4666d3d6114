import http2 from "node:http2";
import { createInterface } from "node:readline";

/**
 * A pod on node:http2 in a process of its own. What it does is the method's name. It answers each line of input with one line
 * that says how many connections and calls it has open, and how many it has had.
 */

const trailers = { "grpc-status": "0" };
/** As large as a message gets in a test. */
const LARGE = 1 << 20;

const seen = { sessions: 0, calls: 0 };
const sessions = new Set<http2.ServerHttp2Session>();
let calls = 0;

const server = http2.createServer({
  // Megabytes. The default of 10 makes node:http2 refuse calls of others on the same connection when large answers wait; that
  // is a test of the pod, not of the gateway.
  maxSessionMemory: 1_000,
  // What grpc-java allows a header list, and announces.
  settings: { maxConcurrentStreams: 1_000, maxHeaderListSize: Number(process.env.POD_MAX_HEADER_LIST ?? 65_535) },
});
server.on("session", (session) => {
  seen.sessions++;
  sessions.add(session);
  session.on("error", () => {});
  session.once("close", () => sessions.delete(session));
});

server.on("stream", (stream, headers) => {
  seen.calls++;
  calls++;
  stream.on("error", () => {});
  stream.once("close", () => calls--);
  const respond = (): void =>
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  switch (String(headers[":path"]).split("/")[2]) {
    case "Hold":
      // Takes everything, answers nothing.
      stream.resume();
      break;
    case "Deaf":
      // Reads nothing, answers nothing.
      break;
    case "Large":
      stream.resume();
      respond();
      stream.end(message(LARGE));
      break;
    case "Drip": {
      // Many small messages, a DATA frame each.
      stream.resume();
      respond();
      const small = message(16);
      const more = (): void => {
        for (let i = 0; i < 64; i++) if (!stream.write(small)) return void stream.once("drain", more);
        setImmediate(more);
      };
      more();
      break;
    }
    default: {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        if (stream.destroyed) return;
        respond();
        stream.end(Buffer.concat(parts));
      });
    }
  }
});

function message(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(JSON.stringify({ event: "listening", port: typeof address === "object" ? address?.port : 0 }));
});
createInterface({ input: process.stdin })
  .on("line", (id) => console.log(JSON.stringify({ event: "state", id, sessions: sessions.size, calls, seen })))
  .on("close", () => process.exit(0));
