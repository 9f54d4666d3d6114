import { describe, expect } from "vitest";
import { Setting } from "../../src/http2/frame.ts";
import * as f from "./support/frames.ts";
import { clientRig, head, request, response, serverRig } from "./support/rig.ts";
import { scripted, scriptedEach } from "./support/scripted.ts";

describe("SETTINGS", () => {
  scripted("each is acknowledged, in order", (run) => {
    const server = serverRig(run);
    server.receive(f.settings(), f.ping("between."), f.settings([Setting.MAX_FRAME_SIZE, 0xffffff]));
    expect(server.sent()).toEqual(["SETTINGS ACK", "PING ACK between.", "SETTINGS ACK"]);
  });

  scriptedEach<[readonly (readonly [number, number])[], string]>(
    [
      ["ENABLE_PUSH 2", [[Setting.ENABLE_PUSH, 2]], "PROTOCOL_ERROR"],
      ["INITIAL_WINDOW_SIZE 2^31", [[Setting.INITIAL_WINDOW_SIZE, 0x80000000]], "FLOW_CONTROL_ERROR"],
      ["MAX_FRAME_SIZE 16383", [[Setting.MAX_FRAME_SIZE, 16_383]], "PROTOCOL_ERROR"],
      ["MAX_FRAME_SIZE 2^24", [[Setting.MAX_FRAME_SIZE, 1 << 24]], "PROTOCOL_ERROR"],
    ],
    (run, entries, code) => {
      const server = serverRig(run);
      server.receive(f.settings(...entries));
      expect(server.sent()[0]).toMatch(new RegExp(`^GOAWAY 0 ${code}: `));
    },
  );

  scripted("every setting at its bounds, unknown ones, one twice: taken", (run) => {
    const server = serverRig(run);
    server.receive(
      f.settings(
        [Setting.HEADER_TABLE_SIZE, 0xffffffff],
        [Setting.ENABLE_PUSH, 1],
        [Setting.MAX_CONCURRENT_STREAMS, 0xffffffff],
        [Setting.INITIAL_WINDOW_SIZE, 0x7fffffff],
        [Setting.INITIAL_WINDOW_SIZE, 2],
        [Setting.MAX_FRAME_SIZE, 16_384],
        [Setting.MAX_HEADER_LIST_SIZE, 0],
        [0xabcd, 1],
      ),
      f.headers(1, request, { end: true }),
    );
    server.turn(() => {
      server.calls[0].stream.head(head(...response));
      server.calls[0].stream.data(f.ascii("abc"), 0, 3);
    });
    expect(server.sent()).toEqual(["SETTINGS ACK", "HEADERS 1 :status: 200", 'DATA 1 "ab"']);
  });

  scripted("a server that sets ENABLE_PUSH ends the connection; 0 is taken (RFC 9113 6.5.2)", (run) => {
    const client = clientRig(run, { settings: [[Setting.ENABLE_PUSH, 0]] });
    client.receive(f.settings([Setting.ENABLE_PUSH, 1]));
    expect(client.sent()).toEqual(["GOAWAY 0 PROTOCOL_ERROR: a server sets ENABLE_PUSH"]);
  });

  scripted("HEADER_TABLE_SIZE 0: the encoder announces it and uses no table", (run) => {
    const server = serverRig(run);
    server.receive(f.settings([Setting.HEADER_TABLE_SIZE, 0]));
    for (let id = 1; id < 8; id += 2) {
      server.receive(f.headers(id, request, { end: true }));
      server.turn(() => {
        server.calls.at(-1)?.stream.head(head(...response, "x-a", "b"));
        server.calls.at(-1)?.stream.end(null);
      });
    }
    const blocks = server.stream.take();
    // SETTINGS ACK, then HEADERS whose block begins with a table size update to 0 (RFC 7541 4.2), the others without.
    expect([...blocks.subarray(18, 20)]).toEqual([0x20, 0x88]);
    expect(blocks.length).toBe(9 + 4 * (9 + 1 + 7) + 1);
  });

  scripted("not acknowledged in time: SETTINGS_TIMEOUT", (run) => {
    const server = serverRig(run, { raw: true });
    server.receive(f.preface, f.settings());
    server.sent();
    server.seconds(10);
    expect(server.sent()).toEqual([]);
    server.seconds(1);
    expect(server.sent()).toEqual(["GOAWAY 0 SETTINGS_TIMEOUT: SETTINGS were not acknowledged in time"]);
    const other = serverRig(run);
    other.seconds(60);
    expect(other.sent()).toEqual([]);
  });

  scripted("acknowledgements that nobody waits for are ignored", (run) => {
    const server = serverRig(run);
    for (let i = 0; i < 5; i++) server.receive(f.settingsAck);
    server.seconds(20);
    expect(server.sent()).toEqual([]);
  });
});

describe("the first bytes", () => {
  scripted("server: too slow a preface, or none at all", (run) => {
    const server = serverRig(run, { raw: true });
    server.sent();
    server.receive(f.preface);
    server.seconds(11);
    expect(server.sent()).toEqual(["GOAWAY 0 ENHANCE_YOUR_CALM: a header block or the first SETTINGS took too long"]);
  });

  scripted("server: a field block whose end does not come", (run) => {
    const server = serverRig(run);
    server.seconds(1);
    server.receive(f.headers(1, f.block(request), { endHeaders: false }));
    server.seconds(9);
    server.receive(f.continuation(1, [], false));
    server.seconds(1);
    expect(server.sent()).toEqual([]);
    server.seconds(1);
    expect(server.sent()).toEqual(["GOAWAY 0 ENHANCE_YOUR_CALM: a header block or the first SETTINGS took too long"]);
  });

  scripted("server: a HEADERS frame whose end does not come", (run) => {
    const server = serverRig(run);
    server.seconds(1);
    const bytes = f.headers(1, request);
    server.receive(bytes.subarray(0, 4));
    server.seconds(5);
    server.receive(bytes.subarray(4, 20));
    server.seconds(5);
    expect(server.sent()).toEqual([]);
    server.seconds(1);
    expect(server.sent()).toEqual(["GOAWAY 0 ENHANCE_YOUR_CALM: a header block or the first SETTINGS took too long"]);
  });

  scripted("server: a client that is in the middle of a head at every sweep is not slow", (run) => {
    const server = serverRig(run);
    const bytes = f.headersInPieces(1, request, 2, true);
    server.receive(bytes.subarray(0, 30));
    for (let id = 1; id < 61; id += 2) {
      server.seconds(1);
      server.receive(f.headersInPieces(id, request, 2, true).subarray(30));
      server.receive(f.headersInPieces(id + 2, request, 2, true).subarray(0, 30));
    }
    expect(server.sent()).toEqual([]);
    expect(server.calls).toHaveLength(30);
  });

  scripted("server: a DATA frame may take its time", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request), f.data(1, 1_000).subarray(0, 500));
    server.seconds(30);
    expect(server.sent()).toEqual([]);
  });
});
