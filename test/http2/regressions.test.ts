import { describe, expect } from "vitest";
import { localAbort } from "../../src/http2/abort.ts";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { MAX_WINDOW, Setting } from "../../src/http2/frame.ts";
import * as f from "./support/frames.ts";
import { clientRig, head, request, requestText, response, type ServerRig, serverRig } from "./support/rig.ts";
import { type Run, scripted } from "./support/scripted.ts";

/** One test for each bug that was found in the engine, named after it; those of a subject's own stand in its file. */

function answering(run: Run, calls: number, window = MAX_WINDOW): ServerRig {
  const server = serverRig(run);
  server.receive(f.settings([Setting.INITIAL_WINDOW_SIZE, window]));
  for (let i = 0; i < calls; i++) server.receive(f.headers(2 * i + 1, request, { end: true }));
  server.turn(() => {
    for (const { stream } of server.calls) stream.head(head(...response));
  });
  server.sent();
  return server;
}

describe("exceptions outside of received", () => {
  scripted("a source that throws while its bytes leave left the connection unable to send", (run) => {
    const server = answering(run, 2);
    server.calls[0].stream.source = {
      consumed: () => {
        throw new Error("a mistake");
      },
    };
    // Too long to be sent at once: it leaves at the end of the turn, outside of any event of the byte stream.
    server.turn(() => server.calls[0].stream.data(new Uint8Array(20_000), 0, 20_000));
    expect(server.sent().at(-1)).toBe("GOAWAY 3 INTERNAL_ERROR: internal error");
    expect(server.call(1)).toEqual([requestText, "end", "abort connection INTERNAL_ERROR"]);
    expect(server.internalErrors).toHaveLength(1);
    server.internalErrors = [];
  });
});

