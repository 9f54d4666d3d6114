import { Flag } from "../../../src/http2/frame.ts";
import type { Attack } from "../attack.ts";
import { Attacker } from "../support/attacker.ts";
import { call, FrameType, headers, indexed, literal, repeat } from "../support/wire.ts";

export const manyAttacks: readonly Attack[] = [
  {
    name: "idle connections",
    reference: "-",
    bound: "connectionIdleTimeout",
    // Allowed: gRPC clients keep theirs for hours. What each costs is the figure.
    expected: /^open$/,
    async run(field, scale) {
      const attackers: Attacker[] = [];
      const count = 1_000 * scale;
      while (attackers.length < count) {
        attackers.push(...(await Promise.all(Array.from({ length: 50 }, () => Attacker.connect(field.port)))));
      }
      const ends = new Set(attackers.map((attacker) => attacker.end));
      for (const attacker of attackers) attacker.leave();
      return { frames: 3 * count, bytes: 0, end: [...ends].join(", ") };
    },
  },
  {
    name: "plain requests without end",
    reference: "-",
    bound: "maxConcurrentStreams",
    // Each is refused with 405 (they are GETs); nothing of them must stay.
    expected: /^answered$/,
    async run(field, scale) {
      let answers = 0;
      const attacker = await Attacker.connect(field.port, { settings: [Attacker.openWindow] }, ({ type }) => {
        if (type === FrameType.HEADERS) answers++;
      });
      const { windowUpdate } = await import("../support/wire.ts");
      attacker.write(windowUpdate(0, 0x7fff0000));
      const get = Buffer.concat([indexed(2), indexed(6), indexed(4), literal(":authority", "attacked.test")]);
      const count = 30_000 * scale;
      for (let i = 0; i < count && !attacker.ended; i += 50) {
        await attacker.flood(
          repeat(50, (n) => headers(1 + 2 * (i + n), get)),
          50,
        );
        await attacker.until(() => answers >= i);
      }
      await attacker.until(() => answers >= count);
      return attacker.leave(answers >= count ? "answered" : attacker.end);
    },
  },
  {
    name: "a method's name for every call",
    reference: "-",
    bound: "1,000 methods in memory",
    expected: /^answered$/,
    async run(field, scale) {
      let answers = 0;
      const attacker = await Attacker.connect(field.port, {}, ({ type, flags }) => {
        if (type === FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0) answers++;
      });
      const count = 3_000 * scale;
      for (let i = 0; i < count && !attacker.ended; i++) {
        await attacker.flood(headers(1 + 2 * i, call(`Echo/${i}${"m".repeat(200)}`)));
        await attacker.until(() => answers > i - 50);
      }
      await attacker.until(() => answers >= count);
      return attacker.leave(answers >= count ? "answered" : attacker.end);
    },
  },
];
