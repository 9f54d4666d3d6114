import { describe, expect } from "vitest";
import { localAbort } from "../../src/http2/abort.ts";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { Setting } from "../../src/http2/frame.ts";
import * as f from "./support/frames.ts";
import { head, request, response, type ServerRig, serverRig } from "./support/rig.ts";
import { type Run, scripted } from "./support/scripted.ts";

/** Every limit of the reliability page: what is still taken, what ends the connection, and who must not be hit by it. */

function answer(server: ServerRig, index: number): void {
  server.turn(() => {
    server.calls[index].stream.head(head(...response));
    server.calls[index].stream.end(null);
  });
}

/** Opens calls `from` to `to`, each with its end. */
function open(server: ServerRig, from: number, to: number): void {
  for (let id = from; id <= to; id += 2) server.receive(f.headers(id, request, { end: true }));
}

function ended(server: ServerRig): string {
  return server.sent().find((line) => line.startsWith("GOAWAY")) ?? "";
}

describe("rapid reset (CVE-2023-44487)", () => {
  scripted("100 resets of young streams in a second are taken, one more ends the connection", (run) => {
    const server = serverRig(run, { limits: { earlyResets: 1_000 } });
    for (let i = 0; i < 100; i++) server.receive(f.headers(2 * i + 1, request), f.reset(2 * i + 1, 8));
    server.seconds(1);
    for (let i = 100; i < 200; i++) server.receive(f.headers(2 * i + 1, request), f.reset(2 * i + 1, 8));
    expect(ended(server)).toBe("");
    server.receive(f.headers(401, request), f.reset(401, 8));
    expect(ended(server)).toBe("GOAWAY 401 ENHANCE_YOUR_CALM: too many streams were reset");
    // The stream whose reset was one too many is over as well.
    expect(server.call(200).at(-1)).toBe("abort connection ENHANCE_YOUR_CALM");
  });

  scripted(
    "50 resets before a response started, then the connection is drained; answered calls earn them back",
    (run) => {
      const server = serverRig(run);
      const hasty = (from: number, count: number): void => {
        for (let i = 0; i < count; i++) {
          server.receive(f.headers(from + 2 * i, request), f.reset(from + 2 * i, 8));
          if (i % 20 === 19) server.seconds(1);
        }
      };
      hasty(1, 50);
      expect(server.sent()).toEqual([]);
      open(server, 101, 119);
      for (let i = 50; i < 60; i++) answer(server, i);
      server.sent();
      hasty(121, 10);
      expect(server.sent()).toEqual([]);
      hasty(141, 1);
      expect(server.sent()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING fairlead"]);
    },
  );

  scripted("10,000 in a life, of any age, then the connection is drained", (run) => {
    const server = serverRig(run, { limits: { resetsPerConnection: 300 } });
    let id = 1;
    for (let batch = 0; batch < 3; batch++) {
      const first = id;
      for (; id < first + 200; id += 2) server.receive(f.headers(id, request));
      server.seconds(3);
      for (let one = first; one < id; one += 2) server.receive(f.reset(one, 8));
    }
    expect(server.sent()).toEqual([]);
    server.receive(f.headers(id, request));
    server.seconds(3);
    server.receive(f.reset(id, 8));
    expect(server.sent()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING fairlead"]);
  });

  scripted("good faith: deadlines of a hundred calls that expire together", (run) => {
    const server = serverRig(run);
    for (let round = 0; round < 5; round++) {
      const first = round * 200 + 1;
      open(server, first, first + 198);
      server.seconds(2);
      for (let id = first; id < first + 200; id += 2) server.receive(f.reset(id, ErrorCode.CANCEL));
    }
    expect(server.sent()).toEqual([]);
    expect(server.connection.streams.size).toBe(0);
  });

  scripted("good faith: resets of calls that have been answered are not counted", (run) => {
    const server = serverRig(run);
    for (let i = 0; i < 300; i++) {
      open(server, 2 * i + 1, 2 * i + 1);
      answer(server, i);
      server.receive(f.reset(2 * i + 1, ErrorCode.CANCEL));
    }
    expect(ended(server)).toBe("");
  });
});

describe("made-you-reset (CVE-2025-8671)", () => {
  const provocations: readonly (readonly [string, (id: number) => Uint8Array])[] = [
    ["WINDOW_UPDATE of 0", (id) => f.windowUpdate(id, 0)],
    ["a window too large", (id) => f.windowUpdate(id, 0x7fffffff)],
    ["a stream that depends on itself", (id) => f.priority(id, id)],
    ["PRIORITY of a wrong size", (id) => f.frame(2, 0, id, [0])],
    ["HEADERS after the end", (id) => f.headers(id, request)],
    ["DATA after the end", (id) => f.data(id, "x")],
  ];
  for (const [name, provoke] of provocations) {
    scripted(`${name}: 500 resets of ours in a life are taken, one more ends the connection`, (run) => {
      const server = serverRig(run, { limits: { provokedResets: 50 } });
      for (let id = 1; id < 101; id += 2) server.receive(f.headers(id, request, { end: true }), provoke(id));
      expect(server.sent()).toHaveLength(50);
      server.seconds(100);
      server.receive(f.headers(101, request, { end: true }), provoke(101));
      expect(ended(server)).toBe("GOAWAY 101 ENHANCE_YOUR_CALM: too many stream errors");
    });
  }
});

describe("too many streams", () => {
  scripted("above the limit: REFUSED_STREAM, and that counts as provoked", (run) => {
    const server = serverRig(run, { limits: { maxConcurrentStreams: 2, provokedResets: 3 } });
    open(server, 1, 9);
    expect(server.sent()).toEqual([
      "RST_STREAM 5 REFUSED_STREAM",
      "RST_STREAM 7 REFUSED_STREAM",
      "RST_STREAM 9 REFUSED_STREAM",
    ]);
    expect(server.calls).toHaveLength(2);
    answer(server, 0);
    open(server, 11, 11);
    expect(server.calls).toHaveLength(3);
    open(server, 13, 13);
    expect(ended(server)).toBe("GOAWAY 13 ENHANCE_YOUR_CALM: too many stream errors");
  });

  scripted("good faith: refused before the client has acknowledged our settings, that costs it nothing", (run) => {
    const server = serverRig(run, { limits: { maxConcurrentStreams: 2, provokedResets: 3 }, raw: true });
    server.receive(f.preface, f.settings());
    open(server, 1, 199);
    expect(server.sent().filter((line) => line.endsWith("REFUSED_STREAM"))).toHaveLength(98);
    server.receive(f.settingsAck);
    open(server, 201, 201);
    expect(server.sent()).toEqual(["RST_STREAM 201 REFUSED_STREAM"]);
  });

  scripted("a refused stream's late frames are ignored", (run) => {
    const server = serverRig(run, { limits: { maxConcurrentStreams: 1 } });
    server.receive(
      f.headers(1, request),
      f.headers(3, request),
      f.data(3, "x"),
      f.headers(3, ["t", "1"], { end: true }),
    );
    expect(server.sent()).toEqual(["RST_STREAM 3 REFUSED_STREAM"]);
  });
});

describe("floods (CVE-2019-9512 to 9518)", () => {
  /** What is still taken in a second, and what then ends the connection. */
  function flood(run: Run, server: ServerRig, frame: Uint8Array, perSecond: number, name: string): void {
    for (let second = 0; second < 3; second++) {
      for (let i = 0; i < perSecond; i++) server.receive(frame);
      expect(ended(server)).toBe("");
      server.seconds(1);
    }
    for (let i = 0; i < perSecond; i++) server.receive(frame);
    server.receive(frame, f.ping());
    expect(ended(server)).toBe(`GOAWAY ${server.calls.length === 0 ? 0 : 1} ENHANCE_YOUR_CALM: too many ${name}`);
    expect(run).toBeDefined();
  }

  scripted("PING: 100 a second", (run) => flood(run, serverRig(run), f.ping(), 100, "PING frames"));

  scripted("SETTINGS: 50 a second", (run) => {
    const server = serverRig(run);
    server.seconds(1);
    flood(run, server, f.settings([Setting.INITIAL_WINDOW_SIZE, 1]), 50, "SETTINGS frames");
  });

  scripted("WINDOW_UPDATE on stream 0: 100 a second", (run) =>
    flood(run, serverRig(run), f.windowUpdate(0, 1), 100, "WINDOW_UPDATE frames"),
  );

  scripted("empty DATA: 100 a second, padding is no data", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request));
    flood(run, server, f.data(1, "", { padding: 1 }), 100, "empty DATA frames");
  });

  scripted("good faith: PING for every DATA frame that we send (bandwidth estimation of gRPC clients)", (run) => {
    const server = serverRig(run);
    server.receive(f.windowUpdate(0, 1 << 24), f.headers(1, request, { end: true }), f.windowUpdate(1, 1 << 24));
    server.turn(() => server.calls[0].stream.head(head(...response)));
    for (let i = 0; i < 500; i++) {
      server.turn(() => server.calls[0].stream.data(new Uint8Array(1_000), 0, 1_000));
      server.receive(f.ping(), f.windowUpdate(0, 1_000));
    }
    expect(ended(server)).toBe("");
    // Answers may be late; what was sent two sweeps ago earns nothing any more.
    server.seconds(2);
    for (let i = 0; i < 101; i++) server.receive(f.ping());
    expect(ended(server)).toBe("GOAWAY 1 ENHANCE_YOUR_CALM: too many PING frames");
  });

  scripted("good faith: the empty DATA frame that ends a body is not counted", (run) => {
    const server = serverRig(run);
    for (let i = 0; i < 300; i++) {
      server.receive(f.headers(2 * i + 1, request), f.data(2 * i + 1, "", { end: true }));
      answer(server, i);
    }
    expect(ended(server)).toBe("");
  });

  const asides: readonly [string, Uint8Array][] = [
    ["PRIORITY", f.priority(9, 0)],
    ["an unknown type", f.frame(0x99, 0, 0)],
    ["SETTINGS ACK", f.settingsAck],
    ["PING ACK", f.ping("whatever", true)],
    ["WINDOW_UPDATE on a stream", f.windowUpdate(1, 1)],
    ["WINDOW_UPDATE on a stream that is gone", f.windowUpdate(3, 1)],
    ["RST_STREAM on a stream that is gone", f.reset(3, 8)],
    ["HEADERS on a stream that we have reset", f.headers(3, ["late", "1"], { end: true })],
  ];
  for (const [name, frame] of asides) {
    scripted(`frames that change nothing, ${name}: ten times as many`, (run) => {
      const server = serverRig(run, { limits: { windowUpdatesPerSecond: 20 } });
      server.receive(f.headers(1, request, { end: true }), f.headers(3, request));
      server.turn(() => server.calls[1].stream.abort(localAbort(ErrorCode.CANCEL, "")));
      server.seconds(1);
      for (let i = 0; i < 200; i++) server.receive(frame);
      expect(ended(server)).toBe("");
      server.seconds(1);
      for (let i = 0; i < 200; i++) server.receive(frame);
      expect(ended(server)).toBe("");
      server.receive(frame);
      expect(ended(server)).toBe("GOAWAY 3 ENHANCE_YOUR_CALM: too many frames that change nothing");
    });
  }
});

