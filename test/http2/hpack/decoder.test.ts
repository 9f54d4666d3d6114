import { describe, expect, it } from "vitest";
import { Decoder, HpackError } from "../../../src/http2/hpack/decoder.ts";
import { bytes, createDecoder, decodeHex, dynamicEntries } from "./support.ts";

/** A literal with incremental indexing and a new name, raw strings shorter than 127 octets. */
function inserting(name: string, value: string): string {
  return `40${text(name)}${text(value)}`;
}

function text(raw: string): string {
  return octet(raw.length) + Array.from(raw, (character) => octet(character.charCodeAt(0))).join("");
}

function octet(value: number): string {
  return value.toString(16).padStart(2, "0");
}

describe("malformed blocks", () => {
  it.each([
    ["index 0", "80"],
    ["an index beyond the static table while the dynamic one is empty", "be"],
    ["an index far beyond", "ffff01"],
    ["a name index beyond the tables", "7e0161"],
    ["an integer that breaks off", "ff"],
    ["an integer that breaks off later", "ff80"],
    ["an integer of too many octets", "ff8080808001"],
    ["an integer that is too large", "ffffffffff0f"],
    ["an integer padded with zeros without end", "ff808080808080808000"],
    ["a literal without a name", "40"],
    ["a literal without a value", "400161"],
    ["a name that breaks off", "400261"],
    ["a value that breaks off", "4001610261"],
    ["a string whose length is enormous", "4001617fffffff7f"],
    ["a Huffman string with wrong padding", "4001618118"],
    ["a Huffman string with EOS", "40016184ffffffff"],
    ["a size update above the limit", "3fe21f"],
    ["a size update after a field", "8220"],
  ])("decoder: %s is an error", (_, block) => {
    expect(() => decodeHex(createDecoder(), block)).toThrow(HpackError);
  });

  it("decoder: reads from start to end only", () => {
    const block = bytes("ffff8286ffff");
    expect(createDecoder().decode(block, 2, 4).fields).toEqual([":method", "GET", ":scheme", "http"]);
    expect(() => createDecoder().decode(bytes("400161016200"), 0, 4)).toThrow(HpackError);
  });

  it("decoder: an empty block is an empty list", () => {
    expect(decodeHex(createDecoder(), "")).toEqual([]);
  });
});

describe("strings", () => {
  it.each([0, 1, 12, 13, 48, 49, 126])("decoder: all octets pass through, %i at a time, raw, twice", (length) => {
    const decoder = createDecoder();
    for (let first = 0; first < 256; first++) {
      const value = String.fromCharCode(...Array.from({ length }, (_, at) => (first + at) & 0xff));
      for (let turn = 0; turn < 2; turn++) {
        expect(decodeHex(decoder, `00${text("n")}${text(value)}`)).toEqual(["n", value]);
      }
    }
  });

  it("decoder: raw and Huffman strings of the same octets are not confused", () => {
    const decoder = createDecoder();
    // As Huffman code 1c64 is 00011 100011 00100.
    for (let turn = 0; turn < 2; turn++) {
      expect(decodeHex(decoder, "000161821c64")).toEqual(["a", "abc"]);
      expect(decodeHex(decoder, "000161021c64")).toEqual(["a", "\x1cd"]);
    }
  });

  it("decoder: never-indexed fields are told by their position and do not enter the table", () => {
    const decoder = createDecoder();
    const block = bytes(`82${`10${text("k")}${text("v")}`}86${`1f08${text("s")}`}00${text("x")}${text("y")}`);
    const decoded = decoder.decode(block, 0, block.length);
    expect(decoded.fields).toEqual([
      ...[":method", "GET", "k", "v", ":scheme", "http", "authorization", "s", "x", "y"],
    ]);
    expect(decoded.neverIndexed).toEqual([2, 6]);
    expect(dynamicEntries(decoder)).toEqual([]);
  });
});

describe("the dynamic table", () => {
  it("table: evicts the oldest entries first and keeps the order over many wraps", () => {
    const decoder = createDecoder(34 * 5 + 33);
    let expected: string[] = [];
    for (let number = 0; number < 100; number++) {
      const name = String.fromCharCode(number);
      decodeHex(decoder, inserting(name, "v"));
      expected = [name, "v", ...expected].slice(0, 10);
      expect(dynamicEntries(decoder)).toEqual(expected);
    }
  });

  it("table: an entry larger than the table empties it and is no error", () => {
    const decoder = createDecoder(40);
    decodeHex(decoder, inserting("a", "b"));
    expect(dynamicEntries(decoder)).toEqual(["a", "b"]);
    expect(decodeHex(decoder, inserting("abcde", "fghi"))).toEqual(["abcde", "fghi"]);
    expect(dynamicEntries(decoder)).toEqual([]);
  });

  it("table: a literal may take its name from the entry that its insertion evicts", () => {
    const decoder = createDecoder(40);
    decodeHex(decoder, inserting("abcd", "1"));
    expect(decodeHex(decoder, `7e${text("2")}`)).toEqual(["abcd", "2"]);
    expect(dynamicEntries(decoder)).toEqual(["abcd", "2"]);
  });

  it("table: grows to as many entries as the size admits", () => {
    const decoder = createDecoder(4096);
    for (let number = 0; number < 130; number++) decodeHex(decoder, inserting("", ""));
    expect(dynamicEntries(decoder).length / 2).toBe(128);
  });

  it("table: a size update evicts, and several may precede a block", () => {
    const decoder = createDecoder();
    decodeHex(decoder, inserting("a", "b"));
    expect(decodeHex(decoder, "203fe11f82")).toEqual([":method", "GET"]);
    expect(dynamicEntries(decoder)).toEqual([]);
    decodeHex(decoder, inserting("a", "b"));
    expect(dynamicEntries(decoder)).toEqual(["a", "b"]);
  });
});

