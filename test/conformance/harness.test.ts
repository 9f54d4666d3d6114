import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { TextDecoding, TextEncoding } from "./base64-stream.ts";
import type { CaseKind } from "./cases.ts";
import { frame, readFrames } from "./delimited.ts";
import { readOptions } from "./options.ts";
import { matches } from "./patterns.ts";
import { describeFailures, formatTable, tabulate } from "./report.ts";

/** Sizes around every kind of padding and around the pieces that the encoder cuts. */
const SIZES = [0, 1, 2, 3, 4, 5, 63, 64, 65, 1000];

describe("base64 as grpc-web-text has it", () => {
  test.each(SIZES)("%i bytes come back, from every place in the rounds of sizes", (size) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 37) & 255);
    for (let seed = 0; seed < 24; seed++) {
      const decoding = new TextDecoding();
      const writes = new TextEncoding(seed).encode(bytes);
      const back = writes.map((text) => decoding.decode(Buffer.from(text)));
      decoding.finish();
      expect(Buffer.concat(back)).toEqual(Buffer.from(bytes));
    }
  });

  test("padding stands inside the text, and writes end inside a quantum", () => {
    const writes = new TextEncoding(0).encode(new Uint8Array(100));
    expect(writes.join("").indexOf("=")).toBeLessThan(writes.join("").length / 2);
    expect(writes.some((text) => text.length % 4 !== 0)).toBe(true);
  });

  test.each(["====", "A===", "AB*D", "A=BC", "AAAA\n"])("%j is refused", (text) => {
    const decoding = new TextDecoding();
    expect(() => {
      decoding.decode(Buffer.from(text));
      decoding.finish();
    }).toThrow();
  });
});

describe("patterns of the suite", () => {
  test.each([
    ["Errors/**/unary/error", "Errors/HTTPVersion:2/TLS:false/unary/error", true],
    ["Errors/**/unary/error", "Errors/unary/error", true],
    ["Errors/**/unary/error", "Errors/unary/error/more", false],
    ["*/unary", "Basic/unary", true],
    ["*/unary", "Basic/x/unary", false],
    ["**", "", true],
    ["Basic/**", "Basic", true],
  ])("%s and %s: %s", (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });
});

describe("framing", () => {
  const collect = async (...chunks: Uint8Array[]): Promise<number[][]> => {
    const source = (async function* () {
      yield* chunks;
    })();
    const read: number[][] = [];
    for await (const message of readFrames(source)) read.push([...message]);
    return read;
  };

  test("messages come whole, however they are cut", async () => {
    const bytes = Buffer.concat([frame(Uint8Array.of(1, 2, 3)), frame(new Uint8Array()), frame(Uint8Array.of(4))]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(await collect(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual([[1, 2, 3], [], [4]]);
    }
  });

  test("an end inside a message is an error", async () => {
    await expect(collect(frame(Uint8Array.of(1, 2)).subarray(0, 5))).rejects.toThrow("unfinished");
  });
});

describe("report", () => {
  const kindOf = (name: string): CaseKind => {
    const [protocol, http, codec, tail] = name.split("/");
    return { suite: "S", tail, protocol, http, codec, compression: "gzip", tls: "plaintext", grpcGo: false };
  };
  const cases = [
    { name: "connect/1/proto/a", outcome: "passed", reason: "" },
    { name: "connect/2/proto/a", outcome: "failed", reason: "wanted 3\nmore" },
    { name: "connect/2/json/a", outcome: "failed", reason: "wanted 4\nmore" },
    { name: "grpc/2/json/b", outcome: "known", reason: "never" },
  ] as const;

  test("table: passed and all by protocol, version and codec; what is known to fail has not passed", () => {
    const { columns, rows } = tabulate(cases, kindOf);
    const cells = rows.map(({ name, counts }) => [name, ...columns.map((_, i) => counts[i].join("/"))]);
    expect(cells).toEqual([
      ["Connect, HTTP/1.1", "1/1", "0/0", "1/1", "0/0", "0/0", "1/1"],
      ["Connect, HTTP/2", "0/1", "0/1", "0/2", "0/0", "0/0", "0/2"],
      ["gRPC, HTTP/2", "0/0", "0/1", "0/1", "0/0", "0/0", "0/1"],
      ["all", "1/2", "0/2", "1/4", "0/0", "0/0", "1/4"],
    ]);
    expect(formatTable({ columns, rows }).split("\n")).toHaveLength(6);
  });

  test("failures: one group a case, numbers do not tell reasons apart, with where it fails", () => {
    const text = describeFailures(cases, kindOf, 10);
    expect(text.split("\n")).toEqual([
      "S/**/a   2 of 3   [http: 1 0/1, 2 2/2; codec: json 1/1, proto 1/2]",
      "    2x wanted 3",
      "    more",
    ]);
  });
});

describe("options", () => {
  test("results go to the page only when no case is left out", () => {
    for (const args of [[], ["--part", "server"], ["--parallel", "4"]]) {
      expect(readOptions(args)).toMatchObject({ whole: true });
    }
    for (const args of [["--ci"], ["--no-tls"], ["--run", "x"], ["--http", "1"], ["--codec", "json"]]) {
      expect(readOptions(args)).toMatchObject({ whole: false });
    }
  });

  test("--ci: what must be, and then what there is time for", () => {
    const options = readOptions(["--ci"]);
    const plan = options === "help" ? [] : options.plan;
    expect(plan.map(({ part, runtime, whenTimeAllows }) => `${part} ${runtime} ${whenTimeAllows}`)).toEqual([
      "server node false",
      "client-grpc node true",
      "client-connect node true",
      "client-grpc-web node true",
      "web-text node true",
      "client-grpc deno true",
      "client-connect deno true",
      "client-grpc-web deno true",
      "web-text deno true",
      "server-reflection node true",
      "server deno true",
    ]);
  });

  test("a name that does not exist is said with those that do", () => {
    expect(() => readOptions(["--part", "servr"])).toThrow("--part: servr is not one of server,");
  });
});

test("sources: what is laid over the suite's servers is there", () => {
  for (const file of ["grpc_only.go", "proto_only.go"]) {
    expect(existsSync(new URL(`./pod/${file}`, import.meta.url))).toBe(true);
  }
});
