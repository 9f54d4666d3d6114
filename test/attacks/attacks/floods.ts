import { Flag } from "../../../src/http2/frame.ts";
import type { Attack } from "../attack.ts";
import { Attacker } from "../support/attacker.ts";
import {
  call,
  data,
  FrameType,
  frame,
  headers,
  literal,
  ping,
  priority,
  repeat,
  reset,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from "../support/wire.ts";

/**
 * The same frame again and again, on a connection with one open call (stream 1) and one that was answered (stream 3).
 * `perWrite` frames at a time, in batches that fit a segment.
 */
function flood(
  name: string,
  reference: string,
  bound: string,
  make: () => Uint8Array,
  expected = /^GOAWAY ENHANCE_YOUR_CALM$/,
  prepare: (attacker: Attacker) => void = () => {},
): Attack {
  return {
    name,
    reference,
    bound,
    expected,
    async run(field, scale) {
      let answered = false;
      const attacker = await Attacker.connect(field.port, {}, ({ id, flags, type }) => {
        answered ||= id === 3 && type === FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0;
      });
      attacker.write(Buffer.concat([headers(1, call("Hold"), Flag.END_HEADERS), headers(3, call("Echo"))]), 2);
      await attacker.until(() => answered);
      prepare(attacker);
      const one = make();
      const count = Math.max(1, Math.floor(16_384 / one.length));
      const batch = repeat(count, () => one);
      for (let sent = 0; sent < 50_000 * scale && !attacker.ended; sent += count) await attacker.flood(batch, count);
      await attacker.over();
      return attacker.leave();
    },
  };
}

const nothing = new Uint8Array(0);

/** Calls on streams that the server may ignore. */
function afterGoaway(): Buffer {
  return repeat(100, (i) => headers(1_001 + 2 * i, call("Echo")));
}

const padding = Buffer.concat([Buffer.of(255), Buffer.alloc(255)]);

export const floodAttacks: readonly Attack[] = [
  flood("PING flood", "CVE-2019-9512", "pingsPerSecond", () => ping),
  flood("SETTINGS flood", "CVE-2019-9515", "settingsPerSecond", () => settings()),
  flood("SETTINGS flood, table size up and down", "CVE-2019-9515", "settingsPerSecond", () =>
    Buffer.concat([settings([1, 0]), settings([1, 4096])]),
  ),
  flood("empty DATA flood", "CVE-2019-9518", "emptyDataPerSecond", () => data(1, nothing)),
  flood("DATA flood of padding only", "CVE-2019-9518", "emptyDataPerSecond", () => data(1, padding, Flag.PADDED)),
  flood("WINDOW_UPDATE flood, connection", "CVE-2019-9511", "windowUpdatesPerSecond", () => windowUpdate(0, 1)),
  flood("WINDOW_UPDATE flood, open stream", "CVE-2019-9511", "asidesPerSecond", () => windowUpdate(1, 1)),
  flood("WINDOW_UPDATE flood, ended stream", "CVE-2019-9511", "asidesPerSecond", () => windowUpdate(3, 1)),
  flood("PRIORITY flood", "CVE-2019-9513", "asidesPerSecond", () => priority(1, 3)),
  flood("PRIORITY flood, streams never opened", "CVE-2019-9513", "asidesPerSecond", () => priority(4_001, 3)),
  flood("RST_STREAM flood, ended stream", "CVE-2019-9514", "asidesPerSecond", () => reset(3)),
  flood("flood of frames of unknown type", "RFC 9113 4.1", "asidesPerSecond", () => frame(0xbe, 0, 1, uint32(0))),
  flood("flood of unasked PING answers", "CVE-2019-9512", "asidesPerSecond", () =>
    frame(FrameType.PING, Flag.ACK, 0, Buffer.alloc(8)),
  ),
  flood("flood of unasked SETTINGS answers", "CVE-2019-9515", "asidesPerSecond", () => settingsAck),
  flood("GOAWAY flood", "-", "asidesPerSecond", () => frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(8))),
  flood(
    "HEADERS flood on a stream that was reset",
    "CVE-2019-9514",
    "asidesPerSecond",
    () => headers(5, literal("x", "y")),
    /^GOAWAY ENHANCE_YOUR_CALM$/,
    // The gateway resets stream 5, and then ignores what was under way (RFC 9113 5.1).
    (attacker) => attacker.write(headers(5, call("Hold", literal("Upper", "case")))),
  ),
  flood("HEADERS flood after GOAWAY", "-", "asidesPerSecond", afterGoaway, /^GOAWAY ENHANCE_YOUR_CALM$/, (attacker) =>
    attacker.write(frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(8))),
  ),
];
