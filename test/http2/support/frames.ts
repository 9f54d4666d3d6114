import { Flag, FrameType, PREFACE } from "../../../src/http2/frame.ts";
import { concat } from "../../support/memory-stream.ts";

/** Frames as bytes, right or wrong as the test wants them: nothing is checked here. */

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

export function uint32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export const preface: Uint8Array = ascii(PREFACE);

/** @param length what the header says, when that is not the payload's length */
export function frame(
  type: number,
  flags: number,
  id: number,
  payload: ArrayLike<number> = [],
  length = payload.length,
): Uint8Array {
  const bytes = new Uint8Array(9 + payload.length);
  bytes.set([(length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff, type, flags, ...uint32(id)]);
  bytes.set(payload, 9);
  return bytes;
}

/** An HPACK integer (RFC 7541 5.1) with a prefix of 7 bits. */
function length7(value: number): number[] {
  if (value < 127) return [value];
  const bytes = [127];
  for (value -= 127; value >= 128; value >>>= 7) bytes.push(0x80 | (value & 0x7f));
  return [...bytes, value];
}

function string(text: string): number[] {
  return [...length7(text.length), ...ascii(text)];
}

/** A field block of literals that leave the dynamic table alone (RFC 7541 6.2.2). */
export function block(fields: readonly string[]): number[] {
  const bytes: number[] = [];
  for (let i = 0; i < fields.length; i += 2) bytes.push(0x00, ...string(fields[i]), ...string(fields[i + 1]));
  return bytes;
}

export interface HeadersOptions {
  readonly end?: boolean;
  /** False: CONTINUATION is to follow. */
  readonly endHeaders?: boolean;
  /** Bytes of padding; the PADDED flag is set even for 0. */
  readonly padding?: number;
  /** The stream that this one depends on. */
  readonly dependsOn?: number;
}

/** @param fields names and values in turns, or the block's bytes */
export function headers(
  id: number,
  fields: readonly string[] | Uint8Array | number[],
  options: HeadersOptions = {},
): Uint8Array {
  const bytes = isText(fields) ? block(fields) : [...fields];
  const { padding, dependsOn } = options;
  const flags =
    (options.end === true ? Flag.END_STREAM : 0) |
    (options.endHeaders === false ? 0 : Flag.END_HEADERS) |
    (padding === undefined ? 0 : Flag.PADDED) |
    (dependsOn === undefined ? 0 : Flag.PRIORITY);
  return frame(FrameType.HEADERS, flags, id, [
    ...(padding === undefined ? [] : [padding]),
    ...(dependsOn === undefined ? [] : [...uint32(dependsOn), 15]),
    ...bytes,
    ...new Array<number>(padding ?? 0).fill(0),
  ]);
}

function isText(fields: readonly string[] | Uint8Array | number[]): fields is readonly string[] {
  return typeof fields[0] === "string";
}

export function continuation(id: number, bytes: ArrayLike<number>, last = true): Uint8Array {
  return frame(FrameType.CONTINUATION, last ? Flag.END_HEADERS : 0, id, bytes);
}

/** A head cut into HEADERS and `pieces` - 1 CONTINUATION frames. */
export function headersInPieces(id: number, fields: readonly string[], pieces: number, end = false): Uint8Array {
  const bytes = block(fields);
  const size = Math.ceil(bytes.length / pieces);
  const frames = [headers(id, bytes.slice(0, size), { endHeaders: pieces === 1, end })];
  for (let i = 1; i < pieces; i++) {
    frames.push(continuation(id, bytes.slice(i * size, (i + 1) * size), i === pieces - 1));
  }
  return concat(frames);
}

/** @param content the text, the bytes, or how many bytes of `x` */
export function data(
  id: number,
  content: string | Uint8Array | number,
  options: { readonly end?: boolean; readonly padding?: number } = {},
): Uint8Array {
  const bytes =
    typeof content === "string"
      ? ascii(content)
      : typeof content === "number"
        ? new Uint8Array(content).fill(120)
        : content;
  const { padding } = options;
  const flags = (options.end === true ? Flag.END_STREAM : 0) | (padding === undefined ? 0 : Flag.PADDED);
  if (padding === undefined) return frame(FrameType.DATA, flags, id, bytes);
  return frame(FrameType.DATA, flags, id, concat([Uint8Array.of(padding), bytes, new Uint8Array(padding)]));
}

export function settings(...entries: readonly (readonly [number, number])[]): Uint8Array {
  return frame(
    FrameType.SETTINGS,
    0,
    0,
    entries.flatMap(([id, value]) => [id >>> 8, id & 0xff, ...uint32(value)]),
  );
}

export const settingsAck: Uint8Array = frame(FrameType.SETTINGS, Flag.ACK, 0);

export function reset(id: number, code: number): Uint8Array {
  return frame(FrameType.RST_STREAM, 0, id, uint32(code));
}

export function ping(text = "12345678", ack = false): Uint8Array {
  return frame(FrameType.PING, ack ? Flag.ACK : 0, 0, ascii(text));
}

export function goaway(lastStreamId: number, code: number, debug = ""): Uint8Array {
  return frame(FrameType.GOAWAY, 0, 0, [...uint32(lastStreamId), ...uint32(code), ...ascii(debug)]);
}

export function windowUpdate(id: number, increment: number): Uint8Array {
  return frame(FrameType.WINDOW_UPDATE, 0, id, uint32(increment));
}

export function priority(id: number, dependsOn: number): Uint8Array {
  return frame(FrameType.PRIORITY, 0, id, [...uint32(dependsOn), 15]);
}
