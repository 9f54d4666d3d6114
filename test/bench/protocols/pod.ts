/**
 * The pod behind the protocol rows: nghttpd's answers have no content-type, and what is not `application/grpc` is no answer to
 * who translates. Our own engine at its smallest; whatever it costs, it costs every proxy the same, on the load's core.
 * Usage: node --import tsx pod.ts PORT
 */

import { Budget } from "../../../src/http2/budget.ts";
import { Flusher } from "../../../src/http2/flusher.ts";
import { defaultHttp2Limits } from "../../../src/http2/limits.ts";
import type { Head, Receiver } from "../../../src/http2/receiver.ts";
import { ServerConnection } from "../../../src/http2/server-connection.ts";
import type { Stream } from "../../../src/http2/stream.ts";
import { createMachine } from "../../../src/runtime/create-machine.ts";
import { noHttp1 } from "../../support/http1-answers.ts";
import { MESSAGE, STREAM_MESSAGES, STREAM_PATH } from "./rows.ts";

const made = (fields: readonly string[]): Head => ({ fields, neverIndexed: null, memo: undefined });
/** The answer's head, by the request's content-type: the same object every time, so that its bytes are made once. */
const heads = new Map<string, Head>();
const okTrailers = made(["grpc-status", "0"]);

function headFor({ fields }: Head): Head {
  const type = fields[fields.indexOf("content-type") + 1];
  let head = heads.get(type);
  if (head === undefined) {
    head = made([":status", "200", "content-type", type]);
    heads.set(type, head);
  }
  return head;
}

/** Echoes as it comes. */
function unary(stream: Stream, request: Head): Receiver {
  return {
    head: () => stream.head(headFor(request)),
    data(bytes, start, end) {
      stream.consumed(end - start);
      stream.data(bytes, start, end);
    },
    end: () => stream.end(okTrailers),
    abort() {},
  };
}

function serverStream(stream: Stream, request: Head): Receiver {
  return {
    head() {},
    data: (_bytes, start, end) => stream.consumed(end - start),
    end() {
      stream.head(headFor(request));
      for (let i = 0; i < STREAM_MESSAGES; i++) stream.data(MESSAGE, 0, MESSAGE.length);
      stream.end(okTrailers);
    },
    abort() {},
  };
}

const machine = createMachine();
const options = {
  flusher: new Flusher(machine.soon),
  budget: new Budget(1 << 30),
  limits: { ...defaultHttp2Limits, maxConcurrentStreams: 1_000 },
};
await machine.listen(
  { host: "127.0.0.1", port: Number(process.argv[2]) },
  {
    http2: (stream) =>
      new ServerConnection(stream, options, {
        request: (call, head) => (head.fields.includes(STREAM_PATH) ? serverStream(call, head) : unary(call, head)),
        closed() {},
      }),
    http1: noHttp1,
  },
);
