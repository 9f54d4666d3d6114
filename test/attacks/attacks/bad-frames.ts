import { errorCodeName } from "../../../src/http2/error-code.ts";
import { Flag, Setting } from "../../../src/http2/frame.ts";
import { mulberry32 } from "../../support/mulberry32.ts";
import type { Attack } from "../attack.ts";
import { Attacker } from "../support/attacker.ts";
import {
  call,
  data,
  FrameType,
  frame,
  headers,
  message,
  preface,
  reset,
  settings,
  windowUpdate,
} from "../support/wire.ts";

const hold = headers(1, call("Hold"), Flag.END_HEADERS);
const bytes = (count: number): Buffer => Buffer.alloc(count);

/** What is wrong with a frame, the frame, and how the connection must end (RFC 9113). */
const bad: readonly (readonly [what: string, frame: Uint8Array, code: string])[] = [
  ["DATA on stream 0", data(0, message(1)), "PROTOCOL_ERROR"],
  ["DATA on an idle stream", data(7, message(1)), "PROTOCOL_ERROR"],
  ["DATA with more padding than frame", Buffer.concat([hold, data(1, Buffer.of(9, 0), Flag.PADDED)]), "PROTOCOL_ERROR"],
  ["HEADERS on stream 0", headers(0, call("Hold")), "PROTOCOL_ERROR"],
  ["HEADERS on an even stream", headers(2, call("Hold")), "PROTOCOL_ERROR"],
  [
    "HEADERS on a stream that was skipped",
    Buffer.concat([headers(5, call("Hold")), headers(3, call("Hold"))]),
    "PROTOCOL_ERROR",
  ],
  [
    "HEADERS with more padding than frame",
    headers(1, Buffer.of(200, 0), Flag.END_HEADERS | Flag.PADDED),
    "PROTOCOL_ERROR",
  ],
  ["HEADERS without its priority fields", headers(1, bytes(3), Flag.END_HEADERS | Flag.PRIORITY), "FRAME_SIZE_ERROR"],
  ["PRIORITY on stream 0", frame(FrameType.PRIORITY, 0, 0, bytes(5)), "PROTOCOL_ERROR"],
  ["RST_STREAM on stream 0", reset(0), "PROTOCOL_ERROR"],
  ["RST_STREAM on an idle stream", reset(9), "PROTOCOL_ERROR"],
  ["RST_STREAM of 3 bytes", Buffer.concat([hold, frame(FrameType.RST_STREAM, 0, 1, bytes(3))]), "FRAME_SIZE_ERROR"],
  ["SETTINGS on a stream", frame(FrameType.SETTINGS, 0, 1), "PROTOCOL_ERROR"],
  ["SETTINGS of 5 bytes", frame(FrameType.SETTINGS, 0, 0, bytes(5)), "FRAME_SIZE_ERROR"],
  ["SETTINGS acknowledgement with a payload", frame(FrameType.SETTINGS, Flag.ACK, 0, bytes(6)), "FRAME_SIZE_ERROR"],
  ["ENABLE_PUSH of 2", settings([Setting.ENABLE_PUSH, 2]), "PROTOCOL_ERROR"],
  ["INITIAL_WINDOW_SIZE of 2^31", settings([Setting.INITIAL_WINDOW_SIZE, 2 ** 31]), "FLOW_CONTROL_ERROR"],
  [
    "INITIAL_WINDOW_SIZE that makes a window too large",
    Buffer.concat([hold, windowUpdate(1, 0x7fff0000), settings([Setting.INITIAL_WINDOW_SIZE, 0x7fffffff])]),
    "FLOW_CONTROL_ERROR",
  ],
  ["MAX_FRAME_SIZE of 1", settings([Setting.MAX_FRAME_SIZE, 1]), "PROTOCOL_ERROR"],
  ["PUSH_PROMISE", frame(FrameType.PUSH_PROMISE, Flag.END_HEADERS, 1, bytes(4)), "PROTOCOL_ERROR"],
  ["PING on a stream", frame(FrameType.PING, 0, 1, bytes(8)), "PROTOCOL_ERROR"],
  ["PING of 7 bytes", frame(FrameType.PING, 0, 0, bytes(7)), "FRAME_SIZE_ERROR"],
  ["GOAWAY on a stream", frame(FrameType.GOAWAY, 0, 1, bytes(8)), "PROTOCOL_ERROR"],
  ["GOAWAY of 4 bytes", frame(FrameType.GOAWAY, 0, 0, bytes(4)), "FRAME_SIZE_ERROR"],
  ["WINDOW_UPDATE of 3 bytes", frame(FrameType.WINDOW_UPDATE, 0, 0, bytes(3)), "FRAME_SIZE_ERROR"],
  ["WINDOW_UPDATE of 0", windowUpdate(0, 0), "PROTOCOL_ERROR"],
  ["WINDOW_UPDATE above 2^31-1", windowUpdate(0, 0x7fffffff), "FLOW_CONTROL_ERROR"],
  ["WINDOW_UPDATE on an idle stream", windowUpdate(11, 1), "PROTOCOL_ERROR"],
  ["CONTINUATION of nothing", frame(FrameType.CONTINUATION, Flag.END_HEADERS, 1, bytes(1)), "PROTOCOL_ERROR"],
  ["a frame of 16 KiB and a byte", data(1, bytes(16_385)), "FRAME_SIZE_ERROR"],
  ["a frame of 16 MiB", Buffer.of(0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1), "FRAME_SIZE_ERROR"],
];

