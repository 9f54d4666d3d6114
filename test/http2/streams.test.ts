import { describe, expect } from "vitest";
import { localAbort } from "../../src/http2/abort.ts";
import { ErrorCode } from "../../src/http2/error-code.ts";
import * as f from "./support/frames.ts";
import { head, request, requestText, response, type ServerRig, serverRig } from "./support/rig.ts";
import { scripted, scriptedEach } from "./support/scripted.ts";
import { expectOutcome, type FrameName, frames, type Outcome } from "./support/stream-frames.ts";

/** Brings a server's stream 1 into a state of RFC 9113 5.1. What was sent for it has been read. */
const serverStates = {
  idle: () => {},
  open: (server: ServerRig) => server.receive(f.headers(1, request)),
  "half-closed (remote)": (server: ServerRig) => server.receive(f.headers(1, request, { end: true })),
  "closed by both ends": (server: ServerRig) => {
    server.receive(f.headers(1, request, { end: true }));
    server.turn(() => answer(server, 0));
  },
  "closed by the peer's RST_STREAM": (server: ServerRig) => server.receive(f.headers(1, request), f.reset(1, 8)),
  "closed by our RST_STREAM": (server: ServerRig) => {
    server.receive(f.headers(1, request));
    server.turn(() => server.calls[0].stream.abort(localAbort(ErrorCode.CANCEL, "")));
  },
  "answered before the request's end": (server: ServerRig) => {
    server.receive(f.headers(1, request));
    server.turn(() => answer(server, 0));
  },
  "closed by an answer long before the request's end": (server: ServerRig) => {
    server.receive(f.headers(1, request));
    server.turn(() => answer(server, 0));
    server.seconds(2);
  },
  skipped: (server: ServerRig) => server.receive(f.headers(3, request)),
};

function answer(server: ServerRig, index: number): void {
  const { stream } = server.calls[index];
  stream.head(head(...response));
  stream.end(null);
}

