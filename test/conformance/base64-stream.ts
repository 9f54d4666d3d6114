/**
 * Base64 as grpc-web-text has it on the wire: pieces that are padded each on their own, in writes that are cut anywhere.
 * Written apart from src/protocols/base64.ts, because it is what that is measured with.
 */

/** Sizes of the pieces in turn, in bytes: with both kinds of padding, with none, and all of what there is. */
const PIECES = [1, 2, 3, 7, 64, Number.POSITIVE_INFINITY] as const;
/** Sizes of the writes in turn, in characters: inside a quantum as well as at its end. */
const WRITES = [3, 5, 4, Number.POSITIVE_INFINITY] as const;

/** Encodes a body chunk by chunk. Nothing is held back: a message is on the wire as soon as it was given. */
export class TextEncoding {
  #piece: number;
  #write: number;

  /** @param seed where in the rounds of sizes it begins */
  constructor(seed: number) {
    this.#piece = seed % PIECES.length;
    this.#write = seed % WRITES.length;
  }

  /** @returns the writes to make */
  encode(bytes: Uint8Array): string[] {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + PIECES[this.#piece]);
      this.#piece = (this.#piece + 1) % PIECES.length;
      text += Buffer.from(bytes.subarray(at, end)).toString("base64");
      at = end;
    }
    const writes: string[] = [];
    for (let at = 0; at < text.length; ) {
      const end = Math.min(text.length, at + WRITES[this.#write]);
      this.#write = (this.#write + 1) % WRITES.length;
      writes.push(text.slice(at, end));
      at = end;
    }
    return writes;
  }
}

const QUANTA = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?/;

/** Decodes a body write by write. */
export class TextDecoding {
  #rest = "";

  /** @throws when it is not base64 */
  decode(text: Uint8Array): Buffer {
    this.#rest += Buffer.from(text).toString("latin1");
    const decoded: Buffer[] = [];
    for (;;) {
      // Up to the next padding, or all whole quanta.
      const match = QUANTA.exec(this.#rest)?.[0] ?? "";
      if (match === "") break;
      decoded.push(Buffer.from(match, "base64"));
      this.#rest = this.#rest.slice(match.length);
    }
    if (this.#rest.length >= 4) throw new Error(`not base64: ${JSON.stringify(this.#rest.slice(0, 20))}`);
    return Buffer.concat(decoded);
  }

  /** @throws when it ends inside a quantum */
  finish(): void {
    if (this.#rest !== "") throw new Error(`the body ends inside a base64 quantum: ${JSON.stringify(this.#rest)}`);
  }
}
