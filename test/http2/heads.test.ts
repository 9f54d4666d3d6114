import { describe, expect } from "vitest";
import * as f from "./support/frames.ts";
import { clientRig, request, requestText, response, serverRig } from "./support/rig.ts";
import { scripted, scriptedEach } from "./support/scripted.ts";

/** A request's fields with some of them replaced; null leaves one out. */
function but(changes: Readonly<Record<string, string | null>>, ...more: string[]): string[] {
  const fields: string[] = [];
  for (let i = 0; i < request.length; i += 2) {
    const value = request[i] in changes ? changes[request[i]] : request[i + 1];
    if (value !== null) fields.push(request[i], value);
  }
  return [...fields, ...more];
}

describe("a request's head (RFC 9113 8.3.1)", () => {
  scriptedEach<[readonly string[]]>(
    [
      ["without :method", but({ ":method": null })],
      ["with an empty :method", but({ ":method": "" })],
      ["with a :method that is no token", but({ ":method": "P OST" })],
      ["without :scheme", but({ ":scheme": null })],
      ["without :path", but({ ":path": null })],
      ["with an empty :path", but({ ":path": "" })],
      ["with a :path that does not begin with a slash", but({ ":path": "a.B/C" })],
      ["with a space in :path", but({ ":path": "/a b" })],
      ["with :path * that is not OPTIONS", but({ ":path": "*" })],
      ["with a user in :authority", but({ ":authority": "u@a" })],
      ["with a space before :authority", but({ ":authority": " a" })],
      ["with host other than :authority", but({}, "host", "b")],
      ["with :status", but({}, ":status", "200")],
      ["with :protocol", [":protocol", "websocket", ...request]],
      ["with a pseudo-field twice", [":method", "POST", ...request]],
      ["with a pseudo-field after a regular one", [":method", "POST", "a", "b", ":scheme", "http", ":path", "/"]],
      ["with an upper-case name", but({}, "Accept", "x")],
      ["with an empty name", but({}, "", "x")],
      ["with a space in a name", but({}, "a b", "x")],
      ["with NUL in a value", but({}, "a", "x\0y")],
      ["with CR in a value", but({}, "a", "x\ry")],
      ["with LF in a value", but({}, "a", "x\n")],
      ["with connection", but({}, "connection", "close")],
      ["with transfer-encoding", but({}, "transfer-encoding", "chunked")],
      ["with upgrade", but({}, "upgrade", "h2c")],
      ["with te other than trailers", but({}, "te", "gzip")],
      ["with content-length that is no number", but({}, "content-length", "1e3")],
      ["with two different content-lengths", but({}, "content-length", "1", "content-length", "2")],
      ["CONNECT with :path", but({ ":method": "CONNECT" })],
    ],
    (run, fields) => {
      const server = serverRig(run);
      server.receive(f.headers(1, fields), f.headers(3, request, { end: true }));
      expect(server.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
      expect(server.calls.map(({ stream }) => stream.id)).toEqual([3]);
    },
  );

  scriptedEach<[readonly string[]]>(
    [
      ["OPTIONS *", [":method", "OPTIONS", ":scheme", "http", ":path", "*"]],
      ["CONNECT", [":method", "CONNECT", ":authority", "a:1"]],
      ["host instead of :authority", but({ ":authority": null }, "host", "a")],
      ["host as :authority, in another case", but({}, "host", "A")],
      ["te: trailers", but({}, "te", "trailers")],
      ["equal content-lengths", but({}, "content-length", "0", "content-length", "0")],
      ["a value of spaces, and one that ends with one", but({}, "a", " ", "b", "x ")],
      ["bytes above 127 in a value", but({}, "a", "\xff\x80")],
      ["an empty value", but({}, "a", "")],
    ],
    (run, fields) => {
      const server = serverRig(run);
      server.receive(f.headers(1, fields, { end: true }));
      expect(server.sent()).toEqual([]);
      expect(server.call(0)).toHaveLength(2);
    },
  );

  scripted("the same bytes give the same object while HPACK's table is unchanged", (run) => {
    const heads: unknown[] = [];
    const server = serverRig(run, {
      onRequest: (_stream, one, recorder) => {
        heads.push(one);
        return recorder;
      },
    });
    server.receive(f.headers(1, request), f.headers(3, request), f.headers(5, but({}, "a", "b")));
    expect(heads[0]).toBe(heads[1]);
    expect(heads[2]).not.toBe(heads[1]);
  });
});

describe("content-length (RFC 9113 8.1.1)", () => {
  const withLength = (length: number) => but({}, "content-length", String(length));

  scriptedEach<[readonly Uint8Array[], boolean]>(
    [
      [
        "a body as long as it says",
        [f.headers(1, withLength(3)), f.data(1, "ab"), f.data(1, "c", { end: true })],
        true,
      ],
      ["padding does not count", [f.headers(1, withLength(1)), f.data(1, "a", { padding: 9, end: true })], true],
      ["0 and no body", [f.headers(1, withLength(0), { end: true })], true],
      [
        "trailers after all of it",
        [f.headers(1, withLength(1)), f.data(1, "a"), f.headers(1, ["t", "1"], { end: true })],
        true,
      ],
      ["too long a body", [f.headers(1, withLength(1)), f.data(1, "ab")], false],
      ["too short a body", [f.headers(1, withLength(3)), f.data(1, "ab", { end: true })], false],
      ["no body", [f.headers(1, withLength(3), { end: true })], false],
      [
        "trailers too early",
        [f.headers(1, withLength(3)), f.data(1, "ab"), f.headers(1, ["t", "1"], { end: true })],
        false,
      ],
    ],
    (run, bytes, right) => {
      const server = serverRig(run);
      server.receive(...bytes);
      expect(server.sent()).toEqual(right ? [] : ["RST_STREAM 1 PROTOCOL_ERROR"]);
      if (right) expect(server.call(0).at(-1)).toMatch(/^end/);
      else if (server.calls.length > 0) expect(server.call(0).at(-1)).toBe("abort local PROTOCOL_ERROR");
    },
  );

  scriptedEach<[readonly Uint8Array[], string]>(
    [
      [
        "a response's body is too long",
        [f.headers(1, [":status", "200", "content-length", "1"]), f.data(1, "ab")],
        "abort",
      ],
      [
        "a response's body is too short",
        [f.headers(1, [":status", "200", "content-length", "3"]), f.data(1, "ab", { end: true })],
        "abort",
      ],
      [
        "a response's trailers come too early",
        [f.headers(1, [":status", "200", "content-length", "3"]), f.headers(1, ["t", "1"], { end: true })],
        "abort",
      ],
      [
        "an answer to HEAD has a length and no body",
        [f.headers(1, [":status", "200", "content-length", "3"], { end: true })],
        "end",
      ],
      [
        "304 has a length and no body",
        [f.headers(1, [":status", "304", "content-length", "3"]), f.data(1, "", { end: true })],
        "end",
      ],
    ],
    (run, bytes, event) => {
      const client = clientRig(run);
      client.turn(() => client.open(true));
      client.sent();
      client.receive(...bytes);
      expect(client.call(0).at(-1)).toBe(event === "end" ? "end" : "abort local PROTOCOL_ERROR");
    },
  );
});

describe("trailers", () => {
  scriptedEach<[readonly string[]]>(
    [
      ["with a pseudo-field", [":method", "POST"]],
      ["with an upper-case name", ["A", "b"]],
      ["with connection", ["connection", "close"]],
      ["with NUL", ["a", "\0"]],
    ],
    (run, fields) => {
      const server = serverRig(run);
      server.receive(f.headers(1, request), f.headers(1, fields, { end: true }));
      expect(server.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
      const client = clientRig(run);
      client.turn(() => client.open(true));
      client.sent();
      client.receive(f.headers(1, response), f.headers(1, fields, { end: true }));
      expect(client.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
      expect(client.call(0)).toEqual(["head :status: 200", "abort local PROTOCOL_ERROR"]);
    },
  );

  scripted("a grpc-message that ends with a space is passed on", (run) => {
    const client = clientRig(run);
    client.turn(() => client.open(true));
    client.receive(
      f.headers(1, response),
      f.headers(1, ["grpc-status", "5", "grpc-message", "not found: "], { end: true }),
    );
    expect(client.call(0)).toEqual(["head :status: 200", "end grpc-status: 5, grpc-message: not found: "]);
  });
});

describe("a response's head", () => {
  scriptedEach<[readonly string[]]>(
    [
      ["without :status", ["a", "b"]],
      ["with a request's fields", [...request]],
      ["with :status twice", [":status", "200", ":status", "200"]],
      ["with an upper-case name", [":status", "200", "A", "b"]],
      ["with transfer-encoding", [":status", "200", "transfer-encoding", "chunked"]],
    ],
    (run, fields) => {
      const client = clientRig(run);
      client.turn(() => client.open(true));
      client.sent();
      client.receive(f.headers(1, fields));
      expect(client.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
      expect(client.call(0)).toEqual(["abort local PROTOCOL_ERROR"]);
    },
  );
});

describe("limits of a header list", () => {
  const fields = (count: number): string[] => Array.from({ length: count }, (_, i) => [`x${i}`, "v"]).flat();

  scripted("128 fields are taken; above that the request is reported as too long, without what was over", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, [...request, ...fields(124)]), f.headers(3, [...request, ...fields(125)]));
    expect(server.call(0)).toHaveLength(1);
    expect(server.call(1)[0]).toBe("overflow fields");
    expect(server.call(1)[1]).toBe(server.call(0)[0]);
    expect(server.sent()).toEqual([]);
  });

  scripted("cookie crumbs count as fields", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, [...request, ...new Array(125).fill(["cookie", "a=b"]).flat()]));
    expect(server.call(0)[0]).toBe("overflow fields");
  });

  scripted("64 KiB are taken, 32 a field included; above that the request is reported as too large", (run) => {
    const used = request.reduce((sum, text) => sum + text.length, (request.length / 2) * 32);
    const filler = (bytes: number) => ["a", "v".repeat(bytes - 33)];
    const server = serverRig(run);
    server.receive(f.headersInPieces(1, [...request, ...filler(65_536 - used)], 5));
    server.receive(f.headersInPieces(3, [...request, ...filler(65_537 - used)], 5));
    expect(server.call(0)[0]).toMatch(/^head .*, a: \(\d+\)$/);
    expect(server.call(1)).toEqual(["overflow bytes", requestText]);
  });

  scripted("fields that stand in the table are counted again each time (HPACK bomb)", (run) => {
    const server = serverRig(run);
    // One entry of 3,000 bytes, and then one byte for each time that it is named.
    const entry = [0x40, 1, ...f.ascii("a"), 0x7f, 0xb9, 0x16, ...f.ascii("v".repeat(3_000))];
    server.receive(
      f.headers(1, [...f.block(request), ...entry]),
      f.headers(3, [...f.block(request), ...new Array(30).fill(0x80 | 62)]),
    );
    expect(server.call(1)[0]).toBe("overflow bytes");
    // What is thrown away is charged too: without bound it ends the connection.
    server.receive(f.headers(5, [...f.block(request), ...new Array(400).fill(0x80 | 62)]));
    expect(server.sent()).toEqual(["GOAWAY 3 COMPRESSION_ERROR: header list is far over the limit of bytes"]);
  });

  scripted("trailers over a limit reset the stream", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request), f.headers(1, fields(129), { end: true }));
    expect(server.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
  });

  scripted("client: a response over a limit resets the stream", (run) => {
    const client = clientRig(run);
    client.turn(() => client.open(true));
    client.sent();
    client.receive(f.headers(1, [...response, ...fields(128)]));
    expect(client.sent()).toEqual(["RST_STREAM 1 ENHANCE_YOUR_CALM"]);
    expect(client.call(0)).toEqual(["abort local ENHANCE_YOUR_CALM"]);
  });

  scripted("20 CONTINUATION frames are taken, empty ones count, the 21st ends the connection", (run) => {
    const server = serverRig(run);
    server.receive(f.headersInPieces(1, request, 21, true));
    expect(server.call(0)).toEqual([requestText, "end"]);
    server.receive(f.headers(3, f.block(request), { endHeaders: false }));
    for (let i = 0; i < 20; i++) server.receive(f.continuation(3, [], false));
    expect(server.sent()).toEqual([]);
    server.receive(f.continuation(3, [], false));
    expect(server.sent()).toEqual(["GOAWAY 1 ENHANCE_YOUR_CALM: field block in too many pieces or too large"]);
  });

  scripted("a block that is endless on the wire ends the connection before it is decoded", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, new Uint8Array(16_384), { endHeaders: false }));
    for (let i = 0; i < 7; i++) server.receive(f.continuation(1, new Uint8Array(16_384), false));
    expect(server.sent()).toEqual([]);
    server.receive(f.continuation(1, [0], false));
    expect(server.sent()).toEqual(["GOAWAY 0 ENHANCE_YOUR_CALM: field block in too many pieces or too large"]);
  });
});
