import { describe, expect, test } from "vitest";
import { CHUNKED, parseRequestHead, type RequestHead } from "../../src/http1/request-head.ts";

const parse = (text: string, maxFields = 100) => parseRequestHead(text, "http", maxFields);

function good(text: string): RequestHead {
  const parsed = parse(text);
  if ("problem" in parsed) throw new Error(`${parsed.status}: ${parsed.problem}`);
  return parsed;
}

const lines = (...all: string[]) => all.join("\r\n");

describe("request head", () => {
  test("request head: is a list of fields as HTTP/2 has it, in order, with duplicates, names in lower case", () => {
    const head = good(
      lines("POST /a.B/C?q=1 HTTP/1.1", "Host: Echo.test:80", "X-A: 1", "x-b:\t 2 \t", "X-a:", "x-a: 3"),
    );
    expect(head.head.fields).toEqual(
      [":method", "POST", ":scheme", "http", ":path", "/a.B/C?q=1", ":authority", "Echo.test:80"].concat([
        "x-a",
        "1",
        "x-b",
        "2",
        "x-a",
        "",
        "x-a",
        "3",
      ]),
    );
    expect(head).toMatchObject({ length: 0, close: false, old: false, expectsContinue: false, bodyless: false });
  });

  test("request head: fields of the connection go no further, those that it names included (RFC 9110 7.6.1)", () => {
    const { head } = good(
      lines(
        "POST /a.B/C HTTP/1.1",
        "host: a",
        "connection: keep-alive, X-Secret",
        "keep-alive: timeout=5",
        "proxy-connection: keep-alive",
        "te: trailers",
        "upgrade: h2c",
        "http2-settings: AAMAAABkAAQAAP__",
        "x-secret: s",
        "x-kept: k",
      ),
    );
    expect(head.fields.slice(8)).toEqual(["x-kept", "k"]);
  });

  test.each([
    ["no body", [], 0],
    ["a length", ["Content-Length: 12"], 12],
    ["chunked", ["Transfer-Encoding: chunked"], CHUNKED],
    ["chunked in another case, padded", ["transfer-encoding:  Chunked "], CHUNKED],
  ] as const)("request head: where the body ends, %s", (_what, fields, length) => {
    expect(good(lines("POST / HTTP/1.1", "host: a", ...fields)).length).toBe(length);
  });

  test.each([
    ["GET / HTTP/1.0", [], true],
    ["GET / HTTP/1.0", ["connection: keep-alive"], true],
    ["GET / HTTP/1.1", ["host: a", "connection: Close"], true],
    ["GET / HTTP/1.1", ["host: a", "connection: x", "connection: close"], true],
    ["GET / HTTP/1.1", ["host: a", "connection: closed"], false],
    ["CONNECT a:1 HTTP/1.1", ["host: a"], true],
  ])("request head: whether the connection ends with it, %s %j", (line, fields, close) => {
    expect(good(lines(line, ...fields)).close).toBe(close);
  });

  test("request head: expect counts only where a body follows and interim answers exist", () => {
    const expects = (...fields: string[]) => good(lines(...fields, "expect: 100-Continue")).expectsContinue;
    expect(expects("POST / HTTP/1.1", "host: a", "content-length: 1")).toBe(true);
    expect(expects("POST / HTTP/1.1", "host: a")).toBe(false);
    expect(expects("POST / HTTP/1.0", "content-length: 1")).toBe(false);
  });

  test.each([
    ["GET http://a.test/x.Y/Z?q HTTP/1.1", "/x.Y/Z?q", "a.test"],
    ["GET HTTPS://a.test:1 HTTP/1.1", "/", "a.test:1"],
    ["GET http://a.test?q HTTP/1.1", "/?q", "a.test"],
    ["OPTIONS * HTTP/1.1", "*", "other"],
  ])("request head: forms of the target, %s", (line, path, authority) => {
    const { fields } = good(lines(line, "host: other")).head;
    expect(fields[5]).toBe(path);
    expect(fields[7]).toBe(authority);
  });

  test.each([
    [400, "GET /"],
    [400, "GET  / HTTP/1.1"],
    [400, "GET / HTTP/1.1 "],
    [400, "GET / http/1.1"],
    [400, "GET /a b HTTP/1.1"],
    [400, "G\x01T / HTTP/1.1"],
    [400, "GET /\x00 HTTP/1.1"],
    [400, "GET x HTTP/1.1"],
    [400, "GET * HTTP/1.1"],
    [400, "GET ftp://a/ HTTP/1.1"],
    [505, "GET / HTTP/2.0"],
    [505, "GET / HTTP/0.9"],
  ])("request head: %i for the line %j", (status, line) => {
    expect(parse(lines(line, "host: a"))).toMatchObject({ status });
  });

  test.each([
    [400, "no host", []],
    [400, "two hosts", ["host: a", "host: a"]],
    [400, "a host with userinfo", ["host: u@a"]],
    [400, "a host with a path", ["host: a/b"]],
    [400, "a space before the colon", ["host: a", "x : y"]],
    [400, "a folded line", ["host: a", "x: y", " z"]],
    [400, "no colon", ["host: a", "x"]],
    [400, "no name", ["host: a", ": y"]],
    [400, "a pseudo-field", ["host: a", ":path: /other"]],
    [400, "NUL in a value", ["host: a", "x: \x00"]],
    [400, "a bare CR in a value", ["host: a", "x: a\rb: c"]],
    [400, "a bare LF in a value", ["host: a", "x: a\nb: c"]],
    [400, "two lengths", ["host: a", "content-length: 1", "content-length: 1"]],
    [400, "a list of lengths", ["host: a", "content-length: 1, 1"]],
    [400, "a signed length", ["host: a", "content-length: +1"]],
    [400, "a length with a space", ["host: a", "content-length: 1 1"]],
    [400, "a length beyond any number", ["host: a", `content-length: ${"9".repeat(16)}`]],
    [400, "an empty length", ["host: a", "content-length:"]],
    [400, "a length and chunked", ["host: a", "content-length: 1", "transfer-encoding: chunked"]],
    [400, "chunked is not last", ["host: a", "transfer-encoding: chunked, gzip"]],
    [400, "chunked twice", ["host: a", "transfer-encoding: chunked", "transfer-encoding: chunked"]],
    [400, "an unknown coding alone", ["host: a", "transfer-encoding: xchunked"]],
    [400, "vertical tab before chunked", ["host: a", "transfer-encoding: \x0bchunked"]],
    [400, "no-break space before chunked", ["host: a", "transfer-encoding: \xa0chunked"]],
    [501, "a coding before chunked", ["host: a", "transfer-encoding: gzip, chunked"]],
    [417, "another expectation", ["host: a", "expect: 200-ok"]],
  ])("request head: %i for %s", (status, _what, fields) => {
    expect(parse(lines("POST / HTTP/1.1", ...fields))).toMatchObject({ status });
  });

  test("request head: HTTP/1.0 has no transfer-encoding", () => {
    expect(parse(lines("POST / HTTP/1.0", "transfer-encoding: chunked"))).toMatchObject({ status: 400 });
  });

  test("request head: of more fields than may be kept as many are, and all of them count for where the request ends", () => {
    const xs = Array<string>(9).fill("x: y");
    const fields = ["connection: close, x", "te: trailers", ...xs, "host: a", "content-length: 7"];
    const head = parse(lines("POST / HTTP/1.1", ...fields), 5);
    expect(head).toMatchObject({ length: 7, close: true });
    // Not even those that `connection` names are missing: five are more than anybody may have, and are not to look like none.
    expect("head" in head && head.head.fields.slice(8)).toEqual(Array(5).fill(["x", "y"]).flat());
    for (const bad of ["content-length: 8", "host: b", "transfer-encoding: chunked", "x : y", "x: \0"])
      expect(parse(lines("POST / HTTP/1.1", ...fields, bad), 5), bad).toMatchObject({ status: 400 });
    const many = (count: number) => parse(lines("GET / HTTP/1.1", "host: a", ...Array(count - 1).fill("x: y")), 5);
    expect(many(40)).toHaveProperty("head");
    expect(many(41)).toMatchObject({ status: 431 });
  });

  test("request head: bytes above ASCII stay what they are in values and targets", () => {
    const { fields } = good(lines("GET /\xe4 HTTP/1.1", "host: a", "x: \xc3\xa4\x80")).head;
    expect(fields[5]).toBe("/\xe4");
    expect(fields.at(-1)).toBe("\xc3\xa4\x80");
  });
});
