import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeMessage } from "../../../src/discovery/dns/decode.ts";
import { encodeMessage } from "../../../src/discovery/dns/encode.ts";
import { type DnsRecord, type Message, query, RCODE, TYPE } from "../../../src/discovery/dns/message.ts";
import { labelsOf, readName, sameName } from "../../../src/discovery/dns/name.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s+/g, "").match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

function decoded(bytes: Uint8Array): Message {
  const result = decodeMessage(bytes);
  if ("error" in result) throw new Error(result.error);
  return result.value;
}

function answer(parts: Partial<Message>): Message {
  return { ...query(7, { name: "echo", type: TYPE.A }, false), response: true, ...parts };
}

describe("DNS message", () => {
  test("query: is RFC 1035's header, the question, and an OPT record of 1232 bytes", () => {
    expect(encodeMessage(query(0xabcd, { name: "a.bc", type: TYPE.AAAA }, true))).toEqual(
      hex("abcd 0100 0001 0000 0000 0001  01 61 02 6263 00 001c 0001  00 0029 04d0 00000000 0000"),
    );
  });

  test("query without EDNS: has no OPT record", () => {
    expect(encodeMessage(query(1, { name: "a", type: TYPE.A }, false))).toEqual(
      hex("0001 0100 0001 0000 0000 0000 01 61 00 0001 0001"),
    );
  });

  test("answer of a real server: alias and addresses by compression pointers", () => {
    // Header, question www.example. A, then CNAME to web (pointing at example.), then two A records at web.example.
    const message = decoded(
      hex(`1234 8580 0001 0003 0000 0001
        03 777777 07 6578616d706c65 00 0001 0001
        c00c 0005 0001 0000003c 0006 03 776562 c010
        c029 0001 0001 0000001e 0004 0a000001
        c029 0001 0001 0000001e 0004 0a000002
        00 0029 1000 00000000 0000`),
    );
    expect(message).toMatchObject({
      id: 0x1234,
      response: true,
      authoritative: true,
      truncated: false,
      recursionAvailable: true,
      rcode: RCODE.NOERROR,
      questions: [{ name: "www.example", type: TYPE.A }],
      answers: [
        { kind: "CNAME", name: "www.example", ttl: 60, target: "web.example" },
        { kind: "A", name: "web.example", ttl: 30, address: "10.0.0.1" },
        { kind: "A", name: "web.example", ttl: 30, address: "10.0.0.2" },
      ],
      additionals: [],
      edns: { udpSize: 4096 },
    });
  });

  test("rcode: gets its upper bits from the OPT record", () => {
    const message = answer({ rcode: RCODE.BADVERS, edns: { udpSize: 1232 } });
    expect(decoded(encodeMessage(message)).rcode).toBe(RCODE.BADVERS);
  });

  test("TTL with the highest bit set: counts as 0", () => {
    const bytes = encodeMessage(
      answer({ answers: [{ kind: "A", name: "echo", ttl: 0xffffffff, address: "10.0.0.1" }] }),
    );
    expect(decoded(bytes).answers[0].ttl).toBe(0);
  });

  test("truncated message: its records are not looked at", () => {
    const bytes = encodeMessage(
      answer({ truncated: true, answers: [{ kind: "A", name: "echo", ttl: 5, address: "10.0.0.1" }] }),
    );
    expect(decoded(bytes.subarray(0, bytes.length - 3))).toMatchObject({ truncated: true, answers: [] });
  });

  test("1,000 addresses: take 16 bytes each", () => {
    const answers = Array.from(
      { length: 1000 },
      (_, i): DnsRecord => ({ kind: "A", name: "echo.example", ttl: 5, address: `10.0.${i >> 8}.${i & 255}` }),
    );
    const bytes = encodeMessage(answer({ answers, questions: [{ name: "echo.example", type: TYPE.A }] }));
    expect(bytes.length).toBe(12 + 18 + 16 * 1000);
    expect(decoded(bytes).answers).toEqual(answers);
  });

  test("SRV target: is not compressed, and read even when it is", () => {
    const record: DnsRecord = { kind: "SRV", name: "echo", ttl: 5, priority: 1, weight: 2, port: 3, target: "echo" };
    const bytes = encodeMessage(answer({ answers: [record] }));
    expect(bytes.slice(-6)).toEqual(hex("04 6563686f 00"));
    expect(decoded(bytes).answers).toEqual([record]);
    const compressed = Uint8Array.from([...bytes.slice(0, -14), 0, 8, ...bytes.slice(-12, -6), 0xc0, 12]);
    expect(decoded(compressed).answers).toEqual([record]);
  });

  test.each([
    ["nothing", ""],
    ["eleven bytes", "0001 0100 0001 0000 0000 00"],
    ["a question that is not there", "0001 8180 0001 0000 0000 0000"],
    ["a question cut in its type", "0001 8180 0001 0000 0000 0000 01 61 00 00"],
    ["a question of class CHAOS", "0001 8180 0001 0000 0000 0000 01 61 00 0001 0003"],
    ["a pointer to itself", "0001 8180 0001 0000 0000 0000 c00c 0001 0001"],
    ["a pointer forward", "0001 8180 0001 0000 0000 0000 c012 0001 0001 01 61 00"],
    ["a pointer cut in two", "0001 8180 0001 0000 0000 0000 c0"],
    ["two pointers at each other", "0001 8180 0002 0000 0000 0000 01 61 c015 0001 0001 01 62 c00c 0001 0001"],
    ["a label of a reserved kind", "0001 8180 0001 0000 0000 0000 41 61 00 0001 0001"],
    ["65,535 answers that are not there", "0001 8180 0000 ffff 0000 0000"],
    ["a record whose data is cut", "0001 8180 0000 0001 0000 0000 00 0001 0001 00000005 0004 0a0000"],
    ["an A record of five bytes", "0001 8180 0000 0001 0000 0000 00 0001 0001 00000005 0005 0a00000001"],
    ["an AAAA record of four bytes", "0001 8180 0000 0001 0000 0000 00 001c 0001 00000005 0004 0a000001"],
    ["an SRV record without a target", "0001 8180 0000 0001 0000 0000 00 0021 0001 00000005 0006 000000000001"],
    ["an SRV record of two bytes", "0001 8180 0000 0001 0000 0000 00 0021 0001 00000005 0002 0000"],
    ["an alias with bytes after its target", "0001 8180 0000 0001 0000 0000 00 0005 0001 00000005 0004 01 61 00 00"],
    ["an alias whose target leaves the record", "0001 8180 0000 0002 0000 0000 00 0005 0001 00000005 0002 01 61 00"],
    ["two OPT records", "0001 8180 0000 0000 0000 0002 00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000"],
    ["an OPT record among the answers", "0001 8180 0000 0001 0000 0000 00 0029 04d0 00000000 0000"],
  ])("%s: is refused with a reason", (_, bytes) => {
    expect(decodeMessage(hex(bytes))).toHaveProperty("error");
  });
});