describe("slow readers (CVE-2019-9511)", () => {
  function stalled(run: Run, bytes: number, window: number): ServerRig {
    const server = serverRig(run);
    server.receive(f.settings([Setting.INITIAL_WINDOW_SIZE, window]));
    server.receive(f.headers(1, request, { end: true }), f.headers(3, request, { end: true }));
    server.turn(() => {
      for (const { stream } of server.calls) stream.head(head(...response));
      server.calls[0].stream.data(new Uint8Array(bytes), 0, bytes);
    });
    server.sent();
    return server;
  }

  scripted("a window that opens byte by byte is no progress: the stream is reset after a minute", (run) => {
    const server = stalled(run, 1_000, 0);
    for (let i = 0; i < 60; i++) {
      server.receive(f.windowUpdate(1, 1));
      server.seconds(1);
    }
    expect(server.sent()).toHaveLength(60);
    server.seconds(1);
    expect(server.sent()).toEqual(["RST_STREAM 1 ENHANCE_YOUR_CALM"]);
    expect(server.call(0).at(-1)).toBe("abort local ENHANCE_YOUR_CALM");
    expect(server.budget.held).toBe(0);
    // The other call has nothing waiting, and so nothing to blame the peer for.
    expect(server.connection.streams.size).toBe(1);
  });

  scripted("16 KiB in a minute are progress", (run) => {
    const server = stalled(run, 160_000, 0);
    for (let minute = 0; minute < 9; minute++) {
      server.seconds(59);
      server.receive(f.windowUpdate(1, 16_384));
      server.receive(f.windowUpdate(0, 16_384));
      server.seconds(1);
    }
    expect(server.sent().filter((line) => line.startsWith("RST"))).toEqual([]);
    server.seconds(60);
    expect(server.sent()).toEqual(["RST_STREAM 1 ENHANCE_YOUR_CALM"]);
  });

  scripted("good faith: a reader that takes all there is each time, however little", (run) => {
    const server = stalled(run, 10, 0);
    for (let i = 0; i < 10; i++) {
      server.seconds(50);
      server.receive(f.windowUpdate(1, 10));
      server.turn(() => server.calls[0].stream.data(new Uint8Array(10), 0, 10));
    }
    expect(server.sent().filter((line) => line.startsWith("RST"))).toEqual([]);
  });

  scripted("a socket that takes nothing for a minute is closed, and every call is lost", async (run) => {
    const server = stalled(run, 200_000, 1 << 20);
    server.receive(f.windowUpdate(0, 1 << 20));
    server.seconds(1);
    server.stream.autoDrain = false;
    server.stream.highWaterMark = 1;
    server.turn(() => server.calls[1].stream.data(new Uint8Array(50), 0, 50));
    server.seconds(60);
    expect(server.stream.destroyedByOwner).toBe(false);
    server.seconds(1);
    expect(server.stream.destroyedByOwner).toBe(true);
    await server.settle();
    expect(server.events).toEqual(["failed the peer took no data for too long", "closed"]);
    expect(server.calls.map(({ request: recorder }) => recorder.abortReason?.message)).toEqual([
      "the peer took no data for too long",
      "the peer took no data for too long",
    ]);
  });
});
