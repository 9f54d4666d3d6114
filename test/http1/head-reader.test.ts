import { describe, expect, test } from "vitest";
import { HeadReader } from "../../src/http1/head-reader.ts";
import { Input } from "../../src/http1/input.ts";
import type { RequestHead } from "../../src/http1/request-head.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

function setup(maxBytes = 1_000) {
  const reader = new HeadReader("http", maxBytes, 100);
  const input = new Input();
  return {
    input,
    read: () => reader.read(input),
    give: (text: string) => {
      input.add(bytes(text));
      return reader.read(input);
    },
  };
}

const HEAD = "POST /a.B/C HTTP/1.1\r\nhost: a\r\nx: 1\r\n\r\n";
const path = (head: unknown) => (head as RequestHead).head.fields[5];

describe("head reader", () => {
  test("head reader: the same bytes give the same head, and one other byte another", () => {
    const { give } = setup();
    const first = give(HEAD);
    expect(give(HEAD)).toBe(first);
    const other = give(HEAD.replace("x: 1", "x: 2"));
    expect(other).not.toBe(first);
    expect((other as RequestHead).head.fields.at(-1)).toBe("2");
    // The one before is not remembered any more, and it is read all the same.
    expect(give(HEAD)).toEqual(first);
  });

  test("head reader: a head that begins like the remembered one and goes on is another", () => {
    const { give } = setup();
    give(HEAD);
    expect((give(HEAD.replace("\r\n\r\n", "\r\ny: 2\r\n\r\n")) as RequestHead).head.fields.slice(-2)).toEqual([
      "y",
      "2",
    ]);
  });

  test("head reader: cut anywhere, and what follows stays", () => {
    for (let cut = 1; cut < HEAD.length; cut++) {
      const { give, input } = setup();
      expect(give(HEAD.slice(0, cut)), `${cut} bytes`).toBe(null);
      expect(path(give(`${HEAD.slice(cut)}body`)), `${cut} bytes`).toBe("/a.B/C");
      expect(Buffer.from(input.bytes.subarray(input.at, input.end)).toString()).toBe("body");
    }
  });

  test("head reader: byte by byte, twice", () => {
    const { give } = setup();
    for (let round = 0; round < 2; round++) {
      for (const character of HEAD.slice(0, -1)) expect(give(character)).toBe(null);
      expect(path(give("\n"))).toBe("/a.B/C");
    }
  });

  test("head reader: a few empty lines before a request are overlooked, many are not (RFC 9112 2.2)", () => {
    expect(path(setup().give(`\r\n\r\n${HEAD}`))).toBe("/a.B/C");
    expect(setup().give("\r\n".repeat(10))).toMatchObject({ status: 400 });
  });

  test.each([
    ["as long as allowed", 0, undefined],
    ["a byte longer", 1, 431],
    ["longer, and its end has not come", 500, 431],
  ])("head reader: %s", (_what, more, status) => {
    const { give } = setup(HEAD.length);
    const longer = HEAD.replace("x: 1", `x: 1${"y".repeat(more)}`);
    expect((give(more === 500 ? longer.slice(0, -4) : longer) as { status?: number }).status).toBe(status);
  });

  test.each([
    ["bare LFs", "GET / HTTP/1.1\nhost: a\n\n"],
    ["a bare LF before the empty line", "GET / HTTP/1.1\r\nhost: a\n\r\n"],
    ["a bare LF as the empty line", "GET / HTTP/1.1\r\nhost: a\r\n\n"],
    ["a bare LF in the middle", "GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n"],
    ["a byte that begins no method", "\x00"],
    ["a TLS hello", "\x16\x03\x01"],
  ])("head reader: 400 for %s", (_what, text) => {
    expect(setup().give(text)).toMatchObject({ status: 400 });
  });

  test("head reader: heads that are too long to be remembered are read each time", () => {
    const { give } = setup(10_000);
    const long = HEAD.replace("x: 1", `x: ${"y".repeat(3_000)}`);
    const first = give(long);
    const second = give(long);
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
  });
});
