import { Flag } from "../../src/http2/frame.ts";
import { makeHead, okHead, okTrailers } from "../gateway/support/fields.ts";
import type { Party } from "../gateway/support/party.ts";
import type { Pod } from "../gateway/support/pod.ts";
import { framed, PAYLOAD } from "./callers.ts";

/** Something that a pod does wrong with a call that came whole. */
export interface BadAnswer {
  readonly what: string;
  answer(call: Party, pod: Pod): void;
}

/** What a pod answers that is no HTTP/2 at all. */
export interface BadServer {
  readonly what: string;
  /** Its first and last bytes. */
  readonly bytes: Uint8Array;
}

const message = framed(PAYLOAD);
const html = new TextEncoder().encode("<html>moved</html>");

function http(status: string, type = "text/html"): BadAnswer {
  return {
    what: `HTTP ${status}, ${type}, no grpc-status`,
    answer: (call) => call.sendHead([":status", status, "content-type", type]).send(html).finish(),
  };
}

function status(what: string, trailers: readonly string[]): BadAnswer {
  return { what, answer: (call) => call.sendHead(okHead).send(message).finish(trailers) };
}

/** Frames as they stand on the wire, whatever the pod's own engine thinks of them. */
function raw(what: string, write: (on: Wire) => void): BadAnswer {
  return {
    what,
    answer: (call, pod) => {
      const connection = pod.connections.find((one) => !one.over);
      if (connection === undefined) throw new Error("the pod has no connection");
      const { outbound } = connection;
      const { id } = call.stream;
      write({
        head: (fields, end) => void outbound.writeHead(id, makeHead(fields), end ? Flag.END_STREAM : 0),
        data: (bytes, end) => outbound.output.data(id, bytes, 0, bytes.length, end ? Flag.END_STREAM : 0),
      });
      outbound.wake();
    },
  };
}

interface Wire {
  head(fields: readonly string[], end: boolean): void;
  data(bytes: Uint8Array, end: boolean): void;
}

export const badAnswers: readonly BadAnswer[] = [
  http("200"),
  http("301"),
  http("404"),
  http("502"),
  http("503", "text/plain"),
  { what: "HTTP 204 without anything", answer: (call) => call.sendHead([":status", "204"]).finish() },
  status("no grpc-status in the trailers", ["x-other", "1"]),
  { what: "no trailers", answer: (call) => call.sendHead(okHead).send(message).finish() },
  { what: "nothing but a head without a status", answer: (call) => call.sendHead(okHead).finish() },
  status("grpc-status 99", ["grpc-status", "99", "grpc-message", "odd"]),
  status("grpc-status abc", ["grpc-status", "abc"]),
  status("grpc-status empty", ["grpc-status", ""]),
  status("grpc-status twice, 5 then 0", ["grpc-status", "5", "grpc-status", "0"]),
  status("grpc-message with bad escapes", ["grpc-status", "5", "grpc-message", "100%25 %zz"]),
  status("grpc-status-details-bin that is no base64", ["grpc-status", "5", "grpc-status-details-bin", "!!!"]),
  { what: "OK without a message", answer: (call) => call.sendHead(okHead).finish(okTrailers) },
  {
    what: "OK with two messages",
    answer: (call) => call.sendHead(okHead).send(message).send(message).finish(okTrailers),
  },
  {
    what: "message that is cut off",
    answer: (call) => call.sendHead(okHead).send(message.subarray(0, 8)).finish(okTrailers),
  },
  {
    what: "message of 4 GiB",
    answer: (call) =>
      call
        .sendHead(okHead)
        .send(framed(PAYLOAD, 0, 0xffff_ffff))
        .finish(okTrailers),
  },
  { what: "reserved flags, 0x04", answer: (call) => call.sendHead(okHead).send(framed(PAYLOAD, 4)).finish(okTrailers) },
  {
    what: "the flag of gRPC-Web's trailers, 0x80",
    answer: (call) => call.sendHead(okHead).send(framed(PAYLOAD, 0x80)).finish(okTrailers),
  },
  {
    what: "the flag of Connect's end of stream, 0x02",
    answer: (call) => call.sendHead(okHead).send(framed(PAYLOAD, 2)).finish(okTrailers),
  },
  {
    what: "compressed flag without grpc-encoding",
    answer: (call) => call.sendHead(okHead).send(framed(PAYLOAD, 1)).finish(okTrailers),
  },
  raw("two heads", (on) => {
    on.head(okHead, false);
    on.head(okHead, false);
    on.data(message, false);
    on.head(okTrailers, true);
  }),
  raw("trailers twice", (on) => {
    on.head(okHead, false);
    on.data(message, false);
    on.head(okTrailers, true);
    on.head(okTrailers, true);
  }),
  raw("data after trailers", (on) => {
    on.head(okHead, false);
    on.data(message, false);
    on.head(okTrailers, true);
    on.data(message, true);
  }),
  raw("data before a head", (on) => on.data(message, false)),
  raw("content-length that lies", (on) => {
    on.head([...okHead, "content-length", "3"], false);
    on.data(message, false);
    on.head(okTrailers, true);
  }),
];

export const badServers: readonly BadServer[] = [
  {
    what: "an answer of HTTP/1.1",
    bytes: new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"),
  },
  // RFC 8446 6: what a TLS server says to bytes that are no handshake.
  { what: "TLS, where plaintext was dialled", bytes: Uint8Array.of(0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46) },
  { what: "nothing: the connection is closed", bytes: new Uint8Array(0) },
];
