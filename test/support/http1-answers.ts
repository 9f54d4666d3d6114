import type { Exchange } from "../../src/http1/exchange.ts";
import { CommonFields } from "../../src/http1/response-head.ts";
import { Http1Connection } from "../../src/http1/server-connection.ts";
import { Budget } from "../../src/http2/budget.ts";
import { Flusher } from "../../src/http2/flusher.ts";
import { defaultHttp2Limits } from "../../src/http2/limits.ts";
import type { Head } from "../../src/http2/receiver.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { Acceptor } from "../../src/runtime/machine.ts";

/** A request of HTTP/1.1 that has come whole. */
export interface WholeRequest {
  readonly method: string;
  readonly scheme: string;
  readonly path: string;
  readonly body: Uint8Array;
}

/** Where a listener is the subject and not what it serves: every request of HTTP/1.1 is answered with a 200 and this text. Undefined: never. */
export function http1Answers(answer: (request: WholeRequest) => string | undefined): Acceptor["http1"] {
  const options = {
    flusher: new Flusher(setImmediate),
    budget: new Budget(1 << 30),
    limits: defaultHttp2Limits,
    common: new CommonFields(systemClock, null),
  };
  return (stream, secure) =>
    new Http1Connection(stream, secure, options, {
      request: (exchange, head) => collect(exchange, head, answer),
      closed: () => {},
    });
}

function collect(exchange: Exchange, head: Head, answer: (request: WholeRequest) => string | undefined) {
  const chunks: Uint8Array[] = [];
  const value = (name: string) => head.fields[head.fields.indexOf(name) + 1];
  return {
    head: () => {},
    data: (bytes: Uint8Array, start: number, end: number) => {
      chunks.push(bytes.slice(start, end));
      exchange.consumed(end - start);
    },
    end: () => {
      const text = answer({
        method: value(":method"),
        scheme: value(":scheme"),
        path: value(":path"),
        body: Buffer.concat(chunks),
      });
      if (text === undefined) return;
      const body = new TextEncoder().encode(text);
      exchange.head({ fields: [":status", "200"], neverIndexed: null, memo: undefined });
      exchange.data(body, 0, body.length);
      exchange.end(null);
    },
    abort: () => {},
  };
}

/** For listeners that are asked for HTTP/2 only. */
export const noHttp1: Acceptor["http1"] = (stream) => {
  stream.destroy();
  return { received: () => {}, drained: () => {}, ended: () => {}, closed: () => {} };
};
