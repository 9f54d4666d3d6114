import { describe, expect, test } from "vitest";
import { encodeBase64Text } from "../../src/protocols/base64.ts";
import { firstValue, message, okHead } from "../gateway/support/fields.ts";
import { routeSettings } from "../gateway/support/settings.ts";
import { startTriple, type WorldOptions } from "../gateway/support/world.ts";
import { type Answer, type Asked, ask, type Way, ways } from "./support/ask.ts";

/** What is said here of a translation, the conformance suite says of it, too; these say which line is broken. */

interface Said {
  readonly head: readonly string[];
  readonly messages?: readonly Uint8Array[];
  /** Null for a trailers-only answer. */
  readonly trailers: readonly string[] | null;
}

const ok: Said = { head: okHead, messages: [message(3)], trailers: ["grpc-status", "0"] };

/** One call and what the pod saw of it. */
async function call(way: Way, asked: Asked, said: Said = ok, options: WorldOptions = {}) {
  const { world, pod } = await startTriple(options);
  pod.onCall = (call) => {
    call.sendHead(said.head);
    for (const bytes of said.messages ?? []) call.send(bytes);
    call.finish(said.trailers);
  };
  const answer = await ask(world, way, asked);
  return { answer, pod };
}

const unary = (headers: Readonly<Record<string, string>> = {}, body = new Uint8Array(3)): Asked => ({
  headers: { "content-type": "application/proto", ...headers },
  body,
});
const stream = (headers: Readonly<Record<string, string>> = {}): Asked => ({
  headers: { "content-type": "application/connect+proto", ...headers },
  body: message(3),
});
const web = (headers: Readonly<Record<string, string>> = {}): Asked => ({
  headers: { "content-type": "application/grpc-web+proto", ...headers },
  body: message(3),
});
const get = (query: string, headers: Readonly<Record<string, string>> = {}): Asked => ({
  method: "GET",
  path: `/test.Echo/Unary?${query}`,
  headers,
});
const listed: WorldOptions = { settings: { routes: [routeSettings({ connectGet: ["*"] })] } };

/** The payload of the last envelope, which has these flags. */
function lastEnvelope(body: Uint8Array, flags: number): string {
  let at = 0;
  for (;;) {
    const length = new DataView(body.buffer, body.byteOffset).getUint32(at + 1);
    const next = at + 5 + length;
    if (next < body.length) {
      at = next;
      continue;
    }
    expect(body[at]).toBe(flags);
    expect(next).toBe(body.length);
    return new TextDecoder().decode(body.subarray(at + 5));
  }
}
const endStream = ({ body }: Answer): string => lastEnvelope(body, 0x02);
const webTrailers = ({ body }: Answer): string => lastEnvelope(body, 0x80);

