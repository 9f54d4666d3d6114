import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Base64Decoder, decodeBase64Text, encodeBase64, encodeBase64Text } from "../../src/protocols/base64.ts";
import { readGetQuery } from "../../src/protocols/connect-get.ts";
import { EnvelopeGuard, envelope } from "../../src/protocols/envelope.ts";
import { decodeText, readParameters } from "../../src/protocols/query.ts";
import { decodeMessage, errorJson, rpcStatusOf } from "../../src/protocols/rpc-error.ts";
import { encodeMessage } from "../../src/protocols/status.ts";
import { formatTimeout, parseConnectTimeout, parseTimeout } from "../../src/protocols/timeout.ts";

const bytes = fc.uint8Array({ maxLength: 200 });

function join(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** `whole` in pieces of the given lengths, the rest last. */
function cut(whole: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(whole.subarray(at, at + length));
    at += length;
  }
  return [...pieces, whole.subarray(at)];
}

describe("envelopes, cut anywhere", () => {
  test("a body of envelopes passes, counted, whatever the cuts", () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 8 }), fc.array(fc.nat(40)), (messages, cuts) => {
        const guard = new EnvelopeGuard(1, 1_000);
        for (const piece of cut(join(messages.map((each) => envelope(0, each))), cuts)) {
          expect(guard.pass(piece, 0, piece.length)).toBeNull();
        }
        expect(guard.finish()).toBeNull();
        expect(guard.messages).toBe(messages.length);
      }),
    );
  });

  test("a body that ends early says how many bytes are missing, at every byte", () => {
    const whole = envelope(1, new Uint8Array(7));
    for (let end = 1; end < whole.length; end++) {
      const guard = new EnvelopeGuard(1, 1_000);
      expect(guard.pass(whole, 0, end)).toBeNull();
      expect(guard.finish()).toEqual({ kind: "truncated", missing: end < 5 ? 5 - end : whole.length - end });
    }
  });

  test("any bytes: never throws, and gives one of its reasons", () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(20)), (body, cuts) => {
        const guard = new EnvelopeGuard(1, 1_000);
        for (const piece of cut(body, cuts)) if (guard.pass(piece, 0, piece.length) !== null) return;
        guard.finish();
      }),
    );
  });
});

describe("base64, padding anywhere", () => {
  test("pieces that are each padded, or not but for the last: decoded, whatever the cuts", () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 6 }), fc.array(fc.nat(30)), (pieces, cuts) => {
        const decoder = new Base64Decoder();
        const decoded = cut(join(pieces.map((piece) => encodeBase64(piece))), cuts).map((piece) =>
          decoder.decode(piece, 0, piece.length),
        );
        expect(decoded).not.toContain(null);
        expect(join([...(decoded as Uint8Array[]), decoder.finish() as Uint8Array])).toEqual(join(pieces));
      }),
    );
  });

  test("text: padded, unpadded and URL-safe give the same; as the platform's own decoder", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const padded = Buffer.from(value).toString("base64");
        for (const text of [padded, encodeBase64Text(value), Buffer.from(value).toString("base64url")]) {
          expect(decodeBase64Text(text)).toEqual(value);
        }
      }),
    );
  });

  test("any text: never throws", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void decodeBase64Text(text)));
  });
});

describe("percent-encoding", () => {
  test("a message comes back as it was, but for lone surrogates", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(decodeMessage(encodeMessage(text))).toBe(Buffer.from(text).toString());
        expect(encodeMessage(text)).toMatch(/^[\x20-\x7e]*$/);
      }),
    );
  });

  test("any text: decoding never throws", () => {
    fc.assert(fc.property(fc.string(), (text) => void decodeMessage(text)));
  });
});

describe("Connect GET", () => {
  const parameters = (message: string, more: readonly string[]) =>
    [`message=${message}`, "encoding=proto", "connect=v1", ...more].join("&");

  test("message: base64 or percent-encoded, the same bytes", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const base64 = readGetQuery(parameters(Buffer.from(value).toString("base64url"), ["base64=1"]));
        const percent = [...value].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
        const plain = readGetQuery(parameters(percent, []));
        for (const read of [base64, plain]) expect("value" in read && read.value.message).toEqual(value);
      }),
    );
  });

  test("any query: names and values are those of the URL standard, where its escapes are whole", () => {
    const piece = fc.constantFrom(
      "encoding",
      "mess%61ge",
      "message",
      "base64",
      "%62ase64",
      "conne%63t",
      "compression",
      "x",
      "%41",
      "+",
      "=",
      "&",
      "proto",
      "%70roto",
      "json",
      "1",
      "v1",
      "gzi%70",
      "",
      "encoding=proto",
      "&message=",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const query = pieces.join("");
        const standard = new URLSearchParams(query);
        const parameters = readParameters(query);
        for (const name of ["connect", "encoding", "message", "base64", "compression"]) {
          const value = parameters.get(name);
          expect(value === undefined ? null : decodeText(value), `${name} in ${query}`).toBe(standard.get(name));
        }
        expect(parameters.size).toBeLessThanOrEqual(5);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a query of thousands of names: none is kept", () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `%6${i % 10}ncoding${i}=`).join("&");
    expect([...readParameters(`${names}&encoding=proto&${names}`)]).toEqual([["encoding", "proto"]]);
  });

  test("any query: never throws, a value or a reason", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii" }), (query) => {
        const read = readGetQuery(query);
        expect("value" in read || read.error.length > 0).toBe(true);
      }),
    );
  });
});

describe("errors", () => {
  test("any status, message and details: JSON with a code by name, and never throws", () => {
    const value = fc.string({ unit: "binary-ascii" });
    fc.assert(
      fc.property(value, value, value, (status, message, details) => {
        const fields = ["grpc-status", status, "grpc-message", message, "grpc-status-details-bin", details];
        const read = rpcStatusOf(fields, [":status", "200"]);
        if (read.code === 0) return;
        const json = JSON.parse(JSON.stringify(errorJson(read)));
        expect(json.code).toMatch(/^[a-z_]+$/);
        for (const detail of json.details ?? []) expect(detail.value).not.toContain("=");
      }),
    );
  });
});

describe("timeouts", () => {
  test("what is written can be read, and is never longer than it was", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 3e14, noNaN: true }), (ms) => {
        const read = parseTimeout(formatTimeout(ms));
        expect(read).toBeGreaterThan(0);
        if (ms <= 99_999_999 * 3_600_000) expect(read).toBeLessThanOrEqual(ms * (1 + 1e-12));
      }),
    );
  });

  test("any text: a number, not a number, or no limit", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const ms of [parseTimeout(text), parseConnectTimeout(text)])
          expect(ms >= 0 || Number.isNaN(ms)).toBe(true);
      }),
    );
  });
});
