import { Flag } from "../../../src/http2/frame.ts";
import type { Attack, Outcome } from "../attack.ts";
import { Attacker } from "../support/attacker.ts";
import { call, data, FrameType, frame, headers, indexed, literal, repeat, windowUpdate } from "../support/wire.ts";

/** What each write ends with, so that it arrives in a chunk of its own that is mostly of no use: a frame of unknown type. */
const filler = frame(0xbe, 0, 0, Buffer.alloc(15_000));
const one = Buffer.of(0);
/** Milliseconds that an attacker waits for credit until it takes for granted that there will be none. */
const PATIENCE_MS = 200;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A Connect unary request: its body is held whole, because its length comes first in gRPC. */
const unary = Buffer.concat([
  indexed(3),
  indexed(6),
  literal(":path", "/attack.Pod/Hold"),
  literal(":authority", "attacked.test"),
  literal("content-type", "application/proto"),
]);

export const memoryAttacks: readonly Attack[] = [
  {
    name: "Connect unary: bodies in frames of one byte",
    reference: "-",
    bound: "maxMessageBytes",
    expected: /^open$/,
    async run(field, scale) {
      const attacker = await Attacker.connect(field.port);
      const count = 4 * scale;
      attacker.write(
        repeat(count, (i) => headers(1 + 2 * i, unary, Flag.END_HEADERS)),
        count,
      );
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < count; i++)
          await attacker.flood(
            repeat(8_000, () => data(1 + 2 * i, one)),
            8_000,
          );
      }
      return attacker.leave();
    },
  },
  {
    name: "Connect unary: one byte of a body in each large chunk",
    reference: "-",
    bound: "maxMessageBytes",
    expected: /^open$/,
    async run(field, scale) {
      const attackers = await Promise.all(Array.from({ length: 20 }, () => Attacker.connect(field.port)));
      for (const attacker of attackers) attacker.write(headers(1, unary, Flag.END_HEADERS));
      for (let i = 0; i < 500 * scale; i++) {
        for (const attacker of attackers) await attacker.flood(Buffer.concat([data(1, one), filler]), 2);
      }
      return sum(attackers.map((attacker) => attacker.leave()));
    },
  },
  {
    name: "Connect unary: an answer of more than one message, without end",
    reference: "-",
    bound: "-",
    expected: /^answered$/,
    // The client has its error at once, and the pod must hear of it: its call is counted until it ends.
    async run(field) {
      // Ended for that reason, and not by the idle timeout.
      const ended = async (): Promise<number> => {
        const totals = await field.metrics(/^fairlead_calls_total$/);
        return totals
          .filter(({ labels }) => labels.code === "unimplemented")
          .reduce((sum, { value }) => sum + value, 0);
      };
      let answers = 0;
      const attacker = await Attacker.connect(field.port, {}, ({ type, flags }) => {
        if (type === FrameType.DATA && (flags & Flag.END_STREAM) !== 0) answers++;
      });
      const count = 50;
      const before = await ended();
      const block = Buffer.from(unary.toString("latin1").replace("/attack.Pod/Hold", "/attack.Pod/Drip"), "latin1");
      const body = (id: number): Buffer =>
        Buffer.concat([headers(id, block, Flag.END_HEADERS), data(id, one, Flag.END_STREAM)]);
      attacker.write(
        repeat(count, (i) => body(1 + 2 * i)),
        2 * count,
      );
      await attacker.until(() => answers >= count);
      if (answers < count) return attacker.leave();
      return attacker.leave((await ended()) - before >= count ? "answered" : "the calls go on");
    },
  },
  {
    name: "Connect unary: bodies that never end",
    reference: "-",
    bound: "maxMessageBytes, maxBufferedBytes",
    // The requests that were begun first have given way.
    expected: /RST_STREAM NO_ERROR/,
    async run(field, scale) {
      const attackers: Attacker[] = [];
      for (let i = 0; i < 2 * scale; i++) {
        let credit = 65_535;
        const attacker = await Attacker.connect(field.port, {}, ({ type, id, payload }) => {
          if (type === FrameType.WINDOW_UPDATE && id === 0) credit += payload.readUInt32BE(0);
        });
        attackers.push(attacker);
        attacker.write(
          repeat(100, (n) => headers(1 + 2 * n, unary, Flag.END_HEADERS)),
          100,
        );
        let room = true;
        // 1.5 MB for each of 100 streams, which all of them may have.
        for (let round = 0; round < 96 && room; round++) {
          for (let id = 1; id < 200 && room; id += 2) {
            if (credit < 16_384) await Promise.race([attacker.until(() => credit >= 16_384), sleep(PATIENCE_MS)]);
            room = credit >= 16_384;
            if (!room) break;
            credit -= 16_384;
            await attacker.flood(frame(FrameType.DATA, 0, id, Buffer.alloc(16_384)));
          }
        }
      }
      return sum(attackers.map((attacker) => attacker.leave()));
    },
  },
  {
    name: "one byte of a body in each large chunk",
    reference: "-",
    bound: "streamWindow, retryBuffer",
    expected: /^(?:open|GOAWAY ENHANCE_YOUR_CALM)$/,
    // What is kept for a retry, or waits for the pod, must not keep the chunk that it came in.
    async run(field, scale) {
      const attackers = await Promise.all(Array.from({ length: 20 }, () => Attacker.connect(field.port)));
      for (const attacker of attackers) attacker.write(headers(1, call("Deaf"), Flag.END_HEADERS));
      // One connection after the other, so that the gateway reads each write by itself.
      for (let i = 0; i < 500 * scale; i++) {
        for (const attacker of attackers) await attacker.flood(Buffer.concat([data(1, one), filler]), 2);
      }
      return sum(attackers.map((attacker) => attacker.leave()));
    },
  },
  {
    name: "bodies in frames of one byte",
    reference: "-",
    bound: "streamWindow",
    expected: /^open$/,
    async run(field, scale) {
      const attacker = await Attacker.connect(field.port);
      // Streams that the pod does not read: what its window does not take waits here.
      const count = 8 * scale;
      attacker.write(
        repeat(count, (i) => headers(1 + 2 * i, call("Deaf"), Flag.END_HEADERS)),
        count,
      );
      for (let round = 0; round < 12; round++) {
        for (let i = 0; i < count; i++)
          await attacker.flood(
            repeat(8_000, () => data(1 + 2 * i, one)),
            8_000,
          );
      }
      return attacker.leave();
    },
  },
  {
    name: "the whole of a window for calls that nobody reads",
    reference: "-",
    bound: "streamWindow, maxBufferedBytes",
    expected: /open|RST_STREAM NO_ERROR/,
    // Uploads, to methods that take nothing.
    async run(field, scale) {
      const attackers: Attacker[] = [];
      const body = Buffer.alloc(16_384);
      for (let i = 0; i < 4 * scale; i++) {
        let credit = 65_535;
        const attacker = await Attacker.connect(field.port, {}, ({ type, id, payload }) => {
          if (type === FrameType.WINDOW_UPDATE && id === 0) credit += payload.readUInt32BE(0);
        });
        attackers.push(attacker);
        // Credit comes at once while there is room, and not at all once there is none.
        let room = true;
        for (let id = 1; id < 200 && room; id += 2) {
          attacker.write(headers(id, call("Deaf"), Flag.END_HEADERS));
          for (let left = 262_144; left > 0 && room; left -= 16_384) {
            if (credit < 16_384) await Promise.race([attacker.until(() => credit >= 16_384), sleep(PATIENCE_MS)]);
            room = credit >= 16_384;
            if (!room) break;
            credit -= 16_384;
            await attacker.flood(frame(FrameType.DATA, 0, id, body));
          }
        }
      }
      return sum(attackers.map((attacker) => attacker.leave()));
    },
  },
  {
    name: "large heads of calls that wait",
    reference: "-",
    bound: "maxHeaderListBytes, maxConcurrentStreams",
    expected: /^open$/,
    async run(field) {
      const attacker = await Attacker.connect(field.port);
      const piece = (i: number): Buffer => literal(`x-${i}`, "v".repeat(14_000));
      for (let id = 1; id < 200 && !attacker.ended; id += 2) {
        const block = call("Hold");
        await attacker.flood(
          Buffer.concat([
            headers(id, block, 0),
            ...[0, 1, 2, 3].map((i) => frame(FrameType.CONTINUATION, i === 3 ? Flag.END_HEADERS : 0, id, piece(i))),
          ]),
          5,
        );
      }
      return attacker.leave();
    },
  },
  {
    name: "others' room taken by answers that wait",
    reference: "CVE-2019-9511",
    bound: "maxBufferedBytes, stallTimeout",
    expected: /RST_STREAM ENHANCE_YOUR_CALM|open/,
    // Several connections fill what the whole process may hold; the well-behaved client must go on all the same.
    async run(field) {
      const attackers: Attacker[] = [];
      for (let i = 0; i < 4; i++) {
        const attacker = await Attacker.connect(field.port, { settings: [[4, 0]] });
        attacker.write(windowUpdate(0, 0x7fff0000));
        attacker.write(
          repeat(100, (n) => headers(1 + 2 * n, call("Large"))),
          100,
        );
        attackers.push(attacker);
      }
      // Reset without a word of ours, as many as have been answered. Pods on Node 24 and newer answer a few calls at a time, and
      // what waits in the pod is not the gateway's to reset.
      const resets = (): number =>
        attackers.reduce((all, attacker) => all + (attacker.resets.get("ENHANCE_YOUR_CALM") ?? 0), 0);
      await Promise.race(attackers.map((attacker) => attacker.until(() => resets() >= 8)));
      return sum(attackers.map((attacker) => attacker.leave()));
    },
  },
  {
    name: "a kilobyte that stands for 62 of head",
    reference: "CVE-2026-47774",
    bound: "maxHeaderListBytes",
    expected: /^answered$/,
    // Within the limits: the head goes to the pod. What it costs us is the figure.
    async run(field, scale) {
      let answers = 0;
      const attacker = await Attacker.connect(field.port, {}, ({ type, flags }) => {
        if (type === FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0) answers++;
      });
      const value = "v".repeat(3_900);
      const calls = 500 * scale;
      const big = Buffer.concat([literal("x", value, true), ...Array(14).fill(Buffer.of(0x80 | 62))]);
      for (let i = 0; i < calls && !attacker.ended; i++) {
        // A literal that differs each time, so that nothing of it can be remembered.
        await attacker.flood(
          headers(
            1 + 2 * i,
            call("Echo", i === 0 ? big : repeat(15, () => Buffer.of(0x80 | 62)), literal("n", String(i))),
          ),
        );
        await attacker.until(() => answers > i - 50);
      }
      await attacker.until(() => answers >= calls);
      return attacker.leave(answers >= calls ? "answered" : attacker.end);
    },
  },
];

/** Several connections as one attack; their ends, each once. */
function sum(outcomes: readonly Outcome[]): Outcome {
  return {
    frames: outcomes.reduce((total, { frames }) => total + frames, 0),
    bytes: outcomes.reduce((total, { bytes }) => total + bytes, 0),
    end: [...new Set(outcomes.map(({ end }) => end))].join(", "),
  };
}
