import { Flag } from "../../../src/http2/frame.ts";
import type { Attack, Outcome } from "../attack.ts";
import { Attacker } from "../support/attacker.ts";
import type { Field } from "../support/field.ts";
import {
  call,
  data,
  FrameType,
  frame,
  headers,
  literal,
  message,
  repeat,
  reset,
  uint32,
  windowUpdate,
} from "../support/wire.ts";

const hold = call("Hold");
const open = Flag.END_HEADERS;

/** Streams in batches of 50, each made by `make`, until the gateway ends it or there were `count`. */
async function streams(field: Field, count: number, frames: number, make: (id: number) => Buffer): Promise<Outcome> {
  const attacker = await Attacker.connect(field.port);
  let id = 1;
  while (!attacker.ended && id < 2 * count) {
    const first = id;
    id += 100;
    await attacker.flood(
      repeat(50, (i) => make(first + 2 * i)),
      50 * frames,
    );
  }
  await attacker.over();
  return attacker.leave();
}

function madeYouReset(what: string, frames: number, make: (id: number) => Buffer): Attack {
  return {
    name: `made-you-reset: ${what}`,
    reference: "CVE-2025-8671",
    bound: "provokedResets",
    expected: /^GOAWAY ENHANCE_YOUR_CALM$/,
    run: (field, scale) => streams(field, 5_000 * scale, frames, make),
  };
}

export const resetAttacks: readonly Attack[] = [
  {
    name: "rapid reset",
    reference: "CVE-2023-44487",
    bound: "resetsPerSecond",
    expected: /^GOAWAY ENHANCE_YOUR_CALM$/,
    run: (field, scale) => streams(field, 10_000 * scale, 2, (id) => Buffer.concat([headers(id, hold), reset(id)])),
  },
  {
    name: "rapid reset, below the rate",
    reference: "CVE-2023-44487",
    bound: "earlyResets",
    // In order: whoever resets more than it waits for is shown to the door, not thrown out.
    expected: /^GOAWAY NO_ERROR$/,
    async run(field) {
      const attacker = await Attacker.connect(field.port);
      attacker.write(
        repeat(60, (i) => Buffer.concat([headers(1 + 2 * i, hold), reset(1 + 2 * i)])),
        120,
      );
      await attacker.until(() => attacker.closed);
      return attacker.leave();
    },
  },
  madeYouReset("WINDOW_UPDATE of 0", 2, (id) => Buffer.concat([headers(id, hold), windowUpdate(id, 0)])),
  madeYouReset("window overflow", 2, (id) => Buffer.concat([headers(id, hold), windowUpdate(id, 0x7fffffff)])),
  madeYouReset("DATA after END_STREAM", 2, (id) => Buffer.concat([headers(id, hold), data(id, message(1))])),
  madeYouReset("HEADERS after END_STREAM", 2, (id) => Buffer.concat([headers(id, hold), headers(id, hold)])),
  madeYouReset("PRIORITY on itself", 2, (id) =>
    Buffer.concat([headers(id, hold), frame(FrameType.PRIORITY, 0, id, Buffer.concat([uint32(id), Buffer.of(1)]))]),
  ),
  madeYouReset("PRIORITY of 4 bytes", 2, (id) =>
    Buffer.concat([headers(id, hold), frame(FrameType.PRIORITY, 0, id, uint32(0))]),
  ),
  madeYouReset("body longer than content-length", 2, (id) =>
    Buffer.concat([headers(id, call("Hold", literal("content-length", "3")), open), data(id, message(1))]),
  ),
  madeYouReset("body shorter than content-length", 2, (id) =>
    Buffer.concat([
      headers(id, call("Hold", literal("content-length", "9")), open),
      data(id, message(1), Flag.END_STREAM),
    ]),
  ),
  madeYouReset("trailers without END_STREAM", 2, (id) =>
    Buffer.concat([headers(id, hold, open), headers(id, literal("x", "y"), open)]),
  ),
  madeYouReset("malformed head", 1, (id) => headers(id, call("Hold", literal("Upper", "case")))),
  madeYouReset("names of no length", 1, (id) => headers(id, call("Hold", literal("", "")))),
  {
    name: "clients that hang up with all their calls open",
    reference: "CVE-2023-44487",
    bound: "maxConcurrentStreams",
    // Allowed, one by one. The pods get all those resets over the connections that everybody uses, and must not end them.
    expected: /^open$/,
    async run(field, scale) {
      let frames = 0;
      let bytes = 0;
      for (let round = 0; round < 25 * scale; round++) {
        const attacker = await Attacker.connect(field.port);
        attacker.write(
          repeat(100, (i) => headers(1 + 2 * i, hold)),
          100,
        );
        const before = (await field.pods()).reduce((sum, { seen }) => sum + seen.calls, 0);
        const arrived = async (): Promise<boolean> =>
          (await field.pods()).reduce((sum, { seen }) => sum + seen.calls, 0) >= before + 50;
        while (!(await arrived()) && !attacker.closed);
        ({ frames, bytes } = { frames: frames + attacker.frames, bytes: bytes + attacker.bytes });
        const { end } = attacker.leave();
        if (end !== "open") return { frames, bytes, end };
      }
      return { frames, bytes, end: "open" };
    },
  },
  {
    name: "too many streams",
    reference: "RFC 9113 5.1.2",
    bound: "maxConcurrentStreams",
    expected: /^GOAWAY ENHANCE_YOUR_CALM$/,
    run: (field, scale) => streams(field, 5_000 * scale, 1, (id) => headers(id, hold)),
  },
  {
    name: "too many streams, SETTINGS never acknowledged",
    reference: "RFC 9113 6.5.3",
    bound: "maxConcurrentStreams",
    expected: /^GOAWAY ENHANCE_YOUR_CALM$/,
    async run(field, scale) {
      const attacker = await Attacker.connect(field.port, { polite: false });
      const { preface, settings } = await import("../support/wire.ts");
      attacker.write(Buffer.concat([preface, settings()]));
      for (let id = 1; id < 40_000 * scale && !attacker.ended; id += 200) {
        await attacker.flood(
          repeat(100, (i) => headers(id + 2 * i, hold)),
          100,
        );
      }
      await attacker.over();
      return attacker.leave();
    },
  },
  {
    name: "too many streams, politely",
    reference: "RFC 9113 5.1.2",
    bound: "maxConcurrentStreams",
    expected: /^20 RST_STREAM REFUSED_STREAM$/,
    async run(field) {
      const attacker = await Attacker.connect(field.port);
      attacker.write(
        repeat(120, (i) => headers(1 + 2 * i, hold)),
        120,
      );
      await attacker.until(() => (attacker.resets.get("REFUSED_STREAM") ?? 0) >= 20);
      return attacker.leave();
    },
  },
];
