import { describe, expect, it } from "vitest";
import { Encoder } from "../../../src/http2/hpack/encoder.ts";
import { createDecoder, encode, head, hex } from "./support.ts";

const CALL = [
  ":method",
  "POST",
  ":scheme",
  "http",
  ":path",
  "/a.B/C",
  ":authority",
  "pod:1",
  "te",
  "trailers",
  "x-k",
  "v",
];

/** Encodes the fields as a head of its own, `times` times, and gives the last block. */
function repeated(encoder: Encoder, fields: readonly string[], times: number): Uint8Array {
  let block = new Uint8Array();
  for (let turn = 0; turn < times; turn++) block = encode(encoder, head(fields)) as Uint8Array<ArrayBuffer>;
  return block;
}

describe("what is indexed", () => {
  it("encoder: a field of the static table takes one octet from the start", () => {
    expect(
      hex(repeated(new Encoder(), [":method", "POST", ":status", "200", "accept-encoding", "gzip, deflate"], 1)),
    ).toBe("838890");
  });

  it("encoder: every field that repeats takes one octet from the third time on", () => {
    const encoder = new Encoder();
    const sizes = [1, 2, 3, 4].map(() => encode(encoder, head(CALL)).length);
    expect(sizes[0]).toBeGreaterThan(30);
    expect(sizes.slice(2)).toEqual([6, 6]);
  });

  it("encoder: a value that comes once does not enter the table", () => {
    const encoder = new Encoder();
    repeated(encoder, CALL, 3);
    for (let turn = 0; turn < 200; turn++) {
      const block = encode(
        encoder,
        head([...CALL, "content-length", String(turn), "date", `day ${turn}`, "server", `s${turn}`]),
      );
      // Nothing was inserted: the known fields have the indices they had.
      expect(hex(block).slice(0, 12)).toBe(hex(encode(encoder, head(CALL))));
    }
  });

  it.each(["grpc-timeout", "traceparent", "x-request-id", "x-made-up"])(
    "encoder: of %s, which varies, the name is indexed and the values are not",
    (name) => {
      const encoder = new Encoder();
      for (let turn = 0; turn < 2; turn++) encode(encoder, head([name, `v${turn}`]));
      const known = hex(repeated(encoder, CALL, 3));
      for (let turn = 0; turn < 100; turn++) {
        const block = hex(encode(encoder, head([name, String(10 + turn)])));
        // A literal without indexing (0f, then the name's index) of two or three digits, raw or Huffman-coded.
        expect(block).toMatch(/^0f..(02|82|03|83)....(..)?$/);
      }
      expect(hex(encode(encoder, head(CALL)))).toBe(known);
    },
  );

  it.each(["authorization", "proxy-authorization", "cookie", "set-cookie"])(
    "encoder: %s is never indexed, not even empty or when it repeats",
    (name) => {
      const encoder = new Encoder();
      for (const value of ["", "secret", "secret", "secret"]) {
        const block = encode(encoder, head([name, value]));
        expect(block[0] & 0xf0).toBe(0x10);
        expect(createDecoder().decode(block, 0, block.length)).toMatchObject({
          fields: [name, value],
          neverIndexed: [0],
        });
      }
    },
  );

  it("encoder: what came never-indexed goes never-indexed, also when the pair is in a table", () => {
    const encoder = new Encoder();
    const decoder = createDecoder();
    for (let turn = 0; turn < 3; turn++) {
      const block = encode(encoder, head(["x-k", "v"]));
      decoder.decode(block, 0, block.length);
    }
    const fields = ["x-k", "v", ":method", "GET", "x-k", "v", "x-new", "w"];
    for (let turn = 0; turn < 3; turn++) {
      const block = encode(encoder, head(fields, [0, 2, 6]));
      expect(decoder.decode(block, 0, block.length)).toMatchObject({ fields, neverIndexed: [0, 2, 6] });
    }
  });

  it("encoder: an entry of more than three quarters of the table is not indexed", () => {
    const encoder = new Encoder();
    const long = "x".repeat(3100);
    expect(repeated(encoder, ["x-k", long], 4).length).toBeGreaterThan(2000);
    expect(repeated(encoder, ["x-k", long.slice(0, 3000)], 4).length).toBe(1);
  });
});

describe("strings", () => {
  it("encoder: a string is Huffman-coded only when that is shorter", () => {
    const encoder = new Encoder();
    expect(hex(encode(encoder, head(["content-length", "000"])))).toBe("0f0d820001");
    expect(hex(encode(encoder, head(["content-length", "&&&"])))).toBe("0f0d03262626");
    expect(hex(encode(encoder, head(["set-cookie", ""])))).toBe("1f2800");
  });

  it.each([0, 1, 126, 127, 128, 300])("encoder: all octets pass through, %i at a time", (length) => {
    const encoder = new Encoder();
    const decoder = createDecoder();
    for (let first = 0; first < 256; first += 5) {
      const value = String.fromCharCode(...Array.from({ length }, (_, at) => (first + at) & 0xff));
      const block = encode(encoder, head([`n${value}`, value]));
      expect(decoder.decode(block, 0, block.length).fields).toEqual([`n${value}`, value]);
    }
  });
});

