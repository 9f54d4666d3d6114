import { Flag, FRAME_HEADER_BYTES, FrameType, PREFACE } from "../../../src/http2/frame.ts";

export { Flag, FrameType } from "../../../src/http2/frame.ts";

/** Frames as bytes. Nothing is checked: an attacker writes what it likes. */

export const preface = Buffer.from(PREFACE, "latin1");
const none = Buffer.alloc(0);

export function frame(type: number, flags: number, id: number, payload: Uint8Array = none): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(id >>> 0, 5);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function settings(...entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  entries.forEach(([id, value], at) => {
    payload.writeUInt16BE(id, at * 6);
    payload.writeUInt32BE(value, at * 6 + 2);
  });
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

export const settingsAck = frame(FrameType.SETTINGS, Flag.ACK, 0);
export const ping = frame(FrameType.PING, 0, 0, Buffer.from("attacker"));
export const reset = (id: number, code = 8): Buffer => frame(FrameType.RST_STREAM, 0, id, uint32(code));
export const windowUpdate = (id: number, increment: number): Buffer =>
  frame(FrameType.WINDOW_UPDATE, 0, id, uint32(increment));
export const data = (id: number, bytes: Uint8Array, flags = 0): Buffer => frame(FrameType.DATA, flags, id, bytes);
export const priority = (id: number, dependsOn: number): Buffer =>
  frame(FrameType.PRIORITY, 0, id, Buffer.concat([uint32(dependsOn), Buffer.of(15)]));
export const headers = (id: number, block: Uint8Array, flags: number = Flag.END_HEADERS | Flag.END_STREAM): Buffer =>
  frame(FrameType.HEADERS, flags, id, block);

/** RFC 7541 5.1. */
function integer(pattern: number, prefix: number, value: number): number[] {
  if (value < prefix) return [pattern | value];
  const bytes = [pattern | prefix];
  for (value -= prefix; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  bytes.push(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(integer(0, 0x7f, value.length)), Buffer.from(value, "latin1")]);
}

/** A literal field; `index` puts it into the dynamic table. */
export function literal(name: string, value: string, index = false): Buffer {
  return Buffer.concat([Buffer.of(index ? 0x40 : 0x00), text(name), text(value)]);
}

/** A field by its index. */
export const indexed = (index: number): Buffer => Buffer.from(integer(0x80, 0x7f, index));

/** A call's header block, all literals, so that it is always the same whatever came before. */
export function call(method: string, ...more: readonly Uint8Array[]): Buffer {
  return Buffer.concat([
    // :method POST and :scheme http of the static table.
    indexed(3),
    indexed(6),
    literal(":path", `/attack.Pod/${method}`),
    literal(":authority", "attacked.test"),
    literal("content-type", "application/grpc"),
    literal("te", "trailers"),
    ...more,
  ]);
}

/** A gRPC message: the five bytes and so many more. */
export function message(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

export function repeat(count: number, make: (i: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
}
