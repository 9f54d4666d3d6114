import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import type { Abort } from "../../src/http2/receiver.ts";
import {
  encodeMessage,
  isFault,
  Status,
  statusOf,
  statusOfAbort,
  statusOfHttp,
  trailers,
  trailersOnly,
} from "../../src/protocols/status.ts";
import { integer, seededRandom } from "../support/random.ts";

describe("encodeMessage", () => {
  test.each([
    ["", ""],
    ["plain text, ~ and !", "plain text, ~ and !"],
    ["100%", "100%25"],
    ["%41", "%2541"],
    ["a\nb\tc\x7f", "a%0Ab%09c%7F"],
    ["caf\u00e9", "caf%C3%A9"],
    ["\u20ac", "%E2%82%AC"],
    ["\u{1f600}", "%F0%9F%98%80"],
    ["\ud800", "%EF%BF%BD"],
  ])("%j: %s", (text, encoded) => {
    expect(encodeMessage(text)).toBe(encoded);
  });

  test("any text: printable ASCII comes out, and decodes to what went in", () => {
    const random = seededRandom();
    for (let i = 0; i < 2_000; i++) {
      const text = String.fromCodePoint(
        ...Array.from({ length: integer(random, 0, 20) }, () => integer(random, 0, random() < 0.5 ? 0xd7ff : 0x7f)),
      );
      const encoded = encodeMessage(text);
      expect(encoded).toMatch(/^[\x20-\x7e]*$/);
      expect(decodeURIComponent(encoded)).toBe(text);
    }
  });
});

describe("statusOf", () => {
  test.each([
    [["grpc-status", "0"], 0],
    [["x", "1", "grpc-status", "16"], 16],
    [["grpc-status", "5", "grpc-status", "6"], 5],
    [["grpc-status", "17"], Status.UNKNOWN],
    [["grpc-status", "99"], Status.UNKNOWN],
    [["grpc-status", ""], Status.UNKNOWN],
    [["grpc-status", "-1"], Status.UNKNOWN],
    [["grpc-status", "0x1"], Status.UNKNOWN],
    [["grpc-status", " 1"], Status.UNKNOWN],
    [["grpc-status", "100"], Status.UNKNOWN],
    // A value is no name.
    [["x", "grpc-status", "y", "5"], null],
    [[], null],
  ] as const)("%j: %s", (fields, code) => {
    expect(statusOf(fields)).toBe(code);
  });
});

describe("statusOfHttp", () => {
  test("grpc/doc/http-grpc-status-mapping.md, and unknown for the rest", () => {
    const known = new Map([
      [400, 13],
      [401, 16],
      [403, 7],
      [404, 12],
      [429, 14],
      [502, 14],
      [503, 14],
      [504, 14],
    ]);
    for (let status = 100; status < 600; status++) expect(statusOfHttp(status)).toBe(known.get(status) ?? 2);
    expect(statusOfHttp(Number.NaN)).toBe(2);
  });
});

describe("statusOfAbort", () => {
  const reason = (by: Abort["by"], code: number): Abort => ({ by, code, unprocessed: false, message: "" });

  test("reset: the table of codes, internal for those that nobody knows", () => {
    const table: Readonly<Record<number, number>> = {
      [ErrorCode.STREAM_CLOSED]: 2,
      [ErrorCode.REFUSED_STREAM]: 14,
      [ErrorCode.CANCEL]: 1,
      [ErrorCode.ENHANCE_YOUR_CALM]: 8,
      [ErrorCode.INADEQUATE_SECURITY]: 7,
      [ErrorCode.HTTP_1_1_REQUIRED]: 2,
    };
    for (let code = 0; code < 32; code++) {
      expect(statusOfAbort(reason("reset", code)), String(code)).toBe(table[code] ?? 13);
      expect(statusOfAbort(reason("local", code)), String(code)).toBe(table[code] ?? 13);
    }
  });

  test("connection lost: unavailable, whatever the code", () => {
    for (let code = 0; code < 32; code++) expect(statusOfAbort(reason("connection", code))).toBe(14);
  });
});

describe("isFault", () => {
  test("codes that speak of the pod, and no others", () => {
    const faults = Array.from({ length: 17 }, (_, code) => code).filter(isFault);
    expect(faults).toEqual([
      Status.UNKNOWN,
      Status.RESOURCE_EXHAUSTED,
      Status.INTERNAL,
      Status.UNAVAILABLE,
      Status.DATA_LOSS,
    ]);
  });
});

describe("heads of our own", () => {
  test("trailers-only: a complete answer in one head", () => {
    expect(trailersOnly(14, "50% down").fields).toEqual([
      ":status",
      "200",
      "content-type",
      "application/grpc",
      "grpc-status",
      "14",
      "grpc-message",
      "50%25 down",
    ]);
  });

  test("trailers: code and message", () => {
    expect(trailers(4, "late").fields).toEqual(["grpc-status", "4", "grpc-message", "late"]);
  });
});
