/**
 * What a message costs between JSON and protobuf, each way, in microseconds per KiB of JSON, and as a ratio to JSON.parse of the
 * same text in the same run. Both ways include what surrounds them in the gateway: decoding and encoding UTF-8, the check of
 * keys that come twice, serializing. Run: npx tsx test/bench/json.ts
 */
import { fileURLToPath } from "node:url";
import type { DescMessage } from "@bufbuild/protobuf";
import { readDescriptorSet, type Schema } from "../../src/json/schema.ts";
import { toJsonText, toProtobuf } from "../../src/json/translate.ts";
import { buildSet } from "../json/support/protos.ts";

const ROUNDS = 21;
/** One measurement runs this long, milliseconds. */
const ROUND_MS = 4;

interface Sample {
  readonly name: string;
  readonly json: unknown;
}

const inner = (i: number) => ({ number: i, text: `item ${i}`, yes: i % 2 === 0, real: i / 7, color: "COLOR_RED" });

const samples: readonly Sample[] = [
  { name: "small: 5 fields", json: { ...inner(1), big: "12345" } },
  {
    name: "nested: 8 levels",
    json: Array.from({ length: 8 }).reduce<object>((json) => ({ ...inner(2), inner: json }), {}),
  },
  { name: "numbers: 500 int64 as strings", json: { many: Array.from({ length: 500 }, (_, i) => `${i * 7919}`) } },
  {
    name: "map of 200",
    json: { byName: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key ${i}`, `${i}`])) },
  },
  { name: "text: 64 KiB", json: { text: "the quick brown fox jumps over the lazy dog ".repeat(1490) } },
  { name: "bytes: 64 KiB of base64", json: { raw: btoa("x".repeat(49_152)) } },
  {
    name: "well-known types",
    json: { at: "2026-11-25T10:00:00.5Z", took: "1.500s", mask: "a,bC", wrapped: "5", empty: {} },
  },
];

let sink = 0;

/** Microseconds for one run. */
function time(run: () => number, times: number): number {
  const started = performance.now();
  for (let i = 0; i < times; i++) sink += run();
  return ((performance.now() - started) * 1000) / times;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function measure(
  schema: Schema,
  type: DescMessage,
  json: unknown,
): { readonly kib: number; readonly times: readonly number[] } {
  const text = JSON.stringify(json);
  const bytes = new TextEncoder().encode(text);
  const read = toProtobuf(schema, type, bytes, { ignoreUnknown: false, maxBytes: 4 << 20 });
  if ("error" in read) throw new Error(read.error);
  const subjects = [
    () => (JSON.parse(text) === null ? 1 : 2),
    () => ("bytes" in toProtobuf(schema, type, bytes, { ignoreUnknown: false, maxBytes: 4 << 20 }) ? 1 : 0),
    () => ("bytes" in toJsonText(schema, type, read.bytes, 4 << 20) ? 1 : 0),
  ];
  const times = subjects.map((run) => Math.ceil((ROUND_MS * 1000) / Math.max(0.05, time(run, 200))));
  const taken = subjects.map(() => [] as number[]);
  // Interleaved, so that the machine's moods meet all alike; the first rounds let the optimiser finish.
  for (let round = -8; round < ROUNDS; round++) {
    subjects.forEach((run, i) => {
      const once = time(run, times[i]);
      if (round >= 0) taken[i].push(once);
    });
  }
  return { kib: bytes.length / 1024, times: taken.map(median) };
}

/** A Markdown table. */
export async function benchJson(): Promise<string> {
  const schema = readDescriptorSet(buildSet("kinds"));
  const type = schema.message("kinds.v1.Kinds");
  if (type === undefined) throw new Error("kinds.v1.Kinds is not in its descriptor set");
  const lines = [
    "Microseconds per KiB of JSON, and how many times JSON.parse of the same text that is.",
    "",
    "| message | bytes of JSON | JSON.parse | to protobuf | | to JSON | |",
    "|---|---:|---:|---:|---:|---:|---:|",
  ];
  for (const { name, json } of samples) {
    const { kib, times } = measure(schema, type, json);
    const [parse, there, back] = times.map((microseconds) => microseconds / kib);
    const cells = [parse, there, there / parse, back, back / parse].map((value, i) =>
      i === 2 || i === 4 ? `${value.toFixed(1)}x` : value.toFixed(2),
    );
    lines.push(`| ${name} | ${Math.round(kib * 1024)} | ${cells.join(" | ")} |`);
  }
  return sink < 0 ? "" : lines.join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await benchJson());
