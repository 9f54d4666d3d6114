import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HpackError } from "../../../src/http2/hpack/error.ts";
import { huffmanDecode, huffmanDecodedBound, huffmanEncode, huffmanLength } from "../../../src/http2/hpack/huffman.ts";
import { CODE_BITS, CODES, EOS } from "../../../src/http2/hpack/huffman-code.ts";
import { latin1 } from "../../../src/http2/hpack/latin1.ts";
import { bytes } from "./support.ts";

function encoded(text: string): Uint8Array {
  const out = new Uint8Array(huffmanLength(text));
  expect(huffmanEncode(text, out, 0)).toBe(out.length);
  return out;
}

function decoded(block: Uint8Array): string {
  const out = new Uint8Array(huffmanDecodedBound(block.length) + 1);
  return latin1(out, 0, huffmanDecode(block, 0, block.length, out));
}

describe("the code", () => {
  it("huffman: the code is complete, no code is a prefix of another", () => {
    const sum = CODE_BITS.reduce((total, length) => total + 2 ** -length, 0);
    expect(sum).toBe(1);
  });

  it.each([
    ["0", 0x30, 0x0, 5],
    ["a", 0x61, 0x3, 5],
    ["z", 0x7a, 0x7b, 7],
    ["&", 0x26, 0xf8, 8],
    ["\\", 0x5c, 0x7fff0, 19],
    ["octet 249", 249, 0xffffffe, 28],
    ["octet 22", 22, 0x3ffffffe, 30],
    ["EOS", EOS, 0x3fffffff, 30],
  ])("huffman: %s has the code of Appendix B", (_, symbol, code, length) => {
    expect([CODES[symbol], CODE_BITS[symbol]]).toEqual([code, length]);
  });
});

describe("strings", () => {
  it("huffman: every octet survives, alone and beside every other", () => {
    for (let first = 0; first < 256; first++) {
      expect(decoded(encoded(String.fromCharCode(first)))).toBe(String.fromCharCode(first));
      let all = "";
      for (let second = 0; second < 256; second++) all += String.fromCharCode(first, second);
      expect(decoded(encoded(all))).toBe(all);
    }
  });

  it("huffman: any string of octets survives", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        const text = latin1(octets, 0, octets.length);
        expect(decoded(encoded(text))).toBe(text);
      }),
    );
  });

  it("latin1: any slice gives one character per octet", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (octets, start) => {
        const from = Math.min(start, octets.length);
        expect(Array.from(latin1(octets, from, octets.length), (c) => c.charCodeAt(0))).toEqual([
          ...octets.slice(from),
        ]);
      }),
    );
  });

  it.each([
    ["padding of zeros", "18"],
    ["padding that is not all ones", "1e"],
    ["padding of a whole octet", "1fff"],
    ["an octet of ones alone", "ff"],
    ["EOS at the end", "ffffffff"],
    ["EOS alone, padded with zeros", "fffffffc"],
    ["EOS, then a symbol", "fffffffc1f"],
    ["a code that breaks off", "fffffe"],
  ])("huffman: %s is an error", (_, wire) => {
    expect(() => decoded(bytes(wire))).toThrow(HpackError);
  });

  it("huffman: up to seven ones may follow the last symbol, and none need to", () => {
    expect(decoded(bytes("1f"))).toBe("a");
    expect(decoded(bytes("f8"))).toBe("&");
    expect(decoded(bytes(""))).toBe("");
  });
});