describe("turns", () => {
  scripted("the first of many streams took all of a connection window that opens little by little", (run) => {
    const server = answering(run, 3);
    server.turn(() => {
      for (const { stream } of server.calls) stream.data(new Uint8Array(100_000), 0, 100_000);
    });
    server.sent();
    const served: string[] = [];
    for (let i = 0; i < 6; i++) {
      server.receive(f.windowUpdate(0, 1_000));
      served.push(...server.sent().map((line) => line.split(" ")[1]));
    }
    expect([...served].sort()).toEqual(["1", "1", "3", "3", "5", "5"]);
  });

  scripted(
    "a flush in the middle of a turn: END_STREAM goes onto a frame that is still here, or gets its own",
    (run) => {
      const server = answering(run, 20);
      server.receive(f.windowUpdate(0, 1 << 24));
      server.turn(() => {
        const [first, ...others] = server.calls.map(({ stream }) => stream);
        first.data(f.ascii("hello"), 0, 5);
        // 16,384 bytes each go out at once: more than the output holds.
        for (const other of others) other.data(new Uint8Array(16_384), 0, 16_384);
        const before = server.stream.writes;
        expect(before).toBeGreaterThan(0);
        first.end(null);
        for (const other of others) other.end(null);
      });
      const lines = server.sent();
      expect(lines[0]).toBe('DATA 1 "hello"');
      expect(lines.filter((line) => line === 'DATA 1 END_STREAM ""')).toHaveLength(1);
      expect(lines.filter((line) => line.includes("END_STREAM"))).toHaveLength(20);
      expect(lines.reduce((sum, line) => sum + Number(/(\d+) bytes/.exec(line)?.[1] ?? 0), 0)).toBe(19 * 16_384);
    },
  );

  scripted("a stream that is closed by word that its own bytes have left", (run) => {
    const server = answering(run, 2, 30_000);
    const { stream } = server.calls[0];
    stream.source = { consumed: () => stream.abort(localAbort(ErrorCode.CANCEL, "")) };
    server.turn(() => {
      stream.data(new Uint8Array(40_000), 0, 40_000);
      stream.end(null);
      server.calls[1].stream.data(new Uint8Array(20_000), 0, 20_000);
    });
    expect(server.sent()).toEqual([
      "DATA 1 16384 bytes",
      "RST_STREAM 1 CANCEL",
      "DATA 3 16384 bytes",
      "DATA 3 3616 bytes",
    ]);
    expect(server.budget.held).toBe(0);
  });

  scripted("a source that goes on sending when its bytes leave keeps its order", (run) => {
    const server = answering(run, 1, 20_000);
    const { stream } = server.calls[0];
    let next = 0;
    stream.source = {
      consumed: () => {
        if (next < 5) stream.data(f.ascii(String(next++)), 0, 1);
      },
    };
    server.turn(() => stream.data(new Uint8Array(30_000).fill(121), 0, 30_000));
    server.sent();
    server.receive(f.windowUpdate(1, 9_999));
    server.receive(f.windowUpdate(1, 1), f.windowUpdate(1, 100));
    const text = server.sent().join();
    expect(text.replace(/[^"]*"([^"]*)"[^"]*/g, "$1").replace(/[^0-4]/g, "")).toBe("01234");
  });
});

describe("the end of a connection", () => {
  scripted("credit that waited for the process's budget was sent after FIN", (run) => {
    const server = serverRig(run, {
      limits: { connectionWindow: 65_535, streamWindow: 1 << 20 },
      budget: 0,
      onRequest: (_stream, _one, recorder) => {
        recorder.flow = null;
        return recorder;
      },
    });
    server.budget.hold(1);
    server.receive(f.headers(1, request), f.data(1, 16_384), f.data(1, 16_384));
    expect(server.sent()).toEqual([]);
    server.receive(f.data(0, "x"));
    expect(server.sent()).toEqual(["GOAWAY 1 PROTOCOL_ERROR: DATA on stream 0"]);
    server.turn(() => server.budget.release(1));
    expect(server.sent()).toEqual([]);
  });
});

describe("an answer in the very call that brings the request's end", () => {
  scripted("within the head: no RST_STREAM behind it", (run) => {
    const server = serverRig(run, {
      onRequest: (stream, _one, recorder) => {
        stream.head(head(...response, "grpc-status", "12"));
        stream.end(null);
        return recorder;
      },
    });
    server.receive(f.headers(1, request, { end: true }), f.headers(3, request));
    server.seconds(2);
    expect(server.sent()).toEqual([
      "HEADERS 1 END_STREAM :status: 200, grpc-status: 12",
      "HEADERS 3 END_STREAM :status: 200, grpc-status: 12",
      "RST_STREAM 3 NO_ERROR",
    ]);
  });

  scripted("within the last data: no RST_STREAM behind it, and no credit", (run) => {
    const server = serverRig(run, {
      limits: { streamWindow: 4 },
      onRequest: (stream, _one, recorder) => ({
        head: (one) => recorder.head(one),
        data: (bytes, start, end) => {
          recorder.data(bytes, start, end);
          stream.head(head(...response));
          stream.end(null);
        },
        end: (trailers) => recorder.end(trailers),
        abort: (reason) => recorder.abort(reason),
      }),
    });
    server.receive(f.headers(1, request), f.data(1, "abcd", { end: true }));
    expect(server.sent()).toEqual(["HEADERS 1 END_STREAM :status: 200"]);
  });
});

describe("what is remembered of a head", () => {
  scripted("fields that were no response are still good trailers, and the other way round", (run) => {
    const client = clientRig(run);
    client.turn(() => {
      for (let i = 0; i < 4; i++) client.open(true);
    });
    const trailers = ["grpc-status", "0"];
    client.receive(f.headers(1, trailers), f.headers(3, response), f.headers(3, trailers, { end: true }));
    expect(client.call(0)).toEqual(["abort local PROTOCOL_ERROR"]);
    expect(client.call(1)).toEqual(["head :status: 200", "end grpc-status: 0"]);
    const only = [":status", "200", "grpc-status", "5"];
    client.receive(f.headers(5, response), f.headers(5, only, { end: true }), f.headers(7, only, { end: true }));
    expect(client.call(2)).toEqual(["head :status: 200", "abort local PROTOCOL_ERROR"]);
    expect(client.call(3)).toEqual(["head :status: 200, grpc-status: 5", "end"]);
  });
});

describe("windows", () => {
  scripted(
    "a larger INITIAL_WINDOW_SIZE ended the connection for a stream on which nothing will be sent any more",
    (run) => {
      const client = clientRig(run);
      client.turn(() => client.open(true));
      client.receive(f.windowUpdate(1, MAX_WINDOW - 65_535), f.settings([Setting.INITIAL_WINDOW_SIZE, 100_000]));
      expect(client.sent().at(-1)).toBe("SETTINGS ACK");
    },
  );
});

describe("sockets", () => {
  scripted("two sides whose sockets were full stopped reading and waited for each other for ever", async (run) => {
    const client = clientRig(run, { settings: [[Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW]] });
    client.receive(f.windowUpdate(0, 1 << 24));
    const server = answering(run, 1);
    server.receive(f.windowUpdate(0, 1 << 24));
    for (const { stream } of [client, server]) {
      stream.autoDrain = false;
      stream.highWaterMark = 65_536;
    }
    client.turn(() => client.open());
    client.turn(() => client.calls[0].stream.data(new Uint8Array(1 << 20), 0, 1 << 20));
    server.turn(() => server.calls[0].stream.data(new Uint8Array(1 << 20), 0, 1 << 20));
    await client.settle();
    await server.settle();
    expect([client.stream.paused, server.stream.paused]).toEqual([false, false]);
    client.connection.destroy();
    await client.settle();
  });

  scripted("an idle connection kept the buffer of its busiest turn", (run) => {
    const server = answering(run, 3);
    server.receive(f.windowUpdate(0, 1 << 20));
    server.turn(() => {
      for (const { stream } of server.calls) {
        stream.data(new Uint8Array(16_000), 0, 16_000);
        stream.end(null);
      }
    });
    const { output } = server.connection.outbound;
    expect(output.buffer.length).toBeGreaterThan(32_000);
    server.seconds(2);
    expect(output.buffer.length).toBeLessThan(4_096);
    server.receive(f.ping());
    expect(server.sent().at(-1)).toBe("PING ACK 12345678");
  });
});
