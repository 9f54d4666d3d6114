import { DISCARD_BYTES, LINGER_MS, readerOf, type WithBody } from "../../protocols/fetch.ts";
import type { Clock } from "../../runtime/machine.ts";

/**
 * A request's body that can be sent more than once: what was read is kept up to a limit. The one that was opened last gets it all,
 * also what another one, which has failed meanwhile, had asked the client for.
 */
export class ReplayableBody {
  readonly #source: ReadableStreamDefaultReader<Uint8Array> | null;
  readonly #limit: number;
  /** What was read, without the first `#dropped` pieces. */
  #pieces: Uint8Array[] = [];
  #dropped = 0;
  #bytes = 0;
  #complete = true;
  #ended: boolean;
  #broken = false;
  /** Nobody needs it any more. */
  #over = false;
  /** The client is being asked for the next piece. */
  #reading: Promise<void> | null = null;
  /** Opens so far: only the last one's stream reads on. */
  #opened = 0;

  /** @param limit bytes that are kept @throws when the body was read, or is being read, by somebody else */
  constructor(request: WithBody, limit: number) {
    this.#source = readerOf(request);
    this.#limit = limit;
    this.#ended = this.#source === null;
  }

  /** It can be sent again, from its beginning. */
  get repeatable(): boolean {
    return this.#complete;
  }

  /** Everything has come and is kept. */
  get whole(): boolean {
    return this.#ended && this.#complete;
  }

  /** The client broke off. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Reads ahead to the end, or to the limit. @throws (rejects) when the client breaks off */
  async buffer(): Promise<void> {
    while (!this.#ended && !this.#over && this.#bytes <= this.#limit) await this.#more();
  }

  /** The body for one attempt: bytes when it is here whole, else a stream. Null for none. */
  open(): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null {
    this.#opened++;
    if (this.#source === null) return null;
    if (this.whole) return joined(this.#pieces, this.#bytes);
    return this.#stream(this.#opened);
  }

  #stream(mine: number): ReadableStream<Uint8Array> {
    if (this.#bytes > this.#limit) this.#complete = false;
    let at = 0;
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          while (this.#opened === mine && at === this.#dropped + this.#pieces.length && !this.#ended)
            await this.#more();
          const piece = this.#opened === mine ? this.#pieces[at - this.#dropped] : undefined;
          if (piece === undefined) {
            controller.close();
            return;
          }
          at++;
          if (!this.#complete) this.#drop(at);
          controller.enqueue(piece);
        },
      },
      // Nothing is read from the client before the platform asks for it: what was not asked for was not sent either.
      { highWaterMark: 0 },
    );
  }

  /** Nobody needs the pieces before this one again. */
  #drop(before: number): void {
    this.#pieces.splice(0, before - this.#dropped);
    this.#dropped = before;
  }

  /** One piece more, or the end. Who asks while another one waits gets the same. @throws (rejects) when the client breaks off */
  #more(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    const result = await this.#source?.read().catch((error: unknown) => {
      this.#broken = true;
      throw error;
    });
    if (result === undefined || result.done) {
      this.#ended = true;
      return;
    }
    this.#bytes += result.value.length;
    if (this.#over) return;
    this.#pieces.push(result.value);
    // While reading ahead the piece that exceeds the limit goes into the first attempt, which may still be made.
    if (this.#bytes > this.#limit && this.#opened > 0) this.#complete = false;
  }

  /**
   * The client has been answered: what it still sends is read, because platforms close the connection of a request that is not,
   * and a client that is sending then may lose an answer that it has not read. Resolves at its end, or when it is given up.
   */
  async finish(clock: Pick<Clock, "timer">): Promise<void> {
    this.#leave();
    if (this.#ended || this.#broken) return;
    const most = this.#bytes + DISCARD_BYTES;
    await new Promise<void>((resolve) => {
      const timer = clock.timer(resolve, LINGER_MS);
      const read = async (): Promise<void> => {
        while (!this.#ended && this.#bytes <= most) await this.#more();
        this.cancel();
      };
      read()
        .then(resolve, resolve)
        .finally(() => timer.cancel());
    });
  }

  /** Nobody needs it any more. */
  cancel(): void {
    this.#leave();
    if (!this.#ended) this.#source?.cancel().catch(() => {});
  }

  #leave(): void {
    this.#over = true;
    this.#opened++;
    this.#pieces = [];
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
