import net from "node:net";
import tls from "node:tls";
import { Flag, Setting } from "../../../src/http2/frame.ts";
import type { Attack } from "../attack.ts";
import { Attacker, type AttackerOptions } from "../support/attacker.ts";
import type { Field } from "../support/field.ts";
import {
  call,
  data,
  FrameType,
  frame,
  headers,
  message,
  preface,
  repeat,
  settings,
  windowUpdate,
} from "../support/wire.ts";

/** How often a slow peer sends its next crumb, milliseconds: well within every time-out. */
const CRUMB_MS = 100;

/** Sends one crumb after the other until the gateway has had enough. */
async function drip(attacker: Attacker, crumb: (i: number) => Uint8Array | null): Promise<void> {
  let i = 0;
  const timer = setInterval(() => {
    const bytes = crumb(i++);
    if (bytes !== null) attacker.write(bytes);
  }, CRUMB_MS);
  await attacker.until(() => attacker.ended);
  clearInterval(timer);
}

function slow(
  name: string,
  reference: string,
  bound: string,
  expected: RegExp,
  options: AttackerOptions,
  first: Uint8Array,
  crumb: (i: number) => Uint8Array | null,
): Attack {
  return {
    name,
    reference,
    bound,
    expected,
    async run(field) {
      const attacker = await Attacker.connect(field.port, options);
      attacker.write(first);
      await drip(attacker, crumb);
      return attacker.leave();
    },
  };
}

const nothing = new Uint8Array(0);
const calm = /^GOAWAY ENHANCE_YOUR_CALM$/;
const hidden = { polite: false } as const;
const head = headers(1, call("Echo"));
const noWindow = { settings: [[Setting.INITIAL_WINDOW_SIZE, 0]] } as const;

/** Opens streams that ask for large answers without a window to send them in. @returns the attacker, when they all wait */
async function starve(field: Field, streams: number, method: string): Promise<Attacker> {
  let heads = 0;
  const attacker = await Attacker.connect(field.port, noWindow, ({ type }) => {
    if (type === FrameType.HEADERS) heads++;
  });
  attacker.write(
    repeat(streams, (i) => headers(1 + 2 * i, call(method))),
    streams,
  );
  await attacker.until(() => heads >= streams);
  return attacker;
}

export const slowAttacks: readonly Attack[] = [
  slow("slow preface", "-", "headTimeout", /^closed$/, hidden, nothing, (i) => preface.subarray(i, i + 1)),
  slow("preface and no SETTINGS", "-", "headTimeout", calm, hidden, preface, () => null),
  slow("SETTINGS byte by byte", "-", "headTimeout", calm, hidden, preface, (i) =>
    i < 14 ? settings([3, 1]).subarray(i, i + 1) : null,
  ),
  slow(
    "SETTINGS never acknowledged",
    "RFC 9113 6.5.3",
    "settingsAckTimeout",
    /^GOAWAY SETTINGS_TIMEOUT$/,
    hidden,
    Buffer.concat([preface, settings()]),
    () => null,
  ),
  slow("slow head, byte by byte", "-", "headTimeout", calm, {}, nothing, (i) => head.subarray(i, i + 1)),
  slow(
    "slow head, CONTINUATION by CONTINUATION",
    "-",
    "headTimeout",
    calm,
    {},
    headers(1, call("Echo"), Flag.END_STREAM),
    (i) => (i < 18 ? frame(FrameType.CONTINUATION, 0, 1) : null),
  ),
  {
    name: "slow body that stops",
    reference: "-",
    bound: "idleTimeout",
    // The call ends, with grpc-status 14; the connection goes on.
    expected: /^answered$/,
    async run(field) {
      let answered = false;
      const attacker = await Attacker.connect(field.port, {}, ({ type, flags }) => {
        answered ||= type === FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0;
      });
      attacker.write(
        Buffer.concat([headers(1, call("Echo"), Flag.END_HEADERS), data(1, message(1_000).subarray(0, 5))]),
        2,
      );
      await attacker.until(() => answered);
      return attacker.leave(answered ? "answered" : attacker.end);
    },
  },
  {
    name: "zero window, opened byte by byte",
    reference: "CVE-2019-9511",
    bound: "stallTimeout, stallBytes",
    expected: /^50 RST_STREAM ENHANCE_YOUR_CALM$/,
    async run(field) {
      const attacker = await starve(field, 50, "Large");
      const crumb = Buffer.concat([repeat(50, (i) => windowUpdate(1 + 2 * i, 1)), windowUpdate(0, 50)]);
      const timer = setInterval(() => attacker.write(crumb, 51), CRUMB_MS);
      await attacker.until(() => (attacker.resets.get("ENHANCE_YOUR_CALM") ?? 0) >= 50);
      clearInterval(timer);
      return attacker.leave();
    },
  },
  {
    name: "zero window, many small messages wait",
    reference: "CVE-2019-9517",
    bound: "streamWindow, stallTimeout",
    expected: /^100 RST_STREAM ENHANCE_YOUR_CALM$/,
    async run(field) {
      const attacker = await starve(field, 100, "Drip");
      await attacker.until(() => (attacker.resets.get("ENHANCE_YOUR_CALM") ?? 0) >= 100);
      return attacker.leave();
    },
  },
  {
    name: "open windows, and nothing is read",
    reference: "CVE-2019-9517",
    bound: "stallTimeout",
    expected: /^closed$/,
    async run(field) {
      const attacker = await Attacker.connect(field.port, { settings: [Attacker.openWindow], reading: false });
      attacker.write(windowUpdate(0, 0x7fff0000));
      attacker.write(
        repeat(50, (i) => headers(1 + 2 * i, call("Large"))),
        50,
      );
      // Whether the gateway has closed is only seen by writing.
      const timer = setInterval(() => attacker.write(windowUpdate(0, 1)), CRUMB_MS);
      await attacker.until(() => attacker.closed);
      clearInterval(timer);
      return attacker.leave("closed");
    },
  },
  {
    name: "a TLS handshake that says nothing",
    reference: "-",
    bound: "headTimeout",
    expected: /^closed, closed$/,
    async run(field) {
      const silent = new Attacker(net.connect(field.tlsPort, "127.0.0.1"));
      const half = new Attacker(net.connect(field.tlsPort, "127.0.0.1"));
      // The beginning of a TLS record that never ends.
      half.write(Buffer.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00));
      await silent.until(() => silent.closed);
      await half.until(() => half.closed);
      return { frames: 1, bytes: 7, end: `${silent.leave().end}, ${half.leave().end}` };
    },
  },
  {
    name: "TLS, and then nothing",
    reference: "-",
    bound: "headTimeout",
    expected: /^GOAWAY ENHANCE_YOUR_CALM, closed, closed$/,
    async run(field) {
      const ends: string[] = [];
      for (const protocols of [["h2"], ["http/1.1"], []]) {
        const socket = tls.connect({
          port: field.tlsPort,
          host: "127.0.0.1",
          rejectUnauthorized: false,
          ...(protocols.length > 0 ? { ALPNProtocols: protocols } : {}),
        });
        const attacker = new Attacker(socket);
        await attacker.until(() => attacker.ended);
        ends.push(attacker.leave().end);
      }
      return { frames: 0, bytes: 0, end: ends.join(", ") };
    },
  },
];
