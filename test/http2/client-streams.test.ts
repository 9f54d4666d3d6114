import { describe, expect } from "vitest";
import { localAbort } from "../../src/http2/abort.ts";
import { ErrorCode } from "../../src/http2/error-code.ts";
import * as f from "./support/frames.ts";
import { type ClientRig, clientRig, response } from "./support/rig.ts";
import { scripted } from "./support/scripted.ts";
import { expectOutcome, type FrameName, frames, type Outcome } from "./support/stream-frames.ts";

describe("RFC 9113 5.1, received by a client", () => {
  const clientStates = {
    idle: () => {},
    "open, no response yet": (client: ClientRig) => client.turn(() => client.open()),
    "open, response begun": (client: ClientRig) => {
      client.turn(() => client.open());
      client.receive(f.headers(1, response));
    },
    "half-closed (local)": (client: ClientRig) => {
      client.turn(() => client.open(true));
      client.receive(f.headers(1, response));
    },
    "closed by both ends": (client: ClientRig) => {
      client.turn(() => client.open(true));
      client.receive(f.headers(1, response, { end: true }));
    },
    "closed by the peer's RST_STREAM": (client: ClientRig) => {
      client.turn(() => client.open(true));
      client.receive(f.reset(1, ErrorCode.INTERNAL_ERROR));
    },
    "closed by our RST_STREAM": (client: ClientRig) => {
      client.turn(() => client.open(true).stream.abort(localAbort(ErrorCode.CANCEL, "")));
    },
    "closed by a response before the request's end": (client: ClientRig) => {
      client.turn(() => client.open());
      client.receive(f.headers(1, response, { end: true }));
    },
  };
  const ignored = { DATA: "", "HEADERS with END_STREAM": "", RST_STREAM: "", WINDOW_UPDATE: "", PRIORITY: "" } as const;
  const late = {
    DATA: "GOAWAY 0 STREAM_CLOSED",
    HEADERS: "GOAWAY 0 STREAM_CLOSED",
    RST_STREAM: "",
    WINDOW_UPDATE: "",
    PRIORITY: "",
  } as const;
  const table: Record<keyof typeof clientStates, Partial<Record<FrameName, Outcome>>> = {
    idle: {
      DATA: "GOAWAY 0 PROTOCOL_ERROR",
      HEADERS: "GOAWAY 0 PROTOCOL_ERROR",
      RST_STREAM: "GOAWAY 0 PROTOCOL_ERROR",
      WINDOW_UPDATE: "GOAWAY 0 PROTOCOL_ERROR",
      PRIORITY: "",
    },
    "open, no response yet": {
      DATA: "RST_STREAM 1 PROTOCOL_ERROR",
      "DATA with END_STREAM": "RST_STREAM 1 PROTOCOL_ERROR",
      HEADERS: "RST_STREAM 1 PROTOCOL_ERROR",
      RST_STREAM: "",
      WINDOW_UPDATE: "",
      PRIORITY: "",
    },
    "open, response begun": {
      DATA: "",
      "DATA with END_STREAM": "RST_STREAM 1 NO_ERROR",
      HEADERS: "RST_STREAM 1 PROTOCOL_ERROR",
      "HEADERS with END_STREAM": "RST_STREAM 1 NO_ERROR",
      RST_STREAM: "",
      WINDOW_UPDATE: "",
    },
    "half-closed (local)": {
      DATA: "",
      "DATA with END_STREAM": "",
      HEADERS: "RST_STREAM 1 PROTOCOL_ERROR",
      "HEADERS with END_STREAM": "",
      RST_STREAM: "",
      WINDOW_UPDATE: "",
      PRIORITY: "",
    },
    "closed by both ends": late,
    "closed by the peer's RST_STREAM": late,
    "closed by our RST_STREAM": ignored,
    "closed by a response before the request's end": ignored,
  };

  for (const state of Object.keys(table) as (keyof typeof table)[]) {
    for (const name of Object.keys(table[state]) as FrameName[]) {
      scripted(`${state}: ${name}`, (run) => {
        const client = clientRig(run);
        clientStates[state](client);
        client.sent();
        client.receive(frames[name]);
        expectOutcome(client.sent(), table[state][name] as Outcome);
      });
    }
  }

  scripted("a stream that the server opens ends the connection", (run) => {
    const client = clientRig(run);
    client.receive(f.headers(2, response));
    expect(client.sent()).toEqual(["GOAWAY 0 PROTOCOL_ERROR: HEADERS on an idle stream"]);
  });

  scripted("every event of a response, in order", (run) => {
    const client = clientRig(run);
    client.turn(() => {
      for (let i = 0; i < 4; i++) client.open(true);
    });
    client.receive(
      f.headers(1, response),
      f.headers(3, [":status", "200", "grpc-status", "12"], { end: true }),
      f.data(1, "ab"),
      f.headers(5, response),
      f.reset(7, ErrorCode.REFUSED_STREAM),
      f.headers(1, ["grpc-status", "0"], { end: true }),
      f.data(5, "c", { end: true }),
    );
    expect(client.call(0)).toEqual(["head :status: 200", 'data "ab"', "end grpc-status: 0"]);
    expect(client.call(1)).toEqual(["head :status: 200, grpc-status: 12", "end"]);
    expect(client.call(2)).toEqual(["head :status: 200", 'data "c"', "end"]);
    expect(client.call(3)).toEqual(["abort reset REFUSED_STREAM (unprocessed)"]);
    expect(client.connection.streams.size).toBe(0);
  });

  scripted("informational responses are skipped, as many as come", (run) => {
    const client = clientRig(run);
    client.turn(() => client.open(true));
    client.receive(
      f.headers(1, [":status", "100"]),
      f.headers(1, [":status", "103", "link", "x"]),
      f.headers(1, response),
      f.headers(1, ["grpc-status", "0"], { end: true }),
    );
    expect(client.call(0)).toEqual(["head :status: 200", "end grpc-status: 0"]);
  });

  scripted("an informational response that ends the stream is an error", (run) => {
    const client = clientRig(run);
    client.turn(() => client.open(true));
    client.sent();
    client.receive(f.headers(1, [":status", "103"], { end: true }));
    expect(client.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
    expect(client.call(0)).toEqual(["abort local PROTOCOL_ERROR"]);
  });

  scripted(
    "a stream that we reset: its late DATA is credited to the connection, its late heads keep HPACK in step",
    (run) => {
      const client = clientRig(run, { limits: { connectionWindow: 65_535 } });
      client.turn(() => client.open(true).stream.abort(localAbort(ErrorCode.CANCEL, "")));
      client.sent();
      // Literal with incremental indexing: ":status: 299" becomes entry 62.
      client.receive(f.headers(1, [0x48, 3, ...f.ascii("299")]), f.data(1, 16_384), f.data(1, 16_384));
      expect(client.sent()).toEqual(["WINDOW_UPDATE 0 +32768"]);
      client.turn(() => client.open(true));
      client.receive(f.headers(3, [0x80 | 62], { end: true }));
      expect(client.call(0)).toEqual([]);
      expect(client.call(1)).toEqual(["head :status: 299", "end"]);
    },
  );
});
