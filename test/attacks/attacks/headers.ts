import { Flag } from "../../../src/http2/frame.ts";
import { Decoder } from "../../../src/http2/hpack/decoder.ts";
import type { Attack, Outcome } from "../attack.ts";
import { Attacker, type SeenFrame } from "../support/attacker.ts";
import type { Field } from "../support/field.ts";
import { call, FrameType, frame, headers, indexed, literal, repeat } from "../support/wire.ts";

/** One connection that writes what it is given; `done` says when it has seen enough. */
async function send(field: Field, frames: number, bytes: Uint8Array): Promise<Outcome> {
  const attacker = await Attacker.connect(field.port);
  attacker.write(bytes, frames);
  await attacker.over();
  return attacker.leave();
}

/** The answer to a list over the limits: resource_exhausted, and the connection goes on. */
async function refused(field: Field, frames: number, bytes: Uint8Array): Promise<Outcome> {
  let refusals = 0;
  const decoder = new Decoder(4_096, { maxListBytes: 65_536, maxFields: 100 });
  const attacker = await Attacker.connect(field.port, {}, ({ type, payload }: SeenFrame) => {
    if (type !== FrameType.HEADERS) return;
    const { fields } = decoder.decode(payload, 0, payload.length);
    if (fields[fields.indexOf("grpc-status") + 1] === "8") refusals++;
  });
  attacker.write(bytes, frames);
  await attacker.until(() => refusals > 0);
  return attacker.leave(refusals > 0 ? "RESOURCE_EXHAUSTED" : attacker.end);
}

/** HEADERS without END_HEADERS, and CONTINUATION frames. */
function continued(id: number, pieces: readonly Uint8Array[], ended: boolean): Buffer {
  const [first, ...rest] = pieces;
  return Buffer.concat([
    headers(id, first, Flag.END_STREAM),
    ...rest.map((piece, i) =>
      frame(FrameType.CONTINUATION, ended && i === rest.length - 1 ? Flag.END_HEADERS : 0, id, piece),
    ),
  ]);
}

const none = new Uint8Array(0);
const calm = /^GOAWAY ENHANCE_YOUR_CALM$/;
const longValue = "v".repeat(4_000);

export const headerAttacks: readonly Attack[] = [
  {
    name: "CONTINUATION flood",
    reference: "VU#421644",
    bound: "maxHeaderListBytes",
    expected: calm,
    run: (field, scale) => {
      const piece = literal("x", "y".repeat(8_000));
      return send(field, 1_000 * scale, continued(1, [call("Echo"), ...Array(1_000 * scale).fill(piece)], false));
    },
  },
  {
    name: "CONTINUATION flood, empty frames",
    reference: "VU#421644",
    bound: "maxContinuationFrames",
    expected: calm,
    run: (field, scale) =>
      send(field, 10_000 * scale, continued(1, [call("Echo"), ...Array(10_000 * scale).fill(none)], false)),
  },
  {
    name: "CONTINUATION, one frame too many",
    reference: "VU#421644",
    bound: "maxContinuationFrames",
    expected: calm,
    run: (field) => send(field, 22, continued(1, [call("Echo"), ...Array(21).fill(none)], true)),
  },
  {
    name: "CONTINUATION interrupted",
    reference: "RFC 9113 6.10",
    bound: "-",
    expected: /^GOAWAY PROTOCOL_ERROR$/,
    run: (field) =>
      send(field, 2, Buffer.concat([headers(1, call("Echo"), Flag.END_STREAM), headers(3, call("Echo"))])),
  },
  {
    name: "header list over the limit of bytes",
    reference: "RFC 6585 5",
    bound: "maxHeaderListBytes",
    expected: /^RESOURCE_EXHAUSTED$/,
    run: (field) =>
      refused(field, 6, continued(1, [call("Echo"), ...Array(5).fill(literal("x", "y".repeat(14_000)))], true)),
  },
  {
    name: "HPACK bomb",
    reference: "CVE-2016-6581",
    bound: "maxHeaderListBytes",
    expected: /^GOAWAY COMPRESSION_ERROR$/,
    // 4,000 bytes once into the table, and then each byte stands for them.
    run: (field) =>
      send(
        field,
        1,
        headers(1, Buffer.concat([call("Echo", literal("x", longValue, true)), repeat(8_000, () => indexed(62))])),
      ),
  },
  {
    name: "HPACK bomb, just over the limit",
    reference: "CVE-2016-6581",
    bound: "maxHeaderListBytes",
    expected: /^RESOURCE_EXHAUSTED$/,
    run: (field) =>
      refused(
        field,
        1,
        headers(1, Buffer.concat([call("Echo", literal("x", longValue, true)), repeat(20, () => indexed(62))])),
      ),
  },
  {
    name: "indexed-field bomb",
    reference: "CVE-2026-47774",
    bound: "maxHeaderFields",
    expected: /^GOAWAY COMPRESSION_ERROR$/,
    // accept-encoding: gzip, deflate of the static table: a byte each.
    run: (field) => send(field, 1, headers(1, Buffer.concat([call("Echo"), repeat(10_000, () => indexed(16))]))),
  },
  {
    name: "cookie crumbs",
    reference: "CVE-2026-47774",
    bound: "maxHeaderFields",
    expected: /^GOAWAY COMPRESSION_ERROR$/,
    run: (field) =>
      send(field, 1, headers(1, Buffer.concat([call("Echo"), repeat(1_500, () => literal("cookie", ""))]))),
  },
  {
    name: "cookie crumbs, just over the limit",
    reference: "CVE-2026-47774",
    bound: "maxHeaderFields",
    expected: /^RESOURCE_EXHAUSTED$/,
    run: (field) =>
      refused(field, 1, headers(1, Buffer.concat([call("Echo"), repeat(125, () => literal("cookie", "a"))]))),
  },
  {
    name: "table size updates without end",
    reference: "RFC 7541 4.2",
    bound: "maxHeaderListBytes",
    expected: calm,
    run: (field) => {
      const piece = repeat(8_000, (i) => (i % 2 === 0 ? Buffer.of(0x20) : Buffer.of(0x3f, 0xe1, 0x1f)));
      return send(field, 20, continued(1, Array(20).fill(piece), true));
    },
  },
  {
    name: "bad Huffman code, bad index, endless integer",
    reference: "RFC 7541 5",
    bound: "-",
    expected: /^GOAWAY COMPRESSION_ERROR, GOAWAY COMPRESSION_ERROR, GOAWAY COMPRESSION_ERROR$/,
    async run(field) {
      const ends: string[] = [];
      for (const block of [
        [0x00, 0x84, 0xff, 0xff, 0xff, 0xff],
        [0xff, 0x00],
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      ]) {
        ends.push((await send(field, 1, headers(1, Buffer.from(block)))).end);
      }
      return { frames: 3, bytes: 0, end: ends.join(", ") };
    },
  },
];
