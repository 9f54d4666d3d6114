/**
 * A request's body that can be sent more than once: what was read is kept up to a limit. The one that was opened last gets what
 * comes after that.
 */
export class ReplayableBody {
  readonly #source: ReadableStreamDefaultReader<Uint8Array> | null;
  readonly #limit: number;
  #kept: Uint8Array[] = [];
  #bytes = 0;
  #complete = true;
  #ended: boolean;
  /** Opens so far: only the last one's stream reads on. */
  #opened = 0;

  /** @param limit bytes that are kept */
  constructor(body: ReadableStream<Uint8Array> | null, limit: number) {
    this.#source = body?.getReader() ?? null;
    this.#limit = limit;
    this.#ended = body === null;
  }

  /** It can be sent again, from its beginning. */
  get repeatable(): boolean {
    return this.#complete;
  }

  /** Everything has come and is kept. */
  get whole(): boolean {
    return this.#ended && this.#complete;
  }

  /** Reads ahead to the end, or to the limit. @throws (rejects) when the client breaks off */
  async buffer(): Promise<void> {
    while (!this.#ended && this.#bytes <= this.#limit) await this.#more();
  }

  /** The body for one attempt: bytes when it is here whole, else a stream. Null for none. */
  open(): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null {
    this.#opened++;
    if (this.#source === null) return null;
    if (this.whole) return joined(this.#kept, this.#bytes);
    return this.#stream(this.#opened);
  }

  #stream(mine: number): ReadableStream<Uint8Array> {
    const before = [...this.#kept];
    if (this.#bytes > this.#limit) this.#forget();
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const kept = before.shift();
          if (kept !== undefined) {
            controller.enqueue(kept);
            return;
          }
          const next = this.#opened === mine ? await this.#more() : null;
          if (next === null) controller.close();
          else controller.enqueue(next);
        },
      },
      // Nothing is read from the client before the platform asks for it: what was not asked for was not sent either.
      { highWaterMark: 0 },
    );
  }

  /** @returns null at the end */
  async #more(): Promise<Uint8Array | null> {
    const result = await this.#source?.read();
    if (result === undefined || result.done) {
      this.#ended = true;
      return null;
    }
    const { value } = result;
    this.#bytes += value.length;
    // While reading ahead the piece that exceeds the limit must be kept, too: it has gone nowhere yet.
    if (this.#complete) this.#kept.push(value);
    if (this.#bytes > this.#limit && this.#opened > 0) this.#forget();
    return value;
  }

  #forget(): void {
    this.#complete = false;
    this.#kept = [];
  }

  /** Nobody needs it any more. */
  cancel(): void {
    this.#opened++;
    this.#kept = [];
    this.#source?.cancel().catch(() => {});
  }
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