describe.each(ways)("the pod's head, over %s", (way) => {
  const own = {
    "x-user-agent": "app/1",
    "x-id-bin": "AQI",
    "x-more": "a",
    "x-grpc-web": "1",
    "grpc-tracing-of-ours": "1",
    "connect-other": "1",
    "content-language": "de",
    trailer: "x-later",
  };

  test.each([
    ["Connect unary", unary(own)],
    ["Connect stream", stream(own)],
    ["gRPC-Web", web(own)],
  ])("%s: metadata goes on, what belongs to a protocol or a connection does not", async (_what, asked) => {
    const { pod } = await call(way, asked);
    const { fields } = pod.last;
    expect(firstValue(fields, "x-user-agent")).toBe("app/1");
    expect(firstValue(fields, "x-id-bin")).toBe("AQI");
    expect(firstValue(fields, "te")).toBe("trailers");
    expect(firstValue(fields, "content-type")).toBe("application/grpc+proto");
    for (const name of ["x-grpc-web", "grpc-tracing-of-ours", "connect-other", "content-language", "trailer"])
      expect(firstValue(fields, name), name).toBeUndefined();
    expect(fields.filter((text, i) => i % 2 === 0 && /^(?:connect-|content-(?!type$))/.test(text))).toEqual([]);
  });

  test("compression: the names are gRPC's, without weights and what gRPC has no name for", async () => {
    const accept = "gzip;q=0.5, br ;q=1, *;q=0.1";
    for (const asked of [unary({ "accept-encoding": accept }), stream({ "connect-accept-encoding": accept })]) {
      const { pod } = await call(way, asked);
      expect(firstValue(pod.last.fields, "grpc-accept-encoding")).toBe("gzip,br");
    }
    const coded = await call(way, unary({ "content-encoding": "gzip" }));
    expect(firstValue(coded.pod.last.fields, "grpc-encoding")).toBe("gzip");
    expect(coded.pod.last.body[0]).toBe(1);
    const coming = await call(way, stream({ "connect-content-encoding": "gzip" }));
    expect(firstValue(coming.pod.last.fields, "grpc-encoding")).toBe("gzip");
    const browser = await call(way, web({ "accept-encoding": "gzip" }));
    expect(firstValue(browser.pod.last.fields, "grpc-accept-encoding")).toBe("identity");
  });

  test("compression: what has a weight of 0 is not acceptable (RFC 9110 12.4.2), and is not offered", async () => {
    const accept = "gzip;q=0, br;q=0.001, deflate; q=0.000 , zstd;Q=0;x=1, snappy;q=1";
    for (const asked of [unary({ "accept-encoding": accept }), stream({ "connect-accept-encoding": accept })]) {
      const { pod } = await call(way, asked);
      expect(firstValue(pod.last.fields, "grpc-accept-encoding")).toBe("br,snappy");
    }
  });

  test("compression: an empty body is an empty message that nobody unpacks", async () => {
    const { pod } = await call(way, unary({ "content-encoding": "gzip" }, new Uint8Array(0)));
    expect([...pod.last.body]).toEqual([0, 0, 0, 0, 0]);
    const head = [...okHead, "grpc-encoding", "gzip"];
    const said: Said = { head, messages: [Uint8Array.of(1, 0, 0, 0, 0)], trailers: ["grpc-status", "0"] };
    const { answer } = await call(way, unary({ "accept-encoding": "gzip" }), said);
    // The coding is named all the same: a client that does not know it has to see that (the suite's unexpected-compression).
    expect([answer.status, answer.header("content-encoding"), answer.body.length]).toEqual([200, "gzip", 0]);
  });

  test("compression: what the pod takes is said to the client, of an error, too", async () => {
    const takes = ["grpc-accept-encoding", "gzip,br"];
    const refused = ["grpc-status", "12", "grpc-message", "no zstd"];
    for (const said of [
      { ...ok, head: [...okHead, ...takes] },
      { head: [...okHead, ...takes], trailers: refused },
      { head: [...okHead, ...refused, ...takes], trailers: null },
    ]) {
      expect((await call(way, unary(), said)).answer.header("accept-encoding")).toBe("gzip,br");
      expect((await call(way, stream(), said)).answer.header("connect-accept-encoding")).toBe("gzip,br");
      expect((await call(way, web(), said)).answer.header("grpc-accept-encoding")).toBe("gzip,br");
    }
  });

  test("deadline: each protocol's own field becomes grpc-timeout, cut by the backend's maximum", async () => {
    const bounded: WorldOptions = { backend: { maxTimeout: 2_000 } };
    for (const asked of [
      unary({ "connect-timeout-ms": "1500" }),
      stream({ "connect-timeout-ms": "1500" }),
      web({ "grpc-timeout": "1500m" }),
    ]) {
      const { pod } = await call(way, asked);
      expect(firstValue(pod.last.fields, "grpc-timeout")).toBe("1500m");
    }
    for (const asked of [
      unary({ "connect-timeout-ms": "9999999999" }),
      stream(),
      web({ "grpc-timeout": "99999999H" }),
    ]) {
      const { pod } = await call(way, asked, ok, bounded);
      expect(firstValue(pod.last.fields, "grpc-timeout")).toBe("2000m");
    }
    // Ten digits of milliseconds do not fit into eight.
    const long = await call(way, unary({ "connect-timeout-ms": "9999999999" }));
    expect(firstValue(long.pod.last.fields, "grpc-timeout")).toBe("9999999S");
  });
});