describe("our own table size", () => {
  it("size: after an acknowledged reduction the next block must begin with an update", () => {
    const decoder = createDecoder();
    decoder.setMaxTableSize(100);
    expect(() => decodeHex(decoder, "82")).toThrow("update missing");
  });

  it("size: an update to more than the reduced size is an error", () => {
    const decoder = createDecoder();
    decoder.setMaxTableSize(100);
    expect(() => decodeHex(decoder, "3f4682")).toThrow("exceeds");
  });

  it("size: the update satisfies, once", () => {
    const decoder = createDecoder();
    decoder.setMaxTableSize(100);
    expect(decodeHex(decoder, "3f4582")).toEqual([":method", "GET"]);
    expect(decodeHex(decoder, "82")).toEqual([":method", "GET"]);
  });

  it("size: the smallest of several must be signalled, then the final one", () => {
    const missing = createDecoder();
    missing.setMaxTableSize(0);
    missing.setMaxTableSize(4096);
    expect(() => decodeHex(missing, "3fe11f82")).toThrow("update missing");
    const signalled = createDecoder();
    signalled.setMaxTableSize(0);
    signalled.setMaxTableSize(4096);
    expect(decodeHex(signalled, "203fe11f82")).toEqual([":method", "GET"]);
  });

  it("size: no update is due when the peer already uses less", () => {
    const decoder = createDecoder();
    decodeHex(decoder, "20");
    decoder.setMaxTableSize(100);
    expect(decodeHex(decoder, "82")).toEqual([":method", "GET"]);
  });

  it("size: a larger table holds more only after the peer's update", () => {
    const decoder = createDecoder(0);
    decoder.setMaxTableSize(4096);
    decodeHex(decoder, inserting("a", "b"));
    decodeHex(decoder, `3fe11f${inserting("c", "d")}`);
    expect(dynamicEntries(decoder)).toEqual(["c", "d"]);
  });

  it("size: a block that is remembered is refused too while an update is due", () => {
    const decoder = createDecoder();
    expect(decodeHex(decoder, "82")).toEqual([":method", "GET"]);
    decoder.setMaxTableSize(100);
    expect(() => decodeHex(decoder, "82")).toThrow("update missing");
  });
});

describe("limits", () => {
  // ":method GET" counts 7 + 3 + 32 = 42.
  const limited = (maxListBytes: number, maxFields: number) => new Decoder(4096, { maxListBytes, maxFields });
  const decode = (decoder: Decoder, fields: number) => decoder.decode(new Uint8Array(fields).fill(0x82), 0, fields);

  it("limits: a list of exactly the limit passes, indexed fields counted with 32 each", () => {
    expect(decode(limited(84, 9), 2).overflow).toBe("");
    expect(decode(limited(1000, 2), 2).overflow).toBe("");
  });

  it("limits: one octet or one field more is told, and what follows is not collected", () => {
    // "accept-encoding: gzip, deflate" counts 15 + 13 + 32 = 60.
    const coded = (decoder: Decoder, fields: number) => decoder.decode(new Uint8Array(fields).fill(0x90), 0, fields);
    const tooLong = coded(limited(119, 9), 3);
    expect([tooLong.overflow, tooLong.fields]).toEqual(["bytes", ["accept-encoding", "gzip, deflate"]]);
    const tooMany = coded(limited(1000, 2), 4);
    expect([tooMany.overflow, tooMany.fields.length]).toEqual(["fields", 4]);
  });

  it("limits: pseudo-fields are kept, a few and cut, so that the client can be told no in its own protocol", () => {
    const path = `/${"a".repeat(5_000)}`;
    // A literal with the name of index 4, `:path`; a length of 5,001 is 7f 8a 26 (RFC 7541 5.1).
    const long = bytes(`047f8a26${Buffer.from(path).toString("hex")}86`);
    const { fields, overflow } = limited(1_100, 9).decode(long, 0, long.length);
    expect(overflow).toBe("bytes");
    expect(fields).toEqual([":path", path.slice(0, 1_024), ":scheme", "http"]);
    expect(decode(limited(1_000, 2), 18).fields).toHaveLength(16);
  });

  it("limits: cookie crumbs are fields", () => {
    const crumbs = bytes(`0f11${text("a=1")}`.repeat(3));
    expect(limited(1000, 2).decode(crumbs, 0, crumbs.length).overflow).toBe("fields");
  });

  it("limits: the table stays in step over a list that is too long", () => {
    const decoder = limited(1000, 2);
    decodeHex(decoder, `828282${inserting("a", "b")}`);
    expect(decodeHex(decoder, "be")).toEqual(["a", "b"]);
  });

  it("limits: four times the limit of bytes is thrown away at most, and eight times that of fields", () => {
    expect(decode(limited(42, 1000), 5).overflow).toBe("bytes");
    expect(() => decode(limited(42, 1000), 6)).toThrow(HpackError);
    expect(decode(limited(100_000, 10), 90).overflow).toBe("fields");
    expect(() => decode(limited(100_000, 10), 91)).toThrow(HpackError);
  });

  it("limits: a bomb of one-octet references is stopped early", () => {
    const decoder = limited(65_536, 128);
    // The name "a" and a value of 3,999 octets, which fit the table; then references to them, 4,032 octets each.
    const entry = bytes(`4001617fa01e${"61".repeat(3999)}`);
    expect(decoder.decode(entry, 0, entry.length).overflow).toBe("");
    const references = new Uint8Array(128).fill(0xbe);
    const collected = Math.floor(65_536 / 4032);
    const discarded = Math.floor((65_536 * 5) / 4032);
    expect(decoder.decode(references, 0, discarded).fields).toHaveLength(collected * 2);
    expect(() => decoder.decode(references, 0, discarded + 1)).toThrow("limit of bytes");
  });
});

