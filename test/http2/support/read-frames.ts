import { errorCodeName } from "../../../src/http2/error-code.ts";
import { Flag, FrameType, Setting } from "../../../src/http2/frame.ts";
import { Decoder } from "../../../src/http2/hpack/decoder.ts";
import { concat } from "../../support/memory-stream.ts";

/** A frame that the engine has sent. */
export interface SentFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array;
}

const settingNames = new Map<number, string>(Object.entries(Setting).map(([name, id]) => [id, name]));

function uint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}

/** @throws when the bytes end within a frame: the engine hands over whole frames only */
export function cutFrames(bytes: Uint8Array): SentFrame[] {
  const frames: SentFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    const end = at + 9 + length;
    if (at + 9 > bytes.length || end > bytes.length) throw new Error("the output ends within a frame");
    if (length > 16_384) throw new Error(`a frame of ${length} bytes was sent`);
    frames.push({
      type: bytes[at + 3],
      flags: bytes[at + 4],
      id: uint32(bytes, at + 5),
      payload: bytes.slice(at + 9, end),
    });
    at = end;
  }
  return frames;
}

/**
 * Reads what the engine sends, as one line of text a frame: `HEADERS 1 END_STREAM :status: 200`, `DATA 1 "hello"`,
 * `DATA 1 16384 bytes`, `RST_STREAM 1 CANCEL`, `GOAWAY 1 NO_ERROR`, `WINDOW_UPDATE 0 +100`, `SETTINGS ACK`, `PING 12345678`.
 * A field block in several frames is one line, which ends with the number of CONTINUATION frames.
 */
export class SentReader {
  readonly #decoder = new Decoder(4096, { maxListBytes: 1 << 24, maxFields: 100_000 });
  #head: SentFrame | null = null;
  #pieces: Uint8Array[] = [];

  read(bytes: Uint8Array): string[] {
    return cutFrames(bytes).flatMap((one) => this.#line(one));
  }

  #line(one: SentFrame): string[] {
    const { type, flags, id, payload } = one;
    if (this.#head !== null && (type !== FrameType.CONTINUATION || id !== this.#head.id)) {
      throw new Error("a field block was interrupted");
    }
    const end = type <= FrameType.HEADERS && (flags & Flag.END_STREAM) !== 0 ? " END_STREAM" : "";
    switch (type) {
      case FrameType.DATA: {
        const text = String.fromCharCode(...payload.subarray(0, 21));
        return [`DATA ${id}${end} ${payload.length <= 20 ? JSON.stringify(text) : `${payload.length} bytes`}`];
      }
      case FrameType.HEADERS:
        this.#head = one;
        this.#pieces = [payload];
        return (flags & Flag.END_HEADERS) === 0 ? [] : [this.#headLine(one)];
      case FrameType.CONTINUATION: {
        if (this.#head === null) throw new Error("CONTINUATION without HEADERS");
        this.#pieces.push(payload);
        return (flags & Flag.END_HEADERS) === 0 ? [] : [this.#headLine(this.#head)];
      }
      case FrameType.RST_STREAM:
        return [`RST_STREAM ${id} ${errorCodeName(uint32(payload, 0))}`];
      case FrameType.SETTINGS:
        return [settingsLine(flags, payload)];
      case FrameType.PING:
        return [`PING${(flags & Flag.ACK) !== 0 ? " ACK" : ""} ${String.fromCharCode(...payload)}`];
      case FrameType.GOAWAY: {
        const debug = String.fromCharCode(...payload.subarray(8));
        return [`GOAWAY ${uint32(payload, 0)} ${errorCodeName(uint32(payload, 4))}${debug === "" ? "" : `: ${debug}`}`];
      }
      case FrameType.WINDOW_UPDATE:
        return [`WINDOW_UPDATE ${id} +${uint32(payload, 0)}`];
      default:
        throw new Error(`a frame of type ${type} was sent`);
    }
  }

  #headLine({ flags, id }: SentFrame): string {
    const bytes = concat(this.#pieces);
    const more = this.#pieces.length - 1;
    this.#head = null;
    const { fields } = this.#decoder.decode(bytes, 0, bytes.length);
    const end = (flags & Flag.END_STREAM) !== 0 ? " END_STREAM" : "";
    return `HEADERS ${id}${end} ${fieldsText(fields)}${more === 0 ? "" : ` +${more} CONTINUATION`}`;
  }
}

/** `name: value, name: value`; long values by their length. */
export function fieldsText(fields: readonly string[]): string {
  const parts: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1];
    parts.push(`${fields[i]}: ${value.length > 100 ? `(${value.length})` : value}`);
  }
  return parts.join(", ");
}

function settingsLine(flags: number, payload: Uint8Array): string {
  if ((flags & Flag.ACK) !== 0) return "SETTINGS ACK";
  const parts = ["SETTINGS"];
  for (let at = 0; at < payload.length; at += 6) {
    const id = (payload[at] << 8) | payload[at + 1];
    parts.push(`${settingNames.get(id) ?? id}=${uint32(payload, at + 2)}`);
  }
  return parts.join(" ");
}
