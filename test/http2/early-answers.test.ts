import { describe, expect } from "vitest";
import { defaultHttp2Limits } from "../../src/http2/limits.ts";
import * as f from "./support/frames.ts";
import { head, request, requestText, response, type ServerRig, serverRig } from "./support/rig.ts";
import { type Run, scripted } from "./support/scripted.ts";

/** RFC 9113 8.1: an answer that ends before its request, and the RST_STREAM(NO_ERROR) that may follow it. */

const { streamWindow } = defaultHttp2Limits;

/** Stream 1 is answered; its request has only begun. */
function answered(run: Run, sent: readonly Uint8Array[] = []): ServerRig {
  const server = serverRig(run);
  server.receive(f.headers(1, request), ...sent);
  answer(server, 0);
  return server;
}

function answer(server: ServerRig, index: number): void {
  server.turn(() => {
    server.calls[index].stream.head(head(...response));
    server.calls[index].stream.end(null);
  });
}

/** DATA of stream 1 in frames of at most 16,384 bytes. */
function body(bytes: number): Uint8Array[] {
  const whole = Array.from({ length: Math.floor(bytes / 16_384) }, () => f.data(1, 16_384));
  return bytes % 16_384 === 0 ? whole : [...whole, f.data(1, bytes % 16_384)];
}

const ANSWER = "HEADERS 1 END_STREAM :status: 200";
const RESET = "RST_STREAM 1 NO_ERROR";

describe("an answer before the request's end", () => {
  scripted("a client that ends its request in the next moment gets no RST_STREAM", (run) => {
    const server = answered(run);
    expect(server.sent()).toEqual([ANSWER]);
    server.seconds(1);
    server.receive(f.data(1, "late"), f.data(1, "end", { end: true }));
    server.seconds(5);
    expect(server.sent()).toEqual([]);
    expect(server.connection.streams.size).toBe(0);
    expect(server.call(0)).toEqual([requestText]);
  });

  scripted("one that ends it with trailers gets none either", (run) => {
    const server = answered(run);
    server.receive(f.headers(1, ["late", "1"], { end: true }));
    server.seconds(5);
    expect(server.sent()).toEqual([ANSWER]);
    expect(server.connection.streams.size).toBe(0);
  });

  scripted("one that does not gets RST_STREAM(NO_ERROR) by the second sweep, once", (run) => {
    const server = answered(run);
    server.seconds(1);
    expect(server.sent()).toEqual([ANSWER]);
    server.seconds(1);
    expect(server.sent()).toEqual([RESET]);
    expect(server.connection.streams.size).toBe(0);
    server.receive(f.data(1, "under way"));
    server.seconds(5);
    expect(server.sent()).toEqual([]);
    expect(server.call(0)).toEqual([requestText]);
  });

  scripted("what still comes is thrown away: the connection's window has it back, the stream's has not", (run) => {
    const server = answered(run);
    server.sent();
    const others = defaultHttp2Limits.connectionWindow;
    for (let id = 1, left = others; left > 0; id += 2, left -= streamWindow) {
      if (id > 1) {
        server.receive(f.headers(id, request));
        answer(server, server.calls.length - 1);
      }
      // All that the window allows but one byte.
      for (const bytes of [streamWindow - 1]) {
        for (let at = 0; at < bytes; at += 16_384) server.receive(f.data(id, Math.min(16_384, bytes - at)));
      }
    }
    const updates = server.sent().filter((line) => line.startsWith("WINDOW_UPDATE"));
    expect(updates.length).toBeGreaterThan(0);
    expect(updates.every((line) => line.startsWith("WINDOW_UPDATE 0 "))).toBe(true);
  });

  scripted("one that uses its window up has RST_STREAM(NO_ERROR) at once: it would wait for credit", (run) => {
    const server = answered(run, body(streamWindow / 4));
    const credited = server.sent().filter((line) => line.startsWith("WINDOW_UPDATE 1")).length;
    expect(credited).toBe(0);
    server.receive(...body(streamWindow / 2));
    expect(server.sent().filter((line) => line === RESET)).toEqual([]);
    server.receive(...body(streamWindow / 4));
    expect(server.sent().filter((line) => line === RESET)).toEqual([RESET]);
  });

  scripted("padding gets no credit either: it would open the window for all that was thrown away", (run) => {
    const server = answered(run);
    server.receive(...body(streamWindow - 16_384), f.data(1, 1_000, { padding: 200 }));
    expect(server.sent().filter((line) => line.startsWith("WINDOW_UPDATE 1"))).toEqual([]);
    server.receive(f.data(1, 16_384 - 1_201));
    expect(server.sent().filter((line) => line === RESET)).toEqual([RESET]);
  });

  scripted("one that comes within the request's head is like the others", (run) => {
    const server = serverRig(run, {
      onRequest: (stream, _head, recorder) => {
        stream.head(head(...response));
        stream.end(null);
        return recorder;
      },
    });
    server.receive(f.headers(1, request), ...body(streamWindow - 1));
    expect(server.sent().filter((line) => !line.startsWith("WINDOW_UPDATE 0 "))).toEqual([ANSWER]);
    server.receive(f.data(1, 1));
    expect(server.sent().filter((line) => !line.startsWith("WINDOW_UPDATE 0 "))).toEqual([RESET]);
    server.receive(f.headers(3, request), f.data(3, "x", { end: true }));
    server.receive(f.headers(5, request, { end: true }));
    expect(server.connection.streams.size).toBe(0);
  });

  scripted("one that resets the stream is no rapid reset: its call was answered", (run) => {
    const server = serverRig(run);
    for (let i = 0; i < 300; i++) {
      server.receive(f.headers(2 * i + 1, request));
      answer(server, i);
      server.receive(f.reset(2 * i + 1, 8));
    }
    expect(server.sent().filter((line) => !line.startsWith("HEADERS"))).toEqual([]);
    expect(server.connection.streams.size).toBe(0);
  });

  scripted("one that sends more than content-length says is told so", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, [...request, "content-length", "3"]));
    answer(server, 0);
    server.receive(f.data(1, "four"));
    expect(server.sent()).toEqual([ANSWER, "RST_STREAM 1 PROTOCOL_ERROR"]);
  });

  scripted("the end of the connection does not wait for it", (run) => {
    const server = answered(run);
    server.turn(() => server.connection.drain());
    server.receive(f.ping("fairlead", true));
    expect(server.sent()).toEqual([ANSWER, "GOAWAY 2147483647 NO_ERROR", "PING fairlead", RESET, "GOAWAY 1 NO_ERROR"]);
  });
});
