/** Bytes of one chunk's extension that are skipped. Nobody sends any; without a bound they cost us work and hold no data (CVE-2023-39326). */
const MAX_EXTENSION_BYTES = 256;
/** Bytes of all trailers, which are read and thrown away: no protocol of ours has any in a request. */
const MAX_TRAILER_BYTES = 8_192;

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const COLON = 0x3a;
/** RFC 9110 5.6.2, tchar. */
const NAME_BYTES: readonly boolean[] = Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)),
);

const State = {
  /** At the first digit of a size. */
  SIZE_START: 0,
  SIZE: 1,
  /** After a blank behind the size: only more of them or an extension may follow (RFC 9112 7.1.1). */
  SIZE_BLANK: 12,
  EXTENSION: 2,
  SIZE_LF: 3,
  DATA: 4,
  DATA_CR: 5,
  DATA_LF: 6,
  /** At the start of a trailer, or of the empty line that ends the body. */
  LINE_START: 7,
  TRAILER_NAME: 13,
  TRAILER: 8,
  TRAILER_LF: 9,
  END_LF: 10,
  DONE: 11,
} as const;

/** Takes the data of a body; `start` to `end` of `bytes`. */
export type TakeData = (bytes: Uint8Array, start: number, end: number) => void;

/**
 * Reads a body in chunked coding (RFC 9112 7.1), cut anywhere. Strict: every line ends with CRLF, sizes are hexadecimal digits and
 * nothing else, because a reader that is more lenient than the proxy in front of it sees other requests than that does.
 */
export class ChunkedBody {
  #state: number = State.SIZE_START;
  /** Of the chunk, while it is read; then what is left of it. */
  #size = 0;
  /** Of the extension or of the trailers. */
  #skipped = 0;

  get done(): boolean {
    return this.#state === State.DONE;
  }

  /**
   * Reads `bytes` from `at` on, up to `end` or to the end of the body.
   * @returns the offset after what was read; -1 when the body is malformed
   */
  read(bytes: Uint8Array, at: number, end: number, take: TakeData): number {
    let i = at;
    while (i < end && this.#state !== State.DONE) {
      if (this.#state === State.DATA) {
        const until = Math.min(end, i + this.#size);
        this.#size -= until - i;
        if (this.#size === 0) this.#state = State.DATA_CR;
        take(bytes, i, until);
        i = until;
      } else if (!this.#step(bytes[i++])) return -1;
    }
    return i;
  }

  /** One byte that is not data. @returns false when it may not stand there */
  #step(byte: number): boolean {
    switch (this.#state) {
      case State.SIZE_START:
        this.#size = 0;
        this.#skipped = 0;
        this.#state = State.SIZE;
        return this.#digit(byte);
      case State.SIZE:
        if (byte === CR) return this.#go(State.SIZE_LF);
        if (byte === SEMICOLON) return this.#go(State.EXTENSION);
        if (isBlank(byte)) return this.#go(State.SIZE_BLANK);
        // Zeros in front make no number larger, and are not to come without end.
        return this.#digit(byte) && ++this.#skipped <= MAX_EXTENSION_BYTES;
      case State.SIZE_BLANK:
        if (byte === SEMICOLON) return this.#go(State.EXTENSION);
        return isBlank(byte) && ++this.#skipped <= MAX_EXTENSION_BYTES;
      case State.EXTENSION:
        if (byte === CR) return this.#go(State.SIZE_LF);
        return isText(byte) && ++this.#skipped <= MAX_EXTENSION_BYTES;
      case State.SIZE_LF:
        this.#skipped = 0;
        return byte === LF && this.#go(this.#size === 0 ? State.LINE_START : State.DATA);
      case State.DATA_CR:
        return byte === CR && this.#go(State.DATA_LF);
      case State.DATA_LF:
        return byte === LF && this.#go(State.SIZE_START);
      case State.LINE_START:
        if (byte === CR) return this.#go(State.END_LF);
        this.#state = State.TRAILER_NAME;
        return isNameByte(byte) && ++this.#skipped <= MAX_TRAILER_BYTES;
      case State.TRAILER_NAME:
        // A reader that sees the end at `0 CRLF` would take a request line for what it is; it is no trailer, and is refused.
        if (byte === COLON) return this.#go(State.TRAILER);
        return isNameByte(byte) && ++this.#skipped <= MAX_TRAILER_BYTES;
      case State.TRAILER:
        if (byte === CR) return this.#go(State.TRAILER_LF);
        return isText(byte) && ++this.#skipped <= MAX_TRAILER_BYTES;
      case State.TRAILER_LF:
        this.#skipped += 2;
        return byte === LF && this.#go(State.LINE_START);
      case State.END_LF:
        return byte === LF && this.#go(State.DONE);
      default:
        return false;
    }
  }

  #go(state: number): true {
    this.#state = state;
    return true;
  }

  #digit(byte: number): boolean {
    const lower = byte | 0x20;
    const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
    this.#size = this.#size * 16 + digit;
    return digit >= 0 && Number.isSafeInteger(this.#size);
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function isNameByte(byte: number): boolean {
  return NAME_BYTES[byte];
}

/** No control but the tab. */
function isText(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : byte === 0x09;
}