describe("RFC 9113 5.1, received by a server", () => {
  const nothing: Outcome = "";
  const table: Record<keyof typeof serverStates, Partial<Record<FrameName, Outcome>>> = {
    idle: {
      // "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be treated as a connection error".
      DATA: "GOAWAY 0 PROTOCOL_ERROR",
      RST_STREAM: "GOAWAY 0 PROTOCOL_ERROR",
      WINDOW_UPDATE: "GOAWAY 0 PROTOCOL_ERROR",
      PRIORITY: nothing,
    },
    open: {
      DATA: nothing,
      "DATA with END_STREAM": nothing,
      HEADERS: "RST_STREAM 1 PROTOCOL_ERROR",
      "HEADERS with END_STREAM": nothing,
      RST_STREAM: nothing,
      WINDOW_UPDATE: nothing,
      PRIORITY: nothing,
    },
    "half-closed (remote)": {
      // "If an endpoint receives additional frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM, for a stream that is in
      // this state, it MUST respond with a stream error (Section 5.4.2) of type STREAM_CLOSED."
      DATA: "RST_STREAM 1 STREAM_CLOSED",
      "DATA with END_STREAM": "RST_STREAM 1 STREAM_CLOSED",
      HEADERS: "RST_STREAM 1 STREAM_CLOSED",
      "HEADERS with END_STREAM": "RST_STREAM 1 STREAM_CLOSED",
      RST_STREAM: nothing,
      WINDOW_UPDATE: nothing,
      PRIORITY: nothing,
    },
    "closed by both ends": {
      DATA: "GOAWAY 1 STREAM_CLOSED",
      "DATA with END_STREAM": "GOAWAY 1 STREAM_CLOSED",
      HEADERS: "GOAWAY 1 STREAM_CLOSED",
      "HEADERS with END_STREAM": "GOAWAY 1 STREAM_CLOSED",
      // "An endpoint MUST ignore frames that it receives on closed streams after it has sent a RST_STREAM frame", and for a
      // short time WINDOW_UPDATE and RST_STREAM after its END_STREAM.
      RST_STREAM: nothing,
      WINDOW_UPDATE: nothing,
      PRIORITY: nothing,
    },
    "closed by the peer's RST_STREAM": {
      DATA: "GOAWAY 1 STREAM_CLOSED",
      HEADERS: "GOAWAY 1 STREAM_CLOSED",
      RST_STREAM: nothing,
      WINDOW_UPDATE: nothing,
      PRIORITY: nothing,
    },
    "closed by our RST_STREAM": {
      DATA: nothing,
      "DATA with END_STREAM": nothing,
      HEADERS: nothing,
      "HEADERS with END_STREAM": nothing,
      RST_STREAM: nothing,
      WINDOW_UPDATE: nothing,
      PRIORITY: nothing,
    },
    "answered before the request's end": {
      DATA: nothing,
      "DATA with END_STREAM": nothing,
      HEADERS: "RST_STREAM 1 PROTOCOL_ERROR",
      "HEADERS with END_STREAM": nothing,
      RST_STREAM: nothing,
      WINDOW_UPDATE: nothing,
      PRIORITY: nothing,
    },
    "closed by an answer long before the request's end": {
      DATA: nothing,
      "DATA with END_STREAM": nothing,
      "HEADERS with END_STREAM": nothing,
      RST_STREAM: nothing,
      WINDOW_UPDATE: nothing,
    },
    // RFC 9113 5.1.1: "The first use of a new stream identifier implicitly closes all streams in the "idle" state that might
    // have been initiated by that peer with a lower-valued stream identifier."
    skipped: {
      DATA: "GOAWAY 3 PROTOCOL_ERROR",
      HEADERS: "GOAWAY 3 PROTOCOL_ERROR",
      RST_STREAM: nothing,
      WINDOW_UPDATE: nothing,
      PRIORITY: nothing,
    },
  };

  for (const state of Object.keys(table) as (keyof typeof table)[]) {
    for (const name of Object.keys(table[state]) as FrameName[]) {
      scripted(`${state}: ${name}`, (run) => {
        const server = serverRig(run);
        serverStates[state](server);
        server.sent();
        server.receive(frames[name]);
        expectOutcome(server.sent(), table[state][name] as Outcome);
        // The connection goes on unless it was ended.
        if (!table[state][name]?.startsWith("GOAWAY")) {
          server.receive(f.ping());
          expect(server.sent()).toEqual(["PING ACK 12345678"]);
        }
      });
    }
  }

  scripted("idle: HEADERS opens it; an even identifier ends the connection", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request), f.headers(2, request));
    expect(server.sent()).toEqual(["GOAWAY 1 PROTOCOL_ERROR: a client's stream has an even identifier"]);
    expect(server.call(0)).toEqual([requestText, "abort connection PROTOCOL_ERROR"]);
  });

  scripted("closed long ago: frames are ignored, because nobody remembers how it ended", (run) => {
    const server = serverRig(run);
    for (let id = 1; id < 4_000; id += 2) {
      server.receive(f.headers(id, request, { end: true }));
      server.turn(() => answer(server, server.calls.length - 1));
      server.sent();
    }
    server.receive(f.data(1, "x"), f.headers(3, request));
    expect(server.sent()).toEqual([]);
    server.receive(f.data(3_001, "x"));
    expect(server.sent()).toEqual(["GOAWAY 3999 STREAM_CLOSED: DATA on a closed stream"]);
  });

  scripted("the largest identifier is taken, and far jumps forget what was skipped", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request), f.headers(0x7fffffff, request, { end: true }));
    expect(server.calls.map(({ stream }) => stream.id)).toEqual([1, 0x7fffffff]);
    server.receive(f.data(1, "still open"));
    expect(server.call(0)).toEqual([requestText, 'data "still open"']);
    server.receive(f.headers(0x7ffffffd, request));
    expect(server.sent()).toEqual(["GOAWAY 2147483647 PROTOCOL_ERROR: HEADERS on a stream that was skipped"]);
  });
});

describe("what a server's receiver hears", () => {
  scriptedEach<[readonly Uint8Array[], readonly string[]]>(
    [
      ["a head alone that ends", [f.headers(1, request, { end: true })], ["end"]],
      [
        "a body",
        [f.headers(1, request), f.data(1, "ab"), f.data(1, "c", { end: true })],
        ['data "ab"', 'data "c"', "end"],
      ],
      [
        "an end of its own",
        [f.headers(1, request), f.data(1, "ab"), f.data(1, "", { end: true })],
        ['data "ab"', "end"],
      ],
      [
        "trailers",
        [f.headers(1, request), f.data(1, "ab"), f.headers(1, ["t", "1"], { end: true })],
        ['data "ab"', "end t: 1"],
      ],
      ["a reset", [f.headers(1, request), f.reset(1, ErrorCode.CANCEL)], ["abort reset CANCEL"]],
      [
        "a reset after the end",
        [f.headers(1, request, { end: true }), f.reset(1, ErrorCode.CANCEL)],
        ["end", "abort reset CANCEL"],
      ],
      ["a refusal", [f.headers(1, request), f.reset(1, 7)], ["abort reset REFUSED_STREAM (unprocessed)"]],
      ["an unknown code", [f.headers(1, request), f.reset(1, 0xabcdef)], ["abort reset 0xabcdef"]],
    ],
    (run, bytes, events) => {
      const server = serverRig(run);
      server.receive(...bytes);
      expect(server.call(0)).toEqual([requestText, ...events]);
      expect(server.sent()).toEqual([]);
    },
  );

  scripted("the peer's FIN: open calls are lost at once", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request), f.headers(3, request, { end: true }));
    server.stream.deliverEnd();
    expect(server.call(0)).toEqual([requestText, "abort connection INTERNAL_ERROR"]);
    expect(server.call(1)).toEqual([requestText, "end", "abort connection INTERNAL_ERROR"]);
    expect(server.stream.endedByOwner).toBe(true);
  });

  scripted("a lost connection: every call hears it once, the owner last", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request), f.headers(3, request));
    server.stream.close(new Error("read ECONNRESET"));
    server.stream.close(null);
    expect(server.calls.map(({ request: { abortReason } }) => abortReason?.message)).toEqual([
      "connection lost: read ECONNRESET",
      "connection lost: read ECONNRESET",
    ]);
    expect(server.events).toEqual(["closed"]);
  });
});

