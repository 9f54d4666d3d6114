import { ENVELOPE_BYTES, type EnvelopeError, EnvelopeFlag } from "../protocols/envelope.ts";

/** One message out of its envelope. `bytes` is only valid until more is added. */
export interface Message {
  readonly compressed: boolean;
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

/** Takes a body apart into messages, wherever its bytes are cut. Holds one message at most, and what came in the same chunk. */
export class MessageReader {
  readonly #maxBytes: number;
  /** What has not been read: `#bytes` from `#start` to `#end`. */
  #bytes: Uint8Array = nothing;
  #start = 0;
  #end = 0;
  /** `#bytes` was made here; a chunk that came in is never written to. */
  #own = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that were allocated here. */
  get held(): number {
    return this.#own ? this.#bytes.length : 0;
  }

  /** Lets go of everything. */
  drop(): void {
    this.#bytes = nothing;
    this.#start = 0;
    this.#end = 0;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    const have = this.#end - this.#start;
    if (have === 0) {
      this.#bytes = bytes;
      this.#start = start;
      this.#end = end;
      this.#own = false;
      return;
    }
    const add = end - start;
    if (!this.#own || this.#bytes.length - this.#end < add) this.#move(Math.max(have + add, this.#room(have)));
    this.#bytes.set(bytes.subarray(start, end), this.#end);
    this.#end += add;
  }

  /** The next message that is there whole; null until more has come. */
  next(): Message | { readonly error: EnvelopeError } | null {
    const bytes = this.#bytes;
    const at = this.#start;
    if (this.#end - at < ENVELOPE_BYTES) return null;
    const flags = bytes[at];
    if ((flags & ~EnvelopeFlag.COMPRESSED) !== 0) return { error: { kind: "flags", flags } };
    const length = this.#announced();
    if (length > this.#maxBytes) return { error: { kind: "length", length } };
    const from = at + ENVELOPE_BYTES;
    if (this.#end - from < length) return null;
    this.#start = from + length;
    return { compressed: (flags & EnvelopeFlag.COMPRESSED) !== 0, bytes: bytes.subarray(from, from + length) };
  }

  /** The chunk that was added has been read as far as it goes: the rest is kept apart from it, so that the chunk can go. */
  settle(): void {
    const have = this.#end - this.#start;
    if (have === 0) this.drop();
    else if (!this.#own) this.#move(have);
  }

  /** Bytes are left that are no whole message. */
  finish(): EnvelopeError | null {
    const have = this.#end - this.#start;
    if (have === 0) return null;
    if (have < ENVELOPE_BYTES) return { kind: "truncated", missing: ENVELOPE_BYTES - have };
    return { kind: "truncated", missing: this.#needed() - have };
  }

  #announced(): number {
    const bytes = this.#bytes;
    const at = this.#start;
    return ((bytes[at + 1] << 24) | (bytes[at + 2] << 16) | (bytes[at + 3] << 8) | bytes[at + 4]) >>> 0;
  }

  /** Twice as much as there is, so that bytes are not copied with every chunk; and no more than the message under way needs. */
  #room(have: number): number {
    const needed = this.#needed();
    return needed > have ? Math.min(have * 2, needed) : have * 2;
  }

  /** Of the message that is under way, with its envelope, as far as that is known: {@link next} has checked the length. */
  #needed(): number {
    return this.#end - this.#start < ENVELOPE_BYTES ? ENVELOPE_BYTES : ENVELOPE_BYTES + this.#announced();
  }

  #move(room: number): void {
    const moved = new Uint8Array(room);
    moved.set(this.#bytes.subarray(this.#start, this.#end));
    this.#end -= this.#start;
    this.#start = 0;
    this.#bytes = moved;
    this.#own = true;
  }
}
