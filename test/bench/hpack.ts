/**
 * HPACK's cost in nanoseconds per header block, as a ratio to a peer measured in the same run. The peer is the plainest
 * JavaScript that does a comparable thing: for decoding, copying the block into a fresh array of bytes and the fields into a fresh
 * array of strings; for encoding, writing the fields as HTTP/1.1 lines. So a ratio says what compression costs over no
 * compression at all. Run: npx tsx test/bench/hpack.ts
 */
import { Decoder } from "../../src/http2/hpack/decoder.ts";
import { Encoder } from "../../src/http2/hpack/encoder.ts";
import type { Head } from "../../src/http2/receiver.ts";

const LIMITS = { maxListBytes: 65_536, maxFields: 128 };
const ROUNDS = 101;
/** One measurement runs this long, milliseconds: shorter than a time slice, so that most are undisturbed on a busy machine. */
const ROUND_MS = 2;

const FIELDS = [
  ...[":method", "POST", ":scheme", "http", ":path", "/helloworld.Greeter/SayHello", ":authority", "echo.default:8080"],
  ...[
    "te",
    "trailers",
    "content-type",
    "application/grpc",
    "user-agent",
    "grpc-go/1.71.0",
    "grpc-encoding",
    "identity",
  ],
  ...["grpc-accept-encoding", "gzip", "x-tenant", "blue"],
];

interface Subject {
  readonly name: string;
  /** Does `times` blocks; the number returned keeps the optimiser honest. */
  run(times: number): number;
}

function head(fields: readonly string[]): Head {
  return { fields, neverIndexed: null, memo: undefined };
}

function encodeOnce(encoder: Encoder, fields: readonly string[]): Uint8Array {
  const one = head(fields);
  const out = new Uint8Array(encoder.bound(one));
  return out.slice(0, encoder.encode(one, out, 0));
}

/** Blocks as a warmed-up encoder sends them, and a decoder in the same state. */
function warm(variants: readonly (readonly string[])[]): { blocks: Uint8Array[]; decoder: Decoder } {
  const encoder = new Encoder();
  const decoder = new Decoder(4096, LIMITS);
  let blocks: Uint8Array[] = [];
  for (let round = 0; round < 3; round++) {
    blocks = variants.map((fields) => {
      const block = encodeOnce(encoder, fields);
      decoder.decode(block, 0, block.length);
      return block;
    });
  }
  return { blocks, decoder };
}

function decoding(name: string, variants: readonly (readonly string[])[]): Subject {
  const { blocks, decoder } = warm(variants);
  return {
    name: `${name} (${blocks[0].length} bytes)`,
    run(times) {
      let sum = 0;
      for (let turn = 0, next = 0; turn < times; turn++) {
        const block = blocks[next];
        if (++next === blocks.length) next = 0;
        sum += decoder.decode(block, 0, block.length).fields.length;
      }
      return sum;
    },
  };
}

function encoding(name: string, variants: readonly (readonly string[])[], sameHead: boolean): Subject {
  const encoder = new Encoder();
  for (let round = 0; round < 3; round++) for (const fields of variants) encodeOnce(encoder, fields);
  const out = new Uint8Array(4096);
  const heads = variants.map(head);
  return {
    name,
    run(times) {
      let sum = 0;
      for (let turn = 0, next = 0; turn < times; turn++) {
        const one = sameHead ? heads[next] : head(variants[next]);
        if (++next === variants.length) next = 0;
        if (encoder.bound(one) > out.length) throw new Error("bound");
        sum += encoder.encode(one, out, 0);
      }
      return sum;
    },
  };
}

function withField(name: string, values: readonly string[]): string[][] {
  return values.map((value) => [...FIELDS.slice(0, 18), name, value]);
}

/** Fields of which `changing` is another literal each time, round robin over more values than any cache holds. */
const timeouts = Array.from({ length: 5000 }, (_, at) => `${9_000_000 + at * 7}u`);
const fewTimeouts = Array.from({ length: 40 }, (_, at) => `${900 + at}m`);
const methods = Array.from({ length: 4 }, (_, at) => [
  ...FIELDS.slice(0, 5),
  `/pkg.Service/Method${at}`,
  ...FIELDS.slice(6),
]);

function decodingPeer(): Subject {
  const block = warm([FIELDS]).blocks[0];
  return {
    name: "peer: copy the block and the list",
    run(times) {
      let sum = 0;
      for (let turn = 0; turn < times; turn++) {
        const bytes = new Uint8Array(block);
        const fields: string[] = [];
        for (let at = 0; at < FIELDS.length; at++) fields.push(FIELDS[at]);
        sum += fields.length + bytes.length;
      }
      return sum;
    },
  };
}

function encodingPeer(): Subject {
  const out = new Uint8Array(4096);
  return {
    name: "peer: write HTTP/1.1 lines",
    run(times) {
      let sum = 0;
      for (let turn = 0; turn < times; turn++) {
        let at = 0;
        for (let field = 0; field < FIELDS.length; field++) {
          const text = FIELDS[field];
          for (let position = 0; position < text.length; position++) out[at++] = text.charCodeAt(position);
          out[at++] = 0x3a;
        }
        sum += at;
      }
      return sum;
    },
  };
}

const GROUPS: readonly (readonly Subject[])[] = [
  [
    decodingPeer(),
    decoding("decode: 10 indexed, the same block", [FIELDS]),
    decoding("decode: 10 indexed, 4 blocks in turn", methods),
    decoding("decode: 10 indexed, 20 blocks in turn (more than are remembered)", twenty()),
    decoding("decode: 9 indexed + 1 literal of 40 values", withField("grpc-timeout", fewTimeouts)),
    decoding("decode: 9 indexed + 1 literal, always new", withField("grpc-timeout", timeouts)),
  ],
  [
    encodingPeer(),
    encoding("encode: 10 indexed, the same head", [FIELDS], true),
    encoding("encode: 10 indexed, 4 heads in turn", methods, true),
    encoding("encode: 10 indexed, a new head each time", [FIELDS], false),
    encoding("encode: 9 indexed + 1 literal, a new head each time", withField("grpc-timeout", timeouts), false),
  ],
];

function twenty(): string[][] {
  const values = Array.from({ length: 20 }, (_, at) => `/pkg.Service/Method${at}`);
  return values.map((path) => [...FIELDS.slice(0, 5), path, ...FIELDS.slice(6)]);
}

let sink = 0;

function nanoseconds(subject: Subject, times: number): number {
  const start = performance.now();
  sink += subject.run(times);
  return ((performance.now() - start) * 1e6) / times;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

for (const group of GROUPS) {
  // The first rounds let the optimiser finish; interleaved, so that the machine's moods meet all subjects alike.
  const samples = group.map(() => [] as number[]);
  const times = group.map((subject) => Math.ceil((ROUND_MS * 1e6) / Math.max(20, nanoseconds(subject, 20_000))));
  for (let round = -40; round < ROUNDS; round++) {
    group.forEach((subject, at) => {
      const sample = nanoseconds(subject, times[at]);
      if (round >= 0) samples[at].push(sample);
    });
  }
  const peer = median(samples[0]);
  group.forEach((subject, at) => {
    const middle = median(samples[at]);
    const spread = `${Math.min(...samples[at]).toFixed(0)}..${Math.max(...samples[at]).toFixed(0)}`;
    console.log(
      `${middle.toFixed(0).padStart(6)} ns  ${(middle / peer).toFixed(2).padStart(6)} x peer  ${spread.padStart(12)}  ${subject.name}`,
    );
  });
}
if (sink === 0) throw new Error("nothing was done");