describe("what a server's stream sends", () => {
  function open(run: Parameters<typeof serverRig>[0], end = true): ServerRig {
    const server = serverRig(run);
    server.receive(f.headers(1, request, { end }));
    return server;
  }
  const bytes = f.ascii("hello");

  scripted("head and end: one HEADERS frame (trailers-only)", (run) => {
    const server = open(run);
    server.turn(() => {
      server.calls[0].stream.head(head(":status", "200", "grpc-status", "5"));
      server.calls[0].stream.end(null);
    });
    expect(server.sent()).toEqual(["HEADERS 1 END_STREAM :status: 200, grpc-status: 5"]);
  });

  scripted("data and end: one DATA frame", (run) => {
    const server = open(run);
    server.turn(() => {
      server.calls[0].stream.head(head(...response));
      server.calls[0].stream.data(bytes, 0, 5);
      server.calls[0].stream.end(null);
    });
    expect(server.sent()).toEqual(["HEADERS 1 :status: 200", 'DATA 1 END_STREAM "hello"']);
  });

  scripted("the end in another turn: an empty DATA frame", (run) => {
    const server = open(run);
    server.turn(() => server.calls[0].stream.head(head(...response)));
    server.turn(() => server.calls[0].stream.data(bytes, 1, 4));
    server.turn(() => server.calls[0].stream.end(null));
    expect(server.sent()).toEqual(["HEADERS 1 :status: 200", 'DATA 1 "ell"', 'DATA 1 END_STREAM ""']);
  });

  scripted("END_STREAM goes onto this stream's frame when another's came after it", (run) => {
    const server = open(run);
    server.receive(f.headers(3, request, { end: true }));
    server.turn(() => {
      const [one, other] = server.calls.map(({ stream }) => stream);
      one.head(head(...response));
      other.head(head(...response));
      one.data(bytes, 0, 5);
      other.data(bytes, 0, 1);
      one.end(null);
      other.end(null);
    });
    expect(server.sent()).toEqual([
      "HEADERS 1 :status: 200",
      "HEADERS 3 :status: 200",
      'DATA 1 END_STREAM "hello"',
      'DATA 3 END_STREAM "h"',
    ]);
  });

  scripted("nothing after the end, whatever is called", (run) => {
    const server = open(run);
    const { stream } = server.calls[0];
    server.turn(() => {
      stream.head(head(...response));
      stream.end(null);
      stream.head(head(...response));
      stream.data(bytes, 0, 5);
      stream.end(head("grpc-status", "0"));
      stream.abort(localAbort(ErrorCode.CANCEL, ""));
      stream.consumed(1 << 20);
    });
    expect(server.sent()).toEqual(["HEADERS 1 END_STREAM :status: 200"]);
  });

  scripted("abort: RST_STREAM with its code, once, and the receiver hears nothing", (run) => {
    const server = open(run, false);
    const { stream } = server.calls[0];
    server.turn(() => {
      stream.head(head(...response));
      stream.abort(localAbort(ErrorCode.INTERNAL_ERROR, ""));
      stream.abort(localAbort(ErrorCode.CANCEL, ""));
    });
    expect(server.sent()).toEqual(["HEADERS 1 :status: 200", "RST_STREAM 1 INTERNAL_ERROR"]);
    expect(server.call(0)).toEqual([requestText]);
  });

  scripted("more than one head's worth: HEADERS and CONTINUATION, of at most 16,384 bytes each", (run) => {
    const server = open(run);
    server.turn(() => {
      server.calls[0].stream.head(head(":status", "200", "a", "~".repeat(20_000), "b", "~".repeat(20_000)));
      server.calls[0].stream.end(null);
    });
    expect(server.sent()).toEqual(["HEADERS 1 END_STREAM :status: 200, a: (20000), b: (20000) +2 CONTINUATION"]);
  });
});