describe("the peer's table size", () => {
  it("size: the standard size needs no announcement, and neither does a larger one", () => {
    const encoder = new Encoder();
    encoder.setPeerMaxTableSize(65_536);
    expect(hex(encode(encoder, head([":method", "GET"])))).toBe("82");
  });

  it("size: a table of our own that is smaller is announced at once", () => {
    expect(hex(encode(new Encoder(0), head([":method", "GET"])))).toBe("2082");
  });

  it("size: a table of our own that is larger is used once the peer admits it", () => {
    const encoder = new Encoder(8192);
    expect(hex(encode(encoder, head([":method", "GET"])))).toBe("82");
    encoder.setPeerMaxTableSize(8192);
    expect(hex(encode(encoder, head([":method", "GET"])))).toBe("3fe13f82");
  });

  it("size: a reduction is announced once, and also when it was taken back: first the smallest, then the final size", () => {
    const encoder = new Encoder();
    encoder.setPeerMaxTableSize(100);
    expect(hex(encode(encoder, head([":method", "GET"])))).toBe("3f4582");
    expect(hex(encode(encoder, head([":method", "GET"])))).toBe("82");
    encoder.setPeerMaxTableSize(0);
    encoder.setPeerMaxTableSize(50);
    encoder.setPeerMaxTableSize(4096);
    expect(hex(encode(encoder, head([":method", "GET"])))).toBe("203fe11f82");
  });

  it("size: a smaller size that was passed on the way up needs no announcement", () => {
    const encoder = new Encoder();
    encoder.setPeerMaxTableSize(100);
    encode(encoder, head([":method", "GET"]));
    encoder.setPeerMaxTableSize(300);
    encoder.setPeerMaxTableSize(200);
    expect(hex(encode(encoder, head([":method", "GET"])))).toBe("3fa90182");
  });

  it("size: with a table of 0 everything goes as literals, and nothing is referred to", () => {
    const encoder = new Encoder();
    const decoder = createDecoder();
    repeated(encoder, ["x-k", "v"], 3);
    encoder.setPeerMaxTableSize(0);
    for (let turn = 0; turn < 4; turn++) {
      const block = encode(encoder, head(["x-k", "v", "grpc-timeout", "1S"]));
      expect(decoder.decode(block, 0, block.length).fields).toEqual(["x-k", "v", "grpc-timeout", "1S"]);
    }
  });
});

describe("the memo", () => {
  it("memo: a head that repeats gives the same octets, and the exact bound", () => {
    const encoder = new Encoder();
    const one = head(CALL);
    const blocks = [1, 2, 3, 4, 5, 6].map(() => hex(encode(encoder, one)));
    expect(new Set(blocks.slice(2)).size).toBe(1);
    expect(encoder.bound(one)).toBe(6);
  });

  it("memo: is void after an insertion, an eviction and a size update", () => {
    const encoder = new Encoder(200);
    const decoder = createDecoder();
    const heads = Array.from({ length: 6 }, (_, at) => head([":path", `/${at}`, "x-k", `${at % 2}`]));
    let seed = 7;
    for (let turn = 0; turn < 2000; turn++) {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      const one = heads[(seed >> 16) % heads.length];
      if (turn % 97 === 0) encoder.setPeerMaxTableSize([0, 70, 200, 100][(turn / 97) % 4]);
      const block = encode(encoder, one);
      expect(decoder.decode(block, 0, block.length).fields).toEqual(one.fields);
    }
  });

  it("memo: does not look at the output buffer again, a Buffer included", () => {
    const encoder = new Encoder();
    const one = head(CALL);
    const out = Buffer.alloc(200);
    const blocks: string[] = [];
    for (let turn = 0; turn < 6; turn++) {
      blocks.push(hex(out.subarray(0, encoder.encode(one, out, 0))));
      out.fill(0);
    }
    expect(new Set(blocks.slice(2)).size).toBe(1);
  });

  it("memo: a long block, more heads than are remembered, and heads that come once", () => {
    const encoder = new Encoder();
    const decoder = createDecoder();
    const heads = Array.from({ length: 40 }, (_, at) => head(["x-k", "v", "authorization", String(at).repeat(60)]));
    for (let turn = 0; turn < 400; turn++) {
      const one = turn % 3 === 0 ? head(["x-k", "v", "authorization", "once"]) : heads[turn % (turn < 200 ? 3 : 40)];
      const block = encode(encoder, one);
      expect(decoder.decode(block, 0, block.length)).toMatchObject({ fields: one.fields, neverIndexed: [2] });
    }
  });
});