describe("the memo", () => {
  it("memo: the same block gives the same object, from other memory too", () => {
    const decoder = createDecoder();
    const first = decoder.decode(bytes("8286"), 0, 2);
    first.memo = "derived";
    const again = decoder.decode(bytes("008286"), 1, 3);
    expect(again).toBe(first);
    expect(again.memo).toBe("derived");
  });

  it("memo: does not look at memory that was written over since", () => {
    const decoder = createDecoder();
    const buffer = bytes("8286");
    decoder.decode(buffer, 0, 2);
    buffer.set([0x83, 0x87]);
    expect(decoder.decode(buffer, 0, 2).fields).toEqual([":method", "POST", ":scheme", "https"]);
  });

  it("memo: a block that inserts is not remembered and forgets the others", () => {
    const decoder = createDecoder();
    const insert = inserting("a", "b");
    const first = decoder.decode(bytes("8286"), 0, 2);
    decodeHex(decoder, insert);
    decodeHex(decoder, insert);
    expect(dynamicEntries(decoder)).toEqual(["a", "b", "a", "b"]);
    const second = decoder.decode(bytes("8286"), 0, 2);
    expect(second).not.toBe(first);
    expect(second.fields).toEqual(first.fields);
  });

  it("memo: the same bytes mean something else after an insertion", () => {
    const decoder = createDecoder();
    decodeHex(decoder, inserting("a", "b"));
    expect(decodeHex(decoder, "be")).toEqual(["a", "b"]);
    decodeHex(decoder, inserting("c", "d"));
    expect(decodeHex(decoder, "be")).toEqual(["c", "d"]);
    decodeHex(decoder, "20");
    expect(() => decodeHex(decoder, "be")).toThrow(HpackError);
  });

  it("memo: a block with a size update acts each time", () => {
    const decoder = createDecoder();
    decodeHex(decoder, "3fe11f82");
    decodeHex(decoder, inserting("a", "b"));
    decodeHex(decoder, "2082");
    decodeHex(decoder, "3fe11f82");
    decodeHex(decoder, inserting("a", "b"));
    decodeHex(decoder, "2082");
    expect(dynamicEntries(decoder)).toEqual([]);
  });

  it("memo: several blocks in turn, and blocks that come once do not displace them", () => {
    const decoder = createDecoder();
    const blocks = ["82", "83", "8286", "8386"].map(bytes);
    const heads = blocks.map((block) => decoder.decode(block, 0, block.length));
    for (let turn = 0; turn < 50; turn++) {
      blocks.forEach((block, at) => {
        expect(decoder.decode(block, 0, block.length)).toBe(heads[at]);
      });
      decodeHex(decoder, `00${text("once")}${text(String(turn))}`);
    }
  });

  it("memo: a literal that repeats within other blocks gives equal text every time", () => {
    const decoder = createDecoder();
    for (let turn = 0; turn < 300; turn++) {
      const value = `${turn % 150}m`;
      expect(decodeHex(decoder, `82${`00${text("grpc-timeout")}${text(value)}`}`)).toEqual([
        ...[":method", "GET", "grpc-timeout", value],
      ]);
    }
  });

  it("memo: blocks longer than what is remembered are decoded every time", () => {
    const decoder = createDecoder();
    const long = `00${text("n")}${text("x".repeat(120))}`.repeat(9);
    const block = bytes(long);
    const first = decoder.decode(block, 0, block.length);
    expect(decoder.decode(block, 0, block.length)).not.toBe(first);
  });
});
