import { describe, expect } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { MAX_WINDOW, Setting } from "../../src/http2/frame.ts";
import type { Receiver } from "../../src/http2/receiver.ts";
import * as f from "./support/frames.ts";
import { head, request, requestText, response, type ServerRig, serverRig } from "./support/rig.ts";
import { type Run, scripted, scriptedEach } from "./support/scripted.ts";

const KiB = 1024;

/** A server whose call `index` has been answered with a head, and nothing more. The peer's windows are what it set. */
function answering(run: Run, settings: readonly (readonly [number, number])[], calls = 1): ServerRig {
  const server = serverRig(run);
  server.receive(f.settings(...settings));
  for (let i = 0; i < calls; i++) server.receive(f.headers(2 * i + 1, request, { end: true }));
  server.turn(() => {
    for (const { stream } of server.calls) stream.head(head(...response));
  });
  server.sent();
  return server;
}

function send(server: ServerRig, index: number, bytes: number): void {
  server.turn(() => server.calls[index].stream.data(new Uint8Array(bytes).fill(121), 0, bytes));
}

/** A request whose bytes leave only when the test says so. */
function slow(run: Run, limits: Parameters<typeof serverRig>[1] = {}): ServerRig {
  return serverRig(run, {
    ...limits,
    onRequest: (_stream, _head, recorder): Receiver => {
      recorder.flow = null;
      return recorder;
    },
  });
}

