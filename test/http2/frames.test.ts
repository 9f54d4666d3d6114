import { describe, expect } from "vitest";
import { FrameType } from "../../src/http2/frame.ts";
import * as f from "./support/frames.ts";
import { clientRig, head, request, requestText, response, serverRig } from "./support/rig.ts";
import { scripted, scriptedEach } from "./support/scripted.ts";

describe("handshake", () => {
  scripted("server: sends SETTINGS and the connection window at once, acknowledges the client's", (run) => {
    const server = serverRig(run, { raw: true });
    expect(server.sent()).toEqual([
      "SETTINGS MAX_CONCURRENT_STREAMS=100 INITIAL_WINDOW_SIZE=262144 MAX_HEADER_LIST_SIZE=65536",
      "WINDOW_UPDATE 0 +983041",
    ]);
    server.receive(f.preface, f.settings());
    expect(server.sent()).toEqual(["SETTINGS ACK"]);
  });

  scripted("client: sends preface, SETTINGS without push and the connection window when it is connected", (run) => {
    const client = clientRig(run, { raw: true });
    const bytes = client.stream.take();
    expect(bytes.subarray(0, 24)).toEqual(f.preface);
    expect(bytes.subarray(24, 24 + 9 + 18)).toEqual(f.settings([2, 0], [4, 262_144], [6, 65_536]));
    expect(bytes.subarray(24 + 27)).toEqual(f.windowUpdate(0, 983_041));
    expect(client.connection.usable).toBe(false);
    client.receive(f.settings());
    expect(client.events).toEqual(["ready"]);
    expect(client.sent()).toEqual(["SETTINGS ACK"]);
  });

  scripted("server: another preface ends the connection", (run) => {
    const server = serverRig(run, { raw: true });
    server.sent();
    server.receive(f.ascii("GET / HTTP/1.1\r\n\r\n"));
    expect(server.sent()).toEqual(["GOAWAY 0 PROTOCOL_ERROR: not an HTTP/2 connection preface"]);
    expect(server.stream.endedByOwner).toBe(true);
    expect(server.events).toEqual(["failed PROTOCOL_ERROR: not an HTTP/2 connection preface"]);
  });

  scripted("client: a server that speaks HTTP/1.1 is told apart", (run) => {
    const client = clientRig(run, { raw: true });
    client.stream.take();
    client.receive(f.ascii("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect(client.sent()).toEqual(["GOAWAY 0 FRAME_SIZE_ERROR: what arrived is not HTTP/2"]);
    client.stream.close(null);
    expect(client.events).toEqual(["closed: FRAME_SIZE_ERROR: what arrived is not HTTP/2"]);
  });

  scriptedEach(
    [
      ["PING as the first frame", f.ping()],
      ["SETTINGS ACK as the first frame", f.settingsAck],
      ["HEADERS as the first frame", f.headers(1, request)],
    ],
    (run, bytes) => {
      const server = serverRig(run, { raw: true });
      server.sent();
      server.receive(f.preface, bytes);
      expect(server.sent()).toEqual(["GOAWAY 0 PROTOCOL_ERROR: the first frame is not SETTINGS"]);
    },
  );
});

describe("malformed frames end the connection", () => {
  const open = f.headers(1, request);
  scriptedEach(
    [
      ["longer than 16,384 bytes", f.frame(FrameType.DATA, 0, 1, [], 16_385), "FRAME_SIZE_ERROR"],
      ["unknown and too long", f.frame(0x20, 0, 1, [], 0xffffff), "FRAME_SIZE_ERROR"],
      ["DATA on stream 0", f.data(0, "x"), "PROTOCOL_ERROR"],
      ["DATA padded beyond its end", f.frame(FrameType.DATA, 8, 1, [5, 1, 2, 3, 4]), "PROTOCOL_ERROR"],
      ["DATA padded without a pad length", f.frame(FrameType.DATA, 8, 1), "PROTOCOL_ERROR"],
      ["HEADERS on stream 0", f.headers(0, request), "PROTOCOL_ERROR"],
      ["HEADERS padded beyond its end", f.frame(FrameType.HEADERS, 0xc, 3, [3, 0x82, 0]), "PROTOCOL_ERROR"],
      ["HEADERS padded without a pad length", f.frame(FrameType.HEADERS, 0xc, 3), "PROTOCOL_ERROR"],
      ["HEADERS too short for its priority", f.frame(FrameType.HEADERS, 0x24, 3, [0, 0, 0, 0]), "FRAME_SIZE_ERROR"],
      ["PRIORITY on stream 0", f.priority(0, 1), "PROTOCOL_ERROR"],
      ["RST_STREAM on stream 0", f.reset(0, 8), "PROTOCOL_ERROR"],
      ["RST_STREAM of 3 bytes", f.frame(FrameType.RST_STREAM, 0, 1, [0, 0, 8]), "FRAME_SIZE_ERROR"],
      ["SETTINGS on a stream", f.frame(FrameType.SETTINGS, 0, 1), "PROTOCOL_ERROR"],
      ["SETTINGS of 5 bytes", f.frame(FrameType.SETTINGS, 0, 0, [0, 1, 0, 0, 0]), "FRAME_SIZE_ERROR"],
      ["SETTINGS ACK with a payload", f.frame(FrameType.SETTINGS, 1, 0, [0, 1, 0, 0, 0, 0]), "FRAME_SIZE_ERROR"],
      ["PUSH_PROMISE", f.frame(FrameType.PUSH_PROMISE, 4, 1, [0, 0, 0, 2]), "PROTOCOL_ERROR"],
      ["PING on a stream", f.frame(FrameType.PING, 0, 1, new Uint8Array(8)), "PROTOCOL_ERROR"],
      ["PING of 7 bytes", f.frame(FrameType.PING, 0, 0, new Uint8Array(7)), "FRAME_SIZE_ERROR"],
      ["GOAWAY on a stream", f.frame(FrameType.GOAWAY, 0, 1, new Uint8Array(8)), "PROTOCOL_ERROR"],
      ["GOAWAY of 7 bytes", f.frame(FrameType.GOAWAY, 0, 0, new Uint8Array(7)), "FRAME_SIZE_ERROR"],
      ["WINDOW_UPDATE of 5 bytes", f.frame(FrameType.WINDOW_UPDATE, 0, 0, new Uint8Array(5)), "FRAME_SIZE_ERROR"],
      ["WINDOW_UPDATE of 0 on the connection", f.windowUpdate(0, 0), "PROTOCOL_ERROR"],
      ["CONTINUATION without HEADERS", f.continuation(1, []), "PROTOCOL_ERROR"],
      ["a field block interrupted by DATA", cut(f.data(1, "x")), "PROTOCOL_ERROR"],
      ["a field block interrupted by PING", cut(f.ping()), "PROTOCOL_ERROR"],
      ["a field block interrupted by an unknown frame", cut(f.frame(0x42, 0, 3)), "PROTOCOL_ERROR"],
      ["a field block continued on another stream", cut(f.continuation(5, [])), "PROTOCOL_ERROR"],
      ["a field block that HPACK cannot read", f.headers(3, [0x80]), "COMPRESSION_ERROR"],
    ],
    (run, bytes, code) => {
      const server = serverRig(run);
      server.receive(open, bytes, f.ping("ignored."));
      const sent = server.sent();
      expect(sent).toHaveLength(1);
      expect(sent[0]).toMatch(new RegExp(`^GOAWAY \\d+ ${code}: `));
      expect(server.call(0)).toEqual([requestText, `abort connection ${code}`]);
      expect(server.stream.endedByOwner).toBe(true);
    },
  );

  function cut(interruption: Uint8Array): Uint8Array {
    return Uint8Array.of(...f.headers(3, request, { endHeaders: false }), ...interruption);
  }

  scripted("client: PUSH_PROMISE", (run) => {
    const client = clientRig(run);
    client.turn(() => client.open(true));
    client.sent();
    client.receive(f.frame(FrameType.PUSH_PROMISE, 4, 1, [0, 0, 0, 2, ...f.block(request)]));
    expect(client.sent()).toEqual(["GOAWAY 0 PROTOCOL_ERROR: PUSH_PROMISE is not allowed here"]);
    expect(client.call(0)).toEqual(["abort connection PROTOCOL_ERROR"]);
  });
});

describe("frames that are taken", () => {
  scripted("unknown types, unknown flags and reserved bits: ignored", (run) => {
    const server = serverRig(run);
    server.receive(
      f.frame(0x42, 0xff, 0, [1, 2, 3]),
      f.frame(0xff, 0, 77),
      f.frame(FrameType.SETTINGS, 0xf0, 0),
      f.frame(FrameType.PING, 0xf0, 0, f.ascii("reserved")),
      f.frame(FrameType.HEADERS, 0x4 | 0x1 | 0xc0 | 0x2, 0x80000001, f.block(request)),
    );
    expect(server.sent()).toEqual(["SETTINGS ACK", "PING ACK reserved"]);
    expect(server.call(0)).toEqual([requestText, "end"]);
  });

  scripted("padding of HEADERS and DATA: left out; a frame of nothing but padding is no data", (run) => {
    const server = serverRig(run);
    server.receive(
      f.headers(1, request, { padding: 255, dependsOn: 0 }),
      f.data(1, "abc", { padding: 0 }),
      f.data(1, "def", { padding: 200 }),
      f.data(1, "", { padding: 10 }),
      f.data(1, "", { padding: 10, end: true }),
    );
    expect(server.call(0)).toEqual([requestText, 'data "abc"', 'data "def"', "end"]);
  });

  scripted("PRIORITY: ignored on streams in every state", (run) => {
    const server = serverRig(run);
    server.receive(f.priority(9, 3), f.headers(1, request, { end: true, dependsOn: 3 }), f.priority(1, 9));
    server.turn(() => server.calls[0].stream.head(head(...response)));
    server.turn(() => server.calls[0].stream.end(null));
    server.receive(f.priority(1, 9));
    expect(server.sent()).toEqual(["HEADERS 1 :status: 200", 'DATA 1 END_STREAM ""']);
  });

  scripted("PRIORITY: a stream that depends on itself is reset; one that nobody opened ends the connection", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request), f.priority(1, 1), f.headers(3, request, { dependsOn: 3 }));
    expect(server.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR", "RST_STREAM 3 PROTOCOL_ERROR"]);
    expect(server.call(0)).toEqual([requestText, "abort local PROTOCOL_ERROR"]);
    expect(server.calls).toHaveLength(1);
    server.receive(f.priority(5, 5));
    expect(server.sent()).toEqual(["GOAWAY 3 PROTOCOL_ERROR: a stream depends on itself"]);
  });

  scripted("PRIORITY of a wrong size: the stream is reset", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request), f.frame(FrameType.PRIORITY, 0, 1, [0, 0, 0, 0]));
    expect(server.sent()).toEqual(["RST_STREAM 1 FRAME_SIZE_ERROR"]);
  });

  scripted("PING: answered with its own bytes; answers are not answered", (run) => {
    const server = serverRig(run);
    server.receive(f.ping("abcdefgh"), f.ping("ijklmnop", true), f.ping("qrstuvwx"));
    expect(server.sent()).toEqual(["PING ACK abcdefgh", "PING ACK qrstuvwx"]);
  });

  scripted("a turn's frames leave in one write", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request, { end: true }), f.headers(3, request, { end: true }));
    const before = server.stream.writes;
    server.turn(() => {
      for (const { stream } of server.calls) {
        stream.head(head(...response));
        stream.data(f.ascii("hello"), 0, 5);
        stream.end(head("grpc-status", "0"));
      }
    });
    expect(server.stream.writes - before).toBe(1);
    expect(server.sent()).toEqual([
      "HEADERS 1 :status: 200",
      'DATA 1 "hello"',
      "HEADERS 1 END_STREAM grpc-status: 0",
      "HEADERS 3 :status: 200",
      'DATA 3 "hello"',
      "HEADERS 3 END_STREAM grpc-status: 0",
    ]);
  });
});
