/** Pieces below this are put together while they wait: each is an object otherwise, of some 200 bytes beside its own. */
const SMALL_BYTES = 1_024;
/** Where they are put together. */
const BLOCK_BYTES = 4_096;
/** A piece keeps the chunk of the socket that it came in alive up to this size; it is copied out of a larger one. */
const KEEP_CHUNK_BYTES = 16_384;

/**
 * What has come of a body and was not read yet. What it costs is bounded by its bytes: a pod may send a window of a quarter of a
 * million bytes in as many DATA frames.
 */
export class WaitingPieces {
  readonly #pieces: Uint8Array[] = [];
  /** The newest ones, when they are small. */
  #block: Uint8Array | null = null;
  #filled = 0;
  /** How many wait. */
  bytes = 0;

  /** @param piece a view of the caller's; kept, or copied */
  add(piece: Uint8Array): void {
    this.bytes += piece.length;
    const last = this.#pieces.at(-1);
    const small = piece.length < SMALL_BYTES;
    // The first small one is left as it is: mostly it is the only one, and read at once.
    if (!small || (this.#block === null && (last === undefined || last.length >= SMALL_BYTES))) {
      this.#close();
      this.#pieces.push(keepable(piece));
      return;
    }
    if (this.#block === null || this.#filled + piece.length > BLOCK_BYTES) {
      this.#close();
      this.#block = new Uint8Array(BLOCK_BYTES);
    }
    (this.#block as Uint8Array).set(piece, this.#filled);
    this.#filled += piece.length;
  }

  /** The oldest bytes; undefined when none wait. */
  take(): Uint8Array | undefined {
    if (this.#pieces.length === 0) this.#close();
    const piece = this.#pieces.shift();
    if (piece !== undefined) this.bytes -= piece.length;
    return piece;
  }

  clear(): void {
    this.#pieces.length = 0;
    this.#block = null;
    this.#filled = 0;
    this.bytes = 0;
  }

  #close(): void {
    if (this.#block === null) return;
    const filled = this.#block.subarray(0, this.#filled);
    this.#pieces.push(this.#filled * 2 < BLOCK_BYTES ? filled.slice() : filled);
    this.#block = null;
    this.#filled = 0;
  }
}

/** The piece itself, or a copy that does not keep a large chunk alive for a few bytes. */
export function keepable(piece: Uint8Array): Uint8Array {
  const chunk = piece.buffer.byteLength;
  return chunk > KEEP_CHUNK_BYTES && piece.length * 2 < chunk ? piece.slice() : piece;
}