describe("windows of the peer", () => {
  scripted("a body stops at the stream's window and goes on as it opens", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 10]]);
    send(server, 0, 25);
    expect(server.sent()).toEqual(['DATA 1 "yyyyyyyyyy"']);
    expect(server.budget.held).toBe(15);
    server.receive(f.windowUpdate(1, 1));
    expect(server.sent()).toEqual(['DATA 1 "y"']);
    server.receive(f.windowUpdate(1, 100));
    expect(server.sent()).toEqual(['DATA 1 "yyyyyyyyyyyyyy"']);
    expect(server.budget.held).toBe(0);
  });

  scripted("a body stops at the connection's window, all streams together", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW]], 2);
    send(server, 0, 60_000);
    send(server, 1, 60_000);
    const bytes = (lines: readonly string[]) =>
      lines.reduce((sum, line) => sum + Number(/(\d+) bytes/.exec(line)?.[1] ?? 0), 0);
    expect(bytes(server.sent())).toBe(65_535);
    server.receive(f.windowUpdate(0, 16_384));
    expect(bytes(server.sent())).toBe(16_384);
    server.receive(f.windowUpdate(0, 1 << 20));
    expect(bytes(server.sent())).toBe(120_000 - 65_535 - 16_384);
  });

  scripted("the end waits for the body, trailers too; frames are of 16,384 bytes at most", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 20_000]], 2);
    send(server, 0, 20_001);
    send(server, 1, 20_001);
    server.turn(() => {
      server.calls[0].stream.end(head("grpc-status", "0"));
      server.calls[1].stream.end(null);
    });
    expect(server.sent()).toEqual([
      "DATA 1 16384 bytes",
      "DATA 1 3616 bytes",
      "DATA 3 16384 bytes",
      "DATA 3 3616 bytes",
    ]);
    server.receive(f.windowUpdate(1, 1), f.windowUpdate(3, 1));
    expect(server.sent()).toEqual(['DATA 1 "y"', "HEADERS 1 END_STREAM grpc-status: 0", 'DATA 3 END_STREAM "y"']);
    expect(server.connection.streams.size).toBe(0);
  });

  scripted("an empty window lets heads, trailers and ends pass (RFC 9113 6.9)", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 0]], 2);
    server.turn(() => server.calls[0].stream.end(head("grpc-status", "0")));
    server.turn(() => server.calls[1].stream.end(null));
    expect(server.sent()).toEqual(["HEADERS 1 END_STREAM grpc-status: 0", 'DATA 3 END_STREAM ""']);
  });

  scripted("a smaller INITIAL_WINDOW_SIZE makes windows negative, and they have to be filled up first", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 100]]);
    send(server, 0, 90);
    server.receive(f.settings([Setting.INITIAL_WINDOW_SIZE, 20]));
    expect(server.sent()).toEqual(["DATA 1 90 bytes", "SETTINGS ACK"]);
    send(server, 0, 8);
    server.receive(f.windowUpdate(1, 70));
    expect(server.sent()).toEqual([]);
    server.receive(f.windowUpdate(1, 5));
    expect(server.sent()).toEqual(['DATA 1 "yyyyy"']);
    server.receive(f.settings([Setting.INITIAL_WINDOW_SIZE, 23]));
    expect(server.sent()).toEqual(["SETTINGS ACK", 'DATA 1 "yyy"']);
  });

  scripted("a larger INITIAL_WINDOW_SIZE opens the windows of streams that wait", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 0]], 2);
    send(server, 0, 5);
    send(server, 1, 5);
    expect(server.sent()).toEqual([]);
    server.receive(f.settings([Setting.INITIAL_WINDOW_SIZE, 4]));
    expect(server.sent()).toEqual(["SETTINGS ACK", 'DATA 1 "yyyy"', 'DATA 3 "yyyy"']);
  });

  scripted("a stream's window beyond 2^31-1 resets the stream; exactly that is allowed", (run) => {
    const server = answering(run, [], 2);
    server.receive(f.windowUpdate(1, MAX_WINDOW - 65_535), f.windowUpdate(3, MAX_WINDOW - 65_534));
    expect(server.sent()).toEqual(["RST_STREAM 3 FLOW_CONTROL_ERROR"]);
    expect(server.call(1)).toEqual([requestText, "end", "abort local FLOW_CONTROL_ERROR"]);
  });

  scriptedEach<[Uint8Array]>(
    [
      ["WINDOW_UPDATE takes the connection's window beyond 2^31-1", f.windowUpdate(0, MAX_WINDOW - 65_534)],
      [
        "INITIAL_WINDOW_SIZE takes a stream's window beyond 2^31-1",
        Uint8Array.of(...f.windowUpdate(1, 1), ...f.settings([Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW])),
      ],
      ["INITIAL_WINDOW_SIZE is above 2^31-1", f.settings([Setting.INITIAL_WINDOW_SIZE, 0x80000000])],
    ],
    (run, bytes) => {
      const server = answering(run, []);
      server.receive(bytes);
      const sent = server.sent();
      expect(sent).toHaveLength(1);
      expect(sent[0]).toMatch(/^GOAWAY 1 FLOW_CONTROL_ERROR: /);
    },
  );

  scripted("WINDOW_UPDATE of 0 resets the stream", (run) => {
    const server = answering(run, []);
    server.receive(f.windowUpdate(1, 0));
    expect(server.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
  });

  scripted("an empty piece sends nothing, also behind others in a negative window", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 10]]);
    send(server, 0, 0);
    send(server, 0, 12);
    send(server, 0, 0);
    server.receive(f.settings([Setting.INITIAL_WINDOW_SIZE, 1]));
    send(server, 0, 0);
    server.turn(() => server.calls[0].stream.end(null));
    expect(server.sent()).toEqual(['DATA 1 "yyyyyyyyyy"', "SETTINGS ACK"]);
    server.receive(f.windowUpdate(1, 100));
    expect(server.sent()).toEqual(['DATA 1 END_STREAM "yy"']);
  });

  scripted("large bodies take turns, a frame each", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 1 << 20]], 3);
    server.receive(f.windowUpdate(0, 1 << 20));
    server.turn(() => {
      for (const { stream } of server.calls) stream.data(new Uint8Array(40_000), 0, 40_000);
    });
    expect(server.sent().map((line) => line.split(" ")[1])).toEqual(["1", "3", "5", "1", "3", "5", "1", "3", "5"]);
  });

  scripted("a reset frees what was waiting, and the others go on", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 1 << 20]], 2);
    send(server, 0, 100_000);
    send(server, 1, 10);
    server.sent();
    server.receive(f.reset(1, ErrorCode.CANCEL));
    expect(server.budget.held).toBe(10);
    server.receive(f.windowUpdate(0, 10));
    expect(server.sent()).toEqual(['DATA 3 "yyyyyyyyyy"']);
  });

  scripted("word of bytes that have left goes to their source, exactly once each", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 30_000]]);
    const left: number[] = [];
    server.calls[0].stream.source = { consumed: (bytes) => left.push(bytes) };
    send(server, 0, 5);
    expect(left).toEqual([5]);
    send(server, 0, 40_000);
    expect(left).toEqual([5, 16_384, 13_611]);
    server.receive(f.windowUpdate(1, 50_000));
    expect(left).toEqual([5, 16_384, 13_611, 10_005]);
  });
});