describe("domain name", () => {
  test.each(["", "a", "a.b", "_grpc._tcp.echo", "a\\.b.c", "a\\\\b", "a\\000b", "A.b"])(
    "%j: survives the wire",
    (name) => {
      const bytes = Uint8Array.from([...labelsOf(name).flatMap((label) => [label.length, ...label]), 0]);
      expect(readName(bytes, 0)).toEqual({ name, next: bytes.length });
    },
  );

  test("dot at the end: changes nothing, and alone it is the root", () => {
    expect(labelsOf("a.b.")).toEqual(labelsOf("a.b"));
    expect(labelsOf(".")).toEqual([]);
  });

  test.each([".a", "a..b", "..", "a".repeat(64), `${"a.".repeat(127)}bc`, "ā"])(
    "%j: cannot be put on the wire",
    (name) => {
      expect(() => labelsOf(name)).toThrow(RangeError);
    },
  );

  test("256 bytes: are too many to be read", () => {
    const label = [63, ...new Array<number>(63).fill(0x61)];
    const most = [...label, ...label, ...label, 61, ...new Array<number>(61).fill(0x61), 0];
    expect(most.length).toBe(255);
    expect(readName(Uint8Array.from(most), 0)).not.toBeNull();
    const more = [...label, ...label, ...label, 62, ...new Array<number>(62).fill(0x61), 0];
    expect(readName(Uint8Array.from(more), 0)).toBeNull();
  });

  test("case: does not matter, of ASCII letters only", () => {
    expect(sameName("Echo.Example", "echo.eXAMPLE")).toBe(true);
    expect(sameName("echo", "echp")).toBe(false);
    expect(sameName("echo", "echo.a")).toBe(false);
  });
});