describe.each(ways)("the protocol's version, over %s", (way) => {
  const demanding: WorldOptions = {
    settings: { routes: [routeSettings({ requireConnectProtocolVersion: true, connectGet: ["*"] })] },
  };

  test("may be absent", async () => {
    for (const asked of [unary(), unary({ "connect-protocol-version": "1" })])
      expect((await call(way, asked)).answer.status).toBe(200);
    expect(endStream((await call(way, stream())).answer)).toBe("{}");
  });

  test("a route that demands it: invalid_argument without it, and no pod hears of the call", async () => {
    for (const asked of [unary(), get("encoding=proto&message=")]) {
      const { answer, pod } = await call(way, asked, ok, demanding);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.text)).toMatchObject({
        code: "invalid_argument",
        message: expect.stringContaining("missing"),
      });
      expect(pod.calls).toEqual([]);
    }
    const { answer, pod } = await call(way, stream(), ok, demanding);
    expect(JSON.parse(endStream(answer))).toMatchObject({ error: { code: "invalid_argument" } });
    expect(pod.calls).toEqual([]);
    for (const asked of [
      unary({ "connect-protocol-version": "1" }),
      stream({ "connect-protocol-version": "1" }),
      get("connect=v1&encoding=proto&message="),
      web(),
    ]) {
      const good = await call(way, asked, ok, demanding);
      expect(good.answer.status).toBe(200);
      expect(good.pod.calls).toHaveLength(1);
    }
  });
});

describe.each(ways)("trailers and metadata of an answer, over %s", (way) => {
  const head = [...okHead, "x-head", "h", "grpc-accept-encoding", "gzip"];
  const fine = ["grpc-status", "0", "x-late", "1", "x-late", "2", "x-raw-bin", "AQI="];
  const bad = ["grpc-status", "5", "grpc-message", "no %E2%82%AC 100%", "x-late", "1"];

  test("Connect unary: trailer- headers, on errors, too", async () => {
    const good = await call(way, unary(), { head, messages: [message(3)], trailers: fine });
    expect(good.answer.header("x-head")).toBe("h");
    expect(good.answer.header("trailer-x-late")).toBe("1, 2");
    expect(good.answer.header("trailer-x-raw-bin")).toBe("AQI=");
    expect(good.answer.header("trailer-grpc-status")).toBe(null);
    expect(good.answer.header("accept-encoding")).toBe("gzip");
    const failed = await call(way, unary(), { head, trailers: bad });
    expect(failed.answer.status).toBe(404);
    expect(failed.answer.header("x-head")).toBe("h");
    expect(failed.answer.header("trailer-x-late")).toBe("1");
    expect(failed.answer.header("content-type")).toBe("application/json");
    // A percent sign that is no escape stands for itself.
    expect(JSON.parse(failed.answer.text)).toEqual({ code: "not_found", message: "no € 100%" });
  });

  test("Connect stream: the last envelope, {} on success and never an error of null", async () => {
    expect(endStream((await call(way, stream())).answer)).toBe("{}");
    const good = await call(way, stream(), { head, messages: [message(3)], trailers: fine });
    expect(JSON.parse(endStream(good.answer))).toEqual({ metadata: { "x-late": ["1", "2"], "x-raw-bin": ["AQI="] } });
    const failed = await call(way, stream(), { head, messages: [message(3)], trailers: bad });
    expect(failed.answer.status).toBe(200);
    expect(JSON.parse(endStream(failed.answer))).toEqual({
      error: { code: "not_found", message: "no € 100%" },
      metadata: { "x-late": ["1"] },
    });
  });

  test("gRPC-Web: lines in lower case in the body, without a blank line at the end", async () => {
    const { answer } = await call(way, web(), { head, messages: [message(3)], trailers: fine });
    expect(webTrailers(answer)).toBe("grpc-status: 0\r\nx-late: 1\r\nx-late: 2\r\nx-raw-bin: AQI=\r\n");
    expect(answer.header("grpc-status")).toBe(null);
  });

  test("what belongs to a protocol or a connection is no trailer, in none of them", async () => {
    const said: Said = {
      head: okHead,
      messages: [message(3)],
      trailers: [...fine, ...["content-x", "connect-x", "te", "trailer"].flatMap((name) => [name, "trailers"])],
    };
    expect(webTrailers((await call(way, web(), said)).answer)).toBe(
      "grpc-status: 0\r\nx-late: 1\r\nx-late: 2\r\nx-raw-bin: AQI=\r\n",
    );
    const one = (await call(way, unary(), said)).answer;
    for (const name of ["content-x", "connect-x", "te", "trailer"]) expect(one.header(`trailer-${name}`)).toBe(null);
    const { body } = (await call(way, stream(), said)).answer;
    expect(Object.keys(JSON.parse(lastEnvelope(body, 2)).metadata)).toEqual(["x-late", "x-raw-bin"]);
  });

  test("gRPC-Web: the answer is in text when Accept says so, and else in the request's form", async () => {
    const text = { head: okHead, messages: [message(3)], trailers: ["grpc-status", "0"] };
    const asked = (await call(way, web({ accept: "application/grpc-web-text" }), text)).answer;
    expect(asked.header("content-type")).toMatch(/^application\/grpc-web-text/);
    expect(Buffer.from(asked.text.slice(0, 12), "base64")).toEqual(Buffer.from(message(3)));
    const { answer } = await call(way, web({ accept: "*/*" }), text);
    expect(answer.header("content-type")).toBe("application/grpc-web+proto");
    const body = new TextEncoder().encode(Buffer.from(message(3)).toString("base64"));
    const own = (await call(way, { headers: { "content-type": "application/grpc-web-text" }, body }, text)).answer;
    expect(own.header("content-type")).toBe("application/grpc-web-text");
    expect(Buffer.from(own.text.slice(0, 12), "base64")).toEqual(Buffer.from(message(3)));
  });

  test("trailers-only: headers and no body in gRPC-Web, an error in Connect", async () => {
    const only: Said = { head: [...okHead, ...bad], trailers: null };
    const browser = (await call(way, web(), only)).answer;
    expect([browser.header("grpc-status"), browser.header("x-late"), browser.body.length]).toEqual(["5", "1", 0]);
    const one = (await call(way, unary(), only)).answer;
    expect([one.status, one.header("trailer-x-late")]).toEqual([404, "1"]);
    const { body } = (await call(way, stream(), only)).answer;
    expect(JSON.parse(lastEnvelope(body, 2))).toMatchObject({
      error: { code: "not_found" },
      metadata: { "x-late": ["1"] },
    });
  });
});

