import type { CallCase } from "./call.ts";

const text = (value: string): string => Buffer.from(value).toString("base64");
const repeat = <T>(times: number, value: T): T[] => Array.from({ length: times }, () => value);

const MIB = 1024 * 1024;

/** Length-delimited field of a protobuf message, up to 127 bytes. */
const field = (number: number, value: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of((number << 3) | 2, value.length), value]);

/** google.rpc.Status { code: 9, message: "gone", details: [Any { BytesValue }] }: opaque to everyone between the two ends. */
const DETAILS = Buffer.concat([
  Uint8Array.of(0x08, 9),
  field(2, Buffer.from("gone")),
  field(
    3,
    Buffer.concat([
      field(1, Buffer.from("type.googleapis.com/google.protobuf.BytesValue")),
      field(2, field(1, Uint8Array.of(0, 1, 255))),
    ]),
  ),
]).toString("base64");

const ok = (answers: number) => ({ expect: { code: 0, answers }, podEnd: "ok" }) as const;
const failed = (code: number, answers = 0) => ({ expect: { code, answers }, podEnd: "failed" }) as const;

const MIXED: CallCase["metadata"] = [
  ["x-echo-a", "one"],
  ["x-echo-b", "two words, a comma; and = signs"],
  ["x-echo-a", "once more"],
  ["x-echo-raw-bin", "AAECAwQF/w=="],
  ["x-trail-z", "last"],
  ["x-trail-a", "first"],
  ["x-trail-z", "last once more"],
  ["x-trail-raw-bin", "/wDwDw=="],
];

/** Every call that every client makes to every pod, directly and through the gateway. */
export const CASES: readonly CallCase[] = [
  { what: "unary, empty", kind: "Unary", sends: [0], ...ok(1) },
  { what: "unary, small", kind: "Unary", sends: [69], ...ok(1) },
  { what: "unary, 4 MiB both ways", kind: "Unary", sends: [4 * MIB], ...ok(1) },
  { what: "unary, metadata in and out", kind: "Unary", sends: [3], metadata: MIXED, ...ok(1) },
  { what: "unary, compressed", kind: "Unary", sends: [20_000], compress: true, ...ok(1) },
  ...Array.from({ length: 16 }, (_, index): CallCase => {
    const message = `code ${index + 1}`;
    const metadata = [
      ["x-fail", String(index + 1)],
      ["x-fail-message-bin", text(message)],
    ] as const;
    return { what: `unary, fails with ${message}`, kind: "Unary", sends: [1], metadata, ...failed(index + 1) };
  }),
  {
    what: "unary, fails with a message beyond ASCII, metadata and details",
    kind: "Unary",
    sends: [1],
    metadata: [
      ["x-fail", "9"],
      ["x-fail-message-bin", text("\t100% of ü, 漢字 and\r\n😈 are kept")],
      ["x-fail-details-bin", DETAILS],
      ["x-trail-a", "one"],
      ["x-trail-a", "two"],
      ["x-trail-raw-bin", "AAEC"],
    ],
    ...failed(9),
  },
  { what: "a method that nobody has", kind: "Missing", sends: [1], expect: { code: 12, answers: 0 } },
  {
    what: "server stream, one hundred",
    kind: "ServerStream",
    sends: [9],
    metadata: [["x-answers", "100"]],
    ...ok(100),
  },
  { what: "server stream, none", kind: "ServerStream", sends: [9], metadata: [["x-answers", "0"], ...MIXED], ...ok(0) },
  {
    what: "server stream, large",
    kind: "ServerStream",
    sends: [9],
    metadata: [
      ["x-answers", "8"],
      ["x-answer-bytes", String(MIB)],
    ],
    ...ok(8),
  },
  {
    what: "server stream, fails after three",
    kind: "ServerStream",
    sends: [9],
    metadata: [["x-answers", "3"], ["x-fail", "8"], ["x-fail-message-bin", text("enough")], ...MIXED],
    ...failed(8, 3),
  },
  { what: "client stream, fifty", kind: "ClientStream", sends: repeat(50, 100), metadata: MIXED, ...ok(1) },
  { what: "client stream, none", kind: "ClientStream", sends: [], ...ok(1) },
  { what: "client stream, large", kind: "ClientStream", sends: repeat(8, MIB), ...ok(1) },
  {
    what: "client stream, fails after all",
    kind: "ClientStream",
    sends: [1, 2, 3],
    metadata: [
      ["x-fail", "3"],
      ["x-fail-message-bin", text("no")],
    ],
    ...failed(3),
  },
  { what: "bidi, ping-pong", kind: "Bidi", sends: [1, 10, 100, 1000, 10_000, 100_000], pingPong: true, ...ok(6) },
  { what: "bidi, all at once", kind: "Bidi", sends: repeat(60, 5000), metadata: MIXED, ...ok(60) },
  { what: "bidi, none", kind: "Bidi", sends: [], ...ok(0) },
  { what: "bidi, compressed", kind: "Bidi", sends: repeat(5, 3000), compress: true, ...ok(5) },
  {
    what: "bidi, fails at once",
    kind: "Bidi",
    sends: [],
    metadata: [
      ["x-early", "1"],
      ["x-answers", "0"],
      ["x-fail", "7"],
      ["x-fail-message-bin", text("not you")],
    ],
    ...failed(7),
  },
  {
    what: "server stream, cancelled after the first",
    kind: "ServerStream",
    sends: [1],
    metadata: [["x-hang", "1"]],
    cancelAfter: 1,
    expect: { code: 1, answers: 1 },
    podEnd: "cancelled",
  },
];

/**
 * Milliseconds: long enough for a call to reach its pod, and for its first answers to come back, on any machine. These calls
 * are made once per client and not with the others, because each takes that long.
 */
const DEADLINE = 3000;

export const DEADLINE_CASES: readonly CallCase[] = [
  {
    what: "unary",
    kind: "Unary",
    sends: [1],
    metadata: [["x-hang", "1"]],
    deadline: DEADLINE,
    expect: { code: 4, answers: 0 },
    podEnd: "cancelled",
  },
  {
    what: "server stream, after two answers",
    kind: "ServerStream",
    sends: [1],
    metadata: [
      ["x-hang", "1"],
      ["x-answers", "2"],
    ],
    deadline: DEADLINE,
    expect: { code: 4, answers: 2 },
    podEnd: "cancelled",
  },
];