/** Frames that are half right: what a parser that trusts its peer would stumble over. */
function fuzzed(random: () => number): Buffer {
  const integer = (below: number): number => Math.floor(random() * below);
  const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => integer(256)));
  const id = random() < 0.7 ? 1 + 2 * integer(6) : integer(8);
  switch (integer(8)) {
    case 0:
      return frame(integer(12), integer(256), id, noise(integer(40)));
    case 1:
      return headers(id, call(["Echo", "Hold", "Deaf", "Large"][integer(4)]), random() < 0.8 ? 5 : integer(256));
    case 2: {
      const block = call("Echo");
      block[integer(block.length)] = integer(256);
      return headers(id, block, 5);
    }
    case 3:
      return data(id, noise(integer(60)), integer(256) & 9);
    case 4:
      return windowUpdate(id, random() < 0.5 ? integer(1_000) : integer(2 ** 31));
    case 5:
      return settings([1 + integer(7), random() < 0.5 ? integer(65_536) : integer(2 ** 32)]);
    case 6:
      return reset(id, integer(20));
    default: {
      // A good one, cut or with a byte changed.
      const good = Buffer.from([hold, settings(), windowUpdate(0, 1), data(1, message(3))][integer(4)]);
      good[integer(good.length)] = integer(256);
      return good.subarray(0, random() < 0.9 ? good.length : integer(good.length));
    }
  }
}

export const badFrameAttacks: readonly Attack[] = [
  {
    name: "bad frames of every kind",
    reference: "RFC 9113",
    bound: "-",
    expected: /^as it should$/,
    async run(field) {
      const wrong: string[] = [];
      let frames = 0;
      let sent = 0;
      for (const [what, one, code] of bad) {
        const attacker = await Attacker.connect(field.port);
        attacker.write(one);
        await attacker.over();
        if (attacker.end !== `GOAWAY ${code}`) wrong.push(`${what}: ${attacker.end}, not ${code}`);
        frames += attacker.frames;
        sent += attacker.bytes;
        attacker.leave();
      }
      const first = await Attacker.connect(field.port, { polite: false });
      first.write(Buffer.concat([preface, hold]));
      await first.over();
      if (first.leave().end !== "GOAWAY PROTOCOL_ERROR") wrong.push("a first frame that is not SETTINGS");
      return { frames, bytes: sent, end: wrong.join("; ") || "as it should" };
    },
  },
  {
    name: "frames made at random",
    reference: "-",
    bound: "-",
    expected: /^seed \d+: (?:GOAWAY [A-Z_]+|closed|open|\d+ RST_STREAM)/,
    async run(field, scale) {
      const seed = process.env.SEED === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(process.env.SEED);
      // Before it is known how it ends, because whoever wants to repeat it needs it most when it does not.
      if (process.env.SEED !== undefined) console.log(`frames made at random: SEED=${seed}`);
      const random = mulberry32(seed);
      const ends = new Map<string, number>();
      let frames = 0;
      let sent = 0;
      for (let i = 0; i < 150 * scale; i++) {
        const attacker = await Attacker.connect(field.port);
        for (let n = 0; n < 60 && !attacker.ended; n++) {
          attacker.write(fuzzed(random));
          if (n % 8 === 0) await new Promise(setImmediate);
        }
        frames += attacker.frames;
        sent += attacker.bytes;
        // What it has to say is under way; a connection that lives is left in the middle of everything.
        await new Promise(setImmediate);
        const { end } = attacker.leave();
        const kind = end.replace(/^\d+ RST_STREAM.*/, "open");
        ends.set(kind, (ends.get(kind) ?? 0) + 1);
        if (kind === `GOAWAY ${errorCodeName(2)}`)
          return { frames, bytes: sent, end: `seed ${seed} made it fail: ${end}` };
      }
      const list = [...ends].toSorted((a, b) => b[1] - a[1]).map(([end, count]) => `${end} ${count}x`);
      return { frames, bytes: sent, end: `seed ${seed}: ${list.join(", ")}` };
    },
  },
];
