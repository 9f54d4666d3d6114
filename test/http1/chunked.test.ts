import { describe, expect, test } from "vitest";
import { ChunkedBody } from "../../src/http1/chunked.ts";

interface Read {
  readonly body: string;
  /** Bytes after the body; null when it was malformed. */
  readonly rest: string | null;
  readonly done: boolean;
}

/** Reads a body in pieces of so many bytes. */
function read(text: string, piece = text.length): Read {
  const bytes = Buffer.from(text, "latin1");
  const chunked = new ChunkedBody();
  let body = "";
  let at = 0;
  while (at < bytes.length && !chunked.done) {
    const end = Math.min(bytes.length, at + piece);
    const next = chunked.read(bytes, at, end, (from, start, until) => {
      body += Buffer.from(from.subarray(start, until)).toString("latin1");
    });
    if (next < 0) return { body, rest: null, done: false };
    at = next;
  }
  return { body, rest: text.slice(at), done: chunked.done };
}

describe("chunked body", () => {
  const whole = "4;a=b\r\nWiki\r\n0000E\r\n in\r\n\r\nchunks.\r\n0 ; x\r\nx-t: 1\r\nx-u:\r\n\r\nGET /next";

  test("chunked body: extensions and trailers are skipped, what follows is left", () => {
    expect(read(whole)).toEqual({ body: "Wiki in\r\n\r\nchunks.", rest: "GET /next", done: true });
  });

  test("chunked body: it does not matter where it is cut", () => {
    for (let piece = 1; piece < whole.length; piece++) {
      expect(read(whole, piece), `pieces of ${piece}`).toEqual({
        body: "Wiki in\r\n\r\nchunks.",
        rest: "GET /next",
        done: true,
      });
    }
  });

  test("chunked body: every beginning of one is no error and not done", () => {
    const end = whole.length - "GET /next".length;
    for (let length = 0; length < end; length++) {
      expect(read(whole.slice(0, length)), `${length} bytes`).toMatchObject({ rest: "", done: false });
    }
  });

  test.each([
    ["no size", "\r\n"],
    ["a sign", "-1\r\na\r\n"],
    ["0x", "0x1\r\na\r\n"],
    ["a space before the size", " 1\r\na\r\n"],
    ["a bare LF after the size", "1\na\r\n0\r\n\r\n"],
    ["a CR and something else", "1\rxa\r\n"],
    ["a bare LF in an extension", "1;\na\r\n"],
    ["more data than the size", "1\r\nab\r\n"],
    ["no CRLF after the data", "1\r\na0\r\n"],
    ["LF alone after the data", "1\r\na\n0\r\n\r\n"],
    ["beyond any number", "fffffffffffffffff\r\n"],
    ["a bare LF in a trailer", "0\r\nx: y\nz\r\n\r\n"],
    ["NUL in a trailer", "0\r\nx: \x00\r\n\r\n"],
    ["a bare LF at the end", "0\r\n\n"],
    ["an extension without end", `1;${"x".repeat(300)}`],
    ["trailers without end", `0\r\n${"x: y\r\n".repeat(2_000)}`],
  ])("chunked body: refused, %s", (_what, text) => {
    expect(read(text).rest).toBe(null);
    expect(read(text, 1).rest).toBe(null);
  });
});