describe("our windows", () => {
  scripted("the stream's credit is given when the bytes have left, half a window at a time", (run) => {
    const server = slow(run, { limits: { streamWindow: 64 * KiB, connectionWindow: 1 << 20 } });
    server.receive(f.headers(1, request), f.data(1, 16_000), f.data(1, 16_000), f.data(1, 16_000));
    expect(server.sent()).toEqual([]);
    const { stream } = server.calls[0];
    server.turn(() => stream.consumed(32 * KiB - 1));
    expect(server.sent()).toEqual([]);
    server.turn(() => stream.consumed(1));
    expect(server.sent()).toEqual(["WINDOW_UPDATE 1 +32768"]);
  });

  scripted("the connection's credit is given on receipt, and so a slow reader stalls its own call only", (run) => {
    const server = slow(run, { limits: { streamWindow: 64 * KiB, connectionWindow: 128 * KiB } });
    server.receive(f.headers(1, request));
    for (let i = 0; i < 4; i++) server.receive(f.data(1, 16 * KiB));
    expect(server.sent()).toEqual(["WINDOW_UPDATE 0 +65536"]);
    // Stream 1 has used up its window and nothing of it has left. Another call has all it needs.
    server.receive(f.headers(3, request));
    for (let i = 0; i < 4; i++) server.receive(f.data(3, 16 * KiB));
    expect(server.sent()).toEqual(["WINDOW_UPDATE 0 +65536"]);
    expect(server.calls[1].request.received).toBe(64 * KiB);
  });

  scripted("more than the stream's window: the stream is reset, padding counts", (run) => {
    const server = slow(run, { limits: { streamWindow: 65_536 } });
    server.receive(f.headers(1, request), f.headers(3, request));
    for (let i = 0; i < 3; i++) server.receive(f.data(1, 16_384), f.data(3, 16_384));
    server.receive(f.data(1, 16_384 - 200, { padding: 199 }), f.data(3, 16_383 - 200, { padding: 200 }));
    expect(server.sent()).toEqual([]);
    server.receive(f.data(1, 1));
    expect(server.sent()).toEqual(["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
    expect(server.call(0).at(-1)).toBe("abort local FLOW_CONTROL_ERROR");
    // The padding is to be credited, but the peer has not been told yet.
    server.receive(f.data(3, 1));
    expect(server.sent()).toEqual(["RST_STREAM 3 FLOW_CONTROL_ERROR"]);
  });

  scripted("padding is given back at once, whatever becomes of the data", (run) => {
    const server = slow(run, { limits: { streamWindow: 65_536 } });
    server.receive(f.headers(1, request));
    for (let i = 0; i < 129; i++) server.receive(f.data(1, "x", { padding: 254 }));
    expect(server.sent()).toEqual(["WINDOW_UPDATE 1 +32895"]);
  });

  scripted("more than the connection's window ends the connection", (run) => {
    // Credit for the connection is held back only while the process holds too much.
    const server = slow(run, { limits: { streamWindow: 1 << 20, connectionWindow: 65_535 }, budget: -1 });
    server.receive(f.headers(1, request));
    for (let i = 0; i < 3; i++) server.receive(f.data(1, 16_384));
    server.receive(f.data(1, 16_383));
    expect(server.sent()).toEqual([]);
    server.receive(f.data(1, "x"));
    expect(server.sent()).toEqual(["GOAWAY 1 FLOW_CONTROL_ERROR: more DATA than the connection window allows"]);
  });

  scripted("DATA on streams that are not there counts against the connection's window, and is given back", (run) => {
    const server = serverRig(run, { limits: { connectionWindow: 65_535 } });
    server.receive(f.headers(1, request));
    server.turn(() => server.connection.resetStream(server.calls[0].stream, ErrorCode.CANCEL));
    server.sent();
    for (let i = 0; i < 10; i++) server.receive(f.data(1, 16_384));
    expect(server.sent()).toEqual(new Array(5).fill("WINDOW_UPDATE 0 +32768"));
  });

  scripted("before it knows our settings a client may use the initial window (RFC 9113 6.9.3)", (run) => {
    const server = slow(run, { limits: { streamWindow: 16_384 }, raw: true });
    server.sent();
    server.receive(f.preface, f.settings(), f.headers(1, request));
    for (let i = 0; i < 3; i++) server.receive(f.data(1, 16_384));
    server.receive(f.data(1, 16_383));
    expect(server.sent()).toEqual(["SETTINGS ACK"]);
    server.receive(f.settingsAck, f.headers(3, request), f.data(3, 16_384), f.data(3, "x"));
    expect(server.sent()).toEqual(["RST_STREAM 3 FLOW_CONTROL_ERROR"]);
  });

  scripted("a stream whose end has arrived gets no more credit", (run) => {
    const server = serverRig(run, { limits: { streamWindow: 16_384 } });
    server.receive(f.headers(1, request), f.data(1, 16_384, { end: true }));
    expect(server.sent()).toEqual([]);
  });
});

describe("the process's budget", () => {
  scripted("while it is exhausted the connection gets no credit; when there is room again it gets all of it", (run) => {
    const server = slow(run, {
      limits: { streamWindow: 1 << 20, connectionWindow: 128 * KiB },
      budget: 10_000,
    });
    server.receive(f.settings([Setting.INITIAL_WINDOW_SIZE, 0]), f.headers(1, request));
    server.turn(() => {
      server.calls[0].stream.head(head(...response));
      server.calls[0].stream.data(new Uint8Array(10_001), 0, 10_001);
    });
    server.sent();
    for (let i = 0; i < 6; i++) server.receive(f.data(1, 16 * KiB));
    expect(server.sent()).toEqual([]);
    expect(server.budget.exhausted).toBe(true);
    server.receive(f.windowUpdate(1, 1));
    expect(server.sent()).toEqual(['DATA 1 "\\u0000"', `WINDOW_UPDATE 0 +${96 * KiB}`]);
    expect(server.budget.exhausted).toBe(false);
  });

  scripted("while it is exhausted, what leaves is credited, and so nobody waits for those who hold it", (run) => {
    const server = serverRig(run, {
      limits: { streamWindow: 1 << 20, connectionWindow: 128 * KiB },
      budget: 0,
      onRequest: (_stream, _head, recorder): Receiver => {
        if (server.calls.length === 1) recorder.flow = null;
        return recorder;
      },
    });
    server.budget.hold(1);
    server.receive(f.headers(1, request), f.headers(3, request));
    // Most of the window is used up by a call that does not read.
    for (let i = 0; i < 7; i++) server.receive(f.data(1, 16 * KiB));
    for (let i = 0; i < 50; i++) server.receive(f.data(3, 16 * KiB));
    expect(server.calls[1].request.received).toBe(50 * 16 * KiB);
    expect(server.sent().filter((line) => line.startsWith("WINDOW_UPDATE 0"))).toEqual(
      new Array(50).fill("WINDOW_UPDATE 0 +16384"),
    );
    // What leaves later, or is thrown away, is credited as well; and when there is room again nothing is left to give.
    server.turn(() => server.calls[0].stream.consumed(20_000));
    server.receive(f.reset(1, ErrorCode.CANCEL));
    expect(server.sent()).toEqual(["WINDOW_UPDATE 0 +20000", `WINDOW_UPDATE 0 +${7 * 16 * KiB - 20_000}`]);
    server.turn(() => server.budget.release(1));
    expect(server.sent()).toEqual([]);
  });

  scripted("is free again when the calls that held it are reset, or their connection is lost", (run) => {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, 0]], 2);
    send(server, 0, 1_000);
    send(server, 1, 1_000);
    expect(server.budget.held).toBe(2_000);
    server.receive(f.reset(1, ErrorCode.CANCEL));
    expect(server.budget.held).toBe(1_000);
    server.stream.close(new Error("gone"));
    expect(server.budget.held).toBe(0);
  });
});

