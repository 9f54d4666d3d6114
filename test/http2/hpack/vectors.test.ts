import { describe, expect, it } from "vitest";
import { Encoder } from "../../../src/http2/hpack/encoder.ts";
import { huffmanDecode, huffmanEncode } from "../../../src/http2/hpack/huffman.ts";
import { writeInteger } from "../../../src/http2/hpack/integer.ts";
import { latin1 } from "../../../src/http2/hpack/latin1.ts";
import { bytes, createDecoder, decodeHex, dynamicEntries, encode, head, hex, tableSize } from "./support.ts";

/** RFC 7541 Appendix C, word for word. */

describe("integers (C.1)", () => {
  it.each([
    ["C.1.1", 10, 0x1f, "0a"],
    ["C.1.2", 1337, 0x1f, "1f9a0a"],
    ["C.1.3", 42, 0xff, "2a"],
  ])("integer: %s is written as the RFC writes it", (_, value, limit, wire) => {
    const out = new Uint8Array(8);
    expect(hex(out.slice(0, writeInteger(out, 0, 0, limit, value)))).toBe(wire);
  });

  it("integer: C.1.2 is read as the RFC reads it", () => {
    // A size update has a 5-bit prefix too: 3f9a0a is 1337. The limit tells what was read.
    expect(() => decodeHex(createDecoder(1336), "3f9a0a")).toThrow("1337");
    expect(decodeHex(createDecoder(1337), "3f9a0a")).toEqual([]);
  });
});

describe("representations (C.2)", () => {
  it.each([
    ["C.2.1", "400a637573746f6d2d6b65790d637573746f6d2d686561646572", ["custom-key", "custom-header"], null, 55],
    ["C.2.2", "040c2f73616d706c652f70617468", [":path", "/sample/path"], null, 0],
    ["C.2.3", "100870617373776f726406736563726574", ["password", "secret"], [0], 0],
    ["C.2.4", "82", [":method", "GET"], null, 0],
  ])("decoder: %s gives the field and the table of the RFC", (_, wire, fields, neverIndexed, size) => {
    const decoder = createDecoder();
    const decoded = decoder.decode(bytes(wire), 0, wire.length / 2);
    expect(decoded.fields).toEqual(fields);
    expect(decoded.neverIndexed).toEqual(neverIndexed);
    expect(decoded.overflow).toBe("");
    expect(tableSize(dynamicEntries(decoder))).toBe(size);
  });
});

const GET = [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"];
const REQUESTS = [
  { fields: GET, size: 57 },
  { fields: [...GET, "cache-control", "no-cache"], size: 110 },
  {
    fields: [
      ...[":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com"],
      ...["custom-key", "custom-value"],
    ],
    size: 164,
  },
];

const DATE = "Mon, 21 Oct 2013 20:13:21 GMT";
const LATER = "Mon, 21 Oct 2013 20:13:22 GMT";
const PLACE = ["location", "https://www.example.com"];
const RESPONSES = [
  { fields: [":status", "302", "cache-control", "private", "date", DATE, ...PLACE], size: 222 },
  { fields: [":status", "307", "cache-control", "private", "date", DATE, ...PLACE], size: 222 },
  {
    fields: [
      ...[":status", "200", "cache-control", "private", "date", LATER, ...PLACE, "content-encoding", "gzip"],
      ...["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
    ],
    size: 215,
  },
];

const C3 = [
  "828684410f7777772e6578616d706c652e636f6d",
  "828684be58086e6f2d6361636865",
  "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
];
const C4 = [
  "828684418cf1e3c2e5f23a6ba0ab90f4ff",
  "828684be5886a8eb10649cbf",
  "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
];
const C5 = [
  `4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17
   68747470733a2f2f7777772e6578616d706c652e636f6d`,
  "4803333037c1c0bf",
  `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153
   444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31`,
];
const C6 = [
  `488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8
   e9ae82ae43d3`,
  "4883640effc1c0bf",
  `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b
   3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007`,
];

describe("requests and responses (C.3 to C.6)", () => {
  it.each([
    ["C.3, requests without Huffman", C3, REQUESTS, 4096],
    ["C.4, requests with Huffman", C4, REQUESTS, 4096],
    ["C.5, responses without Huffman, with eviction", C5, RESPONSES, 256],
    ["C.6, responses with Huffman, with eviction", C6, RESPONSES, 256],
  ])("decoder: %s gives the fields and the table of the RFC", (_, wires, expected, maxTableSize) => {
    for (let blocks = 1; blocks <= wires.length; blocks++) {
      const decoder = createDecoder(maxTableSize);
      const lists = wires.slice(0, blocks).map((wire) => decodeHex(decoder, wire.replaceAll(/\s/g, "")));
      expect(lists).toEqual(expected.slice(0, blocks).map(({ fields }) => fields));
      expect(tableSize(dynamicEntries(decoder))).toBe(expected[blocks - 1].size);
    }
  });

  it.each([
    ["requests", REQUESTS, 4096],
    ["responses", RESPONSES, 256],
  ])("encoder: the %s come back as they were", (_, lists, maxTableSize) => {
    const encoder = new Encoder(maxTableSize);
    const decoder = createDecoder();
    for (const { fields } of [...lists, ...lists, ...lists]) {
      const block = encode(encoder, head(fields));
      expect(decoder.decode(block, 0, block.length).fields).toEqual(fields);
    }
  });

  it.each([
    ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
    ["no-cache", "a8eb10649cbf"],
    ["custom-key", "25a849e95ba97d7f"],
    ["custom-value", "25a849e95bb8e8b4bf"],
    ["302", "6402"],
    ["private", "aec3771a4b"],
    [DATE, "d07abe941054d444a8200595040b8166e082a62d1bff"],
    ["https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"],
    ["307", "640eff"],
    ["gzip", "9bd9ab"],
  ])("huffman: %s is coded as in C.4 and C.6, both ways", (text, wire) => {
    const coded = bytes(wire);
    const out = new Uint8Array(64);
    expect(hex(out.slice(0, huffmanEncode(text, out, 0)))).toBe(wire);
    expect(latin1(out, 0, huffmanDecode(coded, 0, coded.length, out))).toBe(text);
  });
});