describe("errors", () => {
  const errors = (code: number): Said => ({ head: [...okHead, "grpc-status", String(code)], trailers: null });
  const table: readonly (readonly [number, string, number])[] = [
    [1, "canceled", 499],
    [2, "unknown", 500],
    [3, "invalid_argument", 400],
    [4, "deadline_exceeded", 504],
    [5, "not_found", 404],
    [6, "already_exists", 409],
    [7, "permission_denied", 403],
    [8, "resource_exhausted", 429],
    [9, "failed_precondition", 400],
    [10, "aborted", 409],
    [11, "out_of_range", 400],
    [12, "unimplemented", 501],
    [13, "internal", 500],
    [14, "unavailable", 503],
    [15, "data_loss", 500],
    [16, "unauthenticated", 401],
    // Not a code of gRPC's.
    [17, "unknown", 500],
    [99, "unknown", 500],
  ];

  test.each(table)("code %i: %s, HTTP %i for Connect unary and 200 for its streams", async (code, name, status) => {
    const one = (await call("HTTP/2", unary(), errors(code))).answer;
    expect([one.status, JSON.parse(one.text)]).toEqual([status, { code: name }]);
    const many = (await call("HTTP/2", stream(), errors(code))).answer;
    expect([many.status, JSON.parse(endStream(many))]).toEqual([200, { error: { code: name } }]);
  });

  test.each(["503", "200", "301"])("with a grpc-status nobody looks at the HTTP status: %s", async (status) => {
    const said: Said = { head: [":status", status, "content-type", "text/html", "grpc-status", "5"], trailers: null };
    expect((await call("HTTP/2", unary(), said)).answer.status).toBe(404);
    expect(endStream((await call("HTTP/2", stream(), said)).answer)).toBe('{"error":{"code":"not_found"}}');
    const browser = (await call("HTTP/2", web(), said)).answer;
    expect([browser.status, browser.header("grpc-status")]).toEqual([200, "5"]);
  });

  test.each(["600", "999"])("HTTP status %s of a pod is invalid, and taken for a 500 (RFC 9110 15)", async (status) => {
    const said: Said = { head: [":status", status, "content-type", "text/html"], trailers: null };
    for (const way of ways) {
      const { answer } = await call(way, unary(), said);
      const error = { code: "unknown", message: `the pod answered HTTP ${status}` };
      expect([answer.status, JSON.parse(answer.text)], way).toEqual([500, error]);
      const quoted = await call(way, unary(), { ...said, head: [":status", "599"] });
      expect(quoted.answer.status, way).toBe(599);
    }
  });

  test("details: the bare type name, cut at the last slash; the value in standard base64 without padding", async () => {
    const text = new TextEncoder();
    const field = (number: number, bytes: Uint8Array): number[] => [(number << 3) | 2, bytes.length, ...bytes];
    // 0xfb 0xff: "+/8=" in the standard alphabet with padding, "-_8" in the other one.
    const any = Uint8Array.from([
      ...field(1, text.encode("a.example/b/google.rpc.Info")),
      ...field(2, Uint8Array.of(0xfb, 0xff)),
    ]);
    const status = Uint8Array.from([8, 5, ...field(2, text.encode("no")), ...field(3, any)]);
    const unpadded = encodeBase64Text(status).replaceAll("=", "");
    const padded = unpadded.padEnd(Math.ceil(unpadded.length / 4) * 4, "=");
    for (const bin of [unpadded, padded]) {
      const head = [...okHead, "grpc-status", "5", "grpc-status-details-bin", bin];
      const { answer } = await call("HTTP/2", unary(), { head, trailers: null });
      expect(JSON.parse(answer.text).details).toEqual([{ type: "google.rpc.Info", value: "+/8" }]);
    }
  });

  test("unary: no message from the pod, or two, are errors", async () => {
    const none = await call("HTTP/2", unary(), { head: okHead, trailers: ["grpc-status", "0"] });
    expect(JSON.parse(none.answer.text)).toMatchObject({ code: "unimplemented" });
    const two = await call("HTTP/2", unary(), { ...ok, messages: [message(1), message(1)] });
    expect(JSON.parse(two.answer.text)).toMatchObject({ code: "unimplemented" });
  });
});