describe("a socket that is full", () => {
  function full(run: Run, calls = 1): ServerRig {
    const server = answering(run, [[Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW]], calls);
    server.receive(f.windowUpdate(0, 1 << 24));
    server.sent();
    server.stream.autoDrain = false;
    server.stream.highWaterMark = 64 * KiB;
    return server;
  }

  scripted("takes no more bodies; they wait in the call, and go on when it has room", (run) => {
    const server = full(run);
    send(server, 0, 1 << 20);
    // One turn's worth at most went to the socket.
    expect(server.stream.untaken).toBeLessThan(160 * KiB);
    expect(server.budget.held).toBeGreaterThan(800 * KiB);
    let frames = 0;
    for (let i = 0; i < 20 && server.budget.held > 0; i++) frames += server.sent().length;
    frames += server.sent().length;
    expect(server.budget.held).toBe(0);
    expect(frames).toBe(64);
  });

  scripted("reading goes on: what the peer sends is taken while it takes nothing", async (run) => {
    const server = full(run);
    send(server, 0, 1 << 20);
    server.receive(f.headers(3, request), f.data(3, "hello"), f.ping());
    await server.settle();
    expect(server.stream.paused).toBe(false);
    expect(server.call(1)).toEqual([requestText, 'data "hello"']);
    const held = server.budget.held;
    expect(server.sent().some((line) => line.startsWith("PING"))).toBe(false);
    expect(server.sent()).toContain("PING ACK 12345678");
    expect(server.budget.held).toBeLessThan(held);
  });

  scripted("a peer that makes us answer and does not read is not read any more, until it has read", async (run) => {
    const server = full(run);
    send(server, 0, 1 << 20);
    const answers = head(":status", "200", "filler", "~".repeat(8_000));
    for (let id = 3; !server.stream.paused; id += 2) {
      server.receive(f.headers(id, request, { end: true }));
      server.turn(() => {
        server.calls.at(-1)?.stream.head(answers);
        server.calls.at(-1)?.stream.end(null);
      });
      await server.settle();
    }
    const calls = server.calls.length;
    expect(calls).toBeLessThan(20);
    server.receive(f.headers(1_001, request));
    await server.settle();
    expect(server.calls).toHaveLength(calls);
    server.sent();
    await server.settle();
    expect(server.stream.paused).toBe(false);
    expect(server.calls).toHaveLength(calls + 1);
    while (server.budget.held > 0) server.sent();
  });
});