describe("DNS codec, fuzzed", () => {
  const label = fc
    .uint8Array({ minLength: 1, maxLength: 12 })
    .map((bytes) => readName(Uint8Array.from([bytes.length, ...bytes, 0]), 0)!.name);
  const name = fc.array(label, { maxLength: 5 }).map((labels) => labels.join("."));
  const ttl = fc.nat(0x7fffffff);
  const u16 = fc.nat(0xffff);
  const ipv4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join("."));
  const record: fc.Arbitrary<DnsRecord> = fc.oneof(
    fc.record({ kind: fc.constant("A" as const), name, ttl, address: ipv4 }),
    fc.record({
      kind: fc.constant("AAAA" as const),
      name,
      ttl,
      address: fc.constantFrom("::", "fd00::1", "1:2:3:4:5:6:7:8"),
    }),
    fc.record({ kind: fc.constant("CNAME" as const), name, ttl, target: name }),
    fc.record({ kind: fc.constant("SRV" as const), name, ttl, priority: u16, weight: u16, port: u16, target: name }),
    fc.record({
      kind: fc.constant("other" as const),
      name,
      ttl,
      type: fc.constantFrom(2, 6, 16, 65),
      class: fc.constant(1),
      data: fc.uint8Array({ maxLength: 40 }),
    }),
  );
  const records = fc.array(record, { maxLength: 8 });
  const message: fc.Arbitrary<Message> = fc.record({
    id: u16,
    response: fc.boolean(),
    opcode: fc.nat(15),
    authoritative: fc.boolean(),
    truncated: fc.constant(false),
    recursionDesired: fc.boolean(),
    recursionAvailable: fc.boolean(),
    rcode: fc.nat(15),
    questions: fc.array(fc.record({ name, type: u16 }), { maxLength: 2 }),
    answers: records,
    authorities: records,
    additionals: records,
    edns: fc.option(fc.record({ udpSize: fc.integer({ min: 512, max: 0xffff }) })),
  });

  test("any message: comes back as it was", () => {
    fc.assert(
      fc.property(message, (original) => {
        expect(decodeMessage(encodeMessage(original))).toEqual({ value: original });
      }),
      { numRuns: 300 },
    );
  });

  test("any bytes: give a message or an error, and never an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = decodeMessage(bytes);
        expect("value" in result || typeof result.error === "string").toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("any damage to a message: gives a message or an error, and never an exception", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(message, damage, fc.nat(), (original, changes, cut) => {
        const bytes = encodeMessage(original);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const result = decodeMessage(bytes.subarray(0, bytes.length - (cut % bytes.length)));
        expect("value" in result || typeof result.error === "string").toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test("largest hostile message, all pointers: is read in bounded time", () => {
    // 5,000 records whose owners all point at one name of 127 labels: the most work that 65,535 bytes can ask for.
    const labels = new Array<number>(127).fill(0).flatMap(() => [1, 0x61]);
    const bytes: number[] = [0, 1, 0x81, 0x80, 0, 1, 0x13, 0x88, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1];
    for (let i = 0; i < 5_000; i++) bytes.push(0xc0, 12, 0, 99, 0, 1, 0, 0, 0, 5, 0, 0);
    expect(decoded(Uint8Array.from(bytes)).answers.length).toBe(5_000);
  });
});