test("a list in several lines is one list (RFC 9110 5.3)", async () => {
  const { world, pod } = await startTriple();
  pod.onCall = (call) => {
    call.sendHead(ok.head);
    call.send(message(3));
    call.finish(["grpc-status", "0"]);
  };
  const client = await world.http1();
  const lines = "host: echo.test\r\ncontent-type: application/proto\r\ncontent-length: 0\r\n";
  client.write(`POST /test.Echo/Unary HTTP/1.1\r\n${lines}accept-encoding: br\r\naccept-encoding: gzip;q=0.5\r\n\r\n`);
  await world.settle();
  expect(firstValue(pod.last.fields, "grpc-accept-encoding")).toBe("br,gzip");
});

describe.each(ways)("Connect GET over %s", (way) => {
  test("names and values may be percent-encoded, and of several of a name the first counts, as in every query", async () => {
    for (const query of [
      "encod%69ng=%70roto&messag%65=BwcH&base64=%31&connect=v%31&compression=identit%79",
      "encoding=proto&message=BwcH&base64=1&encoding=json&message=AAAA&base64=0&connect=v1&connect=v2&compression=&compression=x",
      "&&=&=x&encoding=proto&base64=1&message=BwcH&%zz=%&",
    ]) {
      const { answer, pod } = await call(way, get(query), ok, listed);
      expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
      expect(answer.header("content-type")).toBe("application/proto");
      expect(firstValue(pod.last.fields, "content-type")).toBe("application/grpc+proto");
      expect([...pod.last.body]).toEqual([...message(3)]);
    }
    const bare = await call(way, get("message&encoding=proto"), ok, listed);
    expect([...bare.pod.last.body]).toEqual([0, 0, 0, 0, 0]);
  });

  test("a codec that no POST could name: 415, as the answer would bear its name and a browser open it", async () => {
    for (const codec of ["", "html", "xhtml%2Bxml", "xhtml+xml", "proto%3Bcharset", "grpc", "connect%2Bproto", "%zz"]) {
      const { answer, pod } = await call(way, get(`encoding=${codec}&message=`), ok, listed);
      expect(answer.status, codec).toBe(415);
      expect(answer.header("accept-post")).toContain("application/proto");
      expect(answer.header("content-type")).toBe("text/plain; charset=utf-8");
      expect(pod.calls).toEqual([]);
    }
  });

  test("parameters in any order, unknown ones allowed; goes to the pod as a POST without the query", async () => {
    for (const query of [
      "encoding=proto&message=BwcH&base64=1&connect=v1",
      "utm=1&base64=1&connect=v1&message=BwcH&x=&encoding=proto&flag",
      "message=%07%07%07&encoding=proto",
    ]) {
      const { answer, pod } = await call(way, get(query), ok, listed);
      expect(answer.status).toBe(200);
      const { fields, body } = pod.last;
      expect([firstValue(fields, ":method"), firstValue(fields, ":path")]).toEqual(["POST", "/test.Echo/Unary"]);
      expect([...body]).toEqual([...message(3)]);
    }
  });

  test("a plus sign in the message is a space, as in every query", async () => {
    const { pod } = await call(way, get("encoding=json&message=%7B+%7D"), ok, {
      ...listed,
      backend: { json: "passthrough" },
    });
    expect(new TextDecoder().decode(pod.last.body.subarray(5))).toBe("{ }");
  });

  test("the timeout stands in the header alone", async () => {
    const query = "encoding=proto&message=&connect-timeout-ms=5&timeout=5";
    const without = await call(way, get(query), ok, listed);
    expect(firstValue(without.pod.last.fields, "grpc-timeout")).toBeUndefined();
    const with_ = await call(way, get(query, { "connect-timeout-ms": "250" }), ok, listed);
    expect(firstValue(with_.pod.last.fields, "grpc-timeout")).toBe("250m");
  });

  test("only a 200 may be kept by caches, whatever the pod says of it", async () => {
    const head = [...okHead, "cache-control", "public, max-age=60", "expires", "later", "etag", '"1"', "x-kept", "1"];
    const good = await call(way, get("encoding=proto&message="), { ...ok, head }, listed);
    expect(good.answer.header("cache-control")).toBe("public, max-age=60");
    for (const said of [
      { head, trailers: ["grpc-status", "5"] },
      { head: [...head, "grpc-status", "5"], trailers: null },
      { head, trailers: null },
    ]) {
      const { answer } = await call(way, get("encoding=proto&message="), said, listed);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.header("cache-control")).toBe("no-store");
      expect([answer.header("expires"), answer.header("etag")]).toEqual([null, null]);
    }
    const kept = await call(way, get("encoding=proto&message="), { head, trailers: ["grpc-status", "5"] }, listed);
    expect(kept.answer.header("x-kept")).toBe("1");
    const posted = await call(way, unary(), { head, trailers: ["grpc-status", "5"] });
    expect(posted.answer.header("cache-control")).toBe("public, max-age=60");
  });

  test("the pod's date is there for caches, once; elsewhere it is the server's own business", async () => {
    const date = "Tue, 15 Nov 1994 08:12:31 GMT";
    const said: Said = { ...ok, head: [...okHead, "date", date] };
    const got = (await call(way, get("encoding=proto&message="), said, listed)).answer;
    if (way === "HTTP/1.1") expect(got.lines("date")).toEqual([expect.stringMatching(/GMT$/)]);
    else expect(got.lines("date")).toEqual([date]);
    const posted = (await call(way, unary(), said)).answer;
    expect(posted.lines("date").includes(date)).toBe(false);
    const failed = (await call(way, unary(), { head: [...said.head, "grpc-status", "5"], trailers: null })).answer;
    expect(failed.header("trailer-date")).toBe(null);
  });

  test("other HTTP methods: 405 with what the method may be called by", async () => {
    for (const method of ["PUT", "HEAD", "OPTIONS", "GET"]) {
      const asked: Asked = { method, headers: { "content-type": "application/proto" } };
      const { answer, pod } = await call(way, asked, ok, listed);
      expect([answer.status, answer.header("allow")], method).toEqual([405, "GET, POST"]);
      expect(pod.calls).toEqual([]);
      const posted = (await call(way, asked)).answer;
      expect([posted.status, posted.header("allow")], method).toEqual([405, "POST"]);
    }
  });

  test("a method that nobody listed: 405 with Allow, which no cache keeps", async () => {
    const { answer, pod } = await call(way, get("encoding=proto&message="), ok, { backend: { json: "off" } });
    expect([answer.status, answer.header("allow"), answer.header("cache-control")]).toEqual([405, "POST", "no-store"]);
    expect(pod.calls).toEqual([]);
  });
});
