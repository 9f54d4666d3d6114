import type { ByteStream, ByteStreamHandler } from "./machine.ts";

/** Bytes that wait for the platform above which `write` reports back-pressure: see bytestream.ts. */
const HIGH_WATER_MARK = 128 * 1024;

/** A connection as the two streams of the web's standard. */
export interface StreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Ends both at once. */
  close(): Promise<unknown>;
}

/** A {@link StreamPair}, which may still have to be opened, as a {@link ByteStream}. */
export class WebStream implements ByteStream {
  readonly peer: string;
  readonly #handler: ByteStreamHandler;
  #pair: StreamPair | null = null;
  #writer: WritableStreamDefaultWriter<Uint8Array> | null = null;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  /** Bytes that were written and that the platform has not taken. */
  #queued = 0;
  #blocked = false;
  #readEnded = false;
  #writeEnded = false;
  #over = false;
  /** Called to go on reading; null while nobody waits. */
  #resume: (() => void) | null = null;
  #paused = false;

  /** @param handler hears nothing before the caller has this stream in hand */
  constructor(peer: string, handler: ByteStreamHandler) {
    this.peer = peer;
    this.#handler = handler;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The connection is there. */
  opened(pair: StreamPair): void {
    if (this.#over) {
      pair.close().catch(() => {});
      return;
    }
    this.#pair = pair;
    this.#writer = pair.writable.getWriter();
    // Its rejection comes by each write, too; unhandled it would be told as an error of the whole worker.
    this.#writer.closed.catch(() => {});
    this.#reader = pair.readable.getReader();
    this.#handler.opened?.();
    void this.#read(this.#reader);
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (this.#over) return;
        if (done) break;
        if (value.length > 0) this.#handler.received(value);
        if (this.#paused && !this.#over) {
          await new Promise<void>((resolve) => {
            this.#resume = resolve;
          });
        }
      }
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#readEnded = true;
    this.#handler.ended();
    if (this.#writeEnded) this.#close(null);
  }

  write(bytes: Uint8Array): boolean {
    const writer = this.#writer;
    if (writer === null || this.#over || this.#writeEnded) return true;
    this.#queued += bytes.length;
    writer.write(bytes).then(
      () => this.#taken(bytes.length),
      (error: unknown) => this.fail(error),
    );
    if (this.#queued < HIGH_WATER_MARK) return true;
    this.#blocked = true;
    return false;
  }

  writeAll(chunks: readonly Uint8Array[]): boolean {
    let below = true;
    for (const chunk of chunks) below = this.write(chunk);
    return below;
  }

  #taken(bytes: number): void {
    this.#queued -= bytes;
    if (this.#queued > 0 || !this.#blocked || this.#over) return;
    this.#blocked = false;
    this.#handler.drained();
  }

  end(): void {
    if (this.#writeEnded || this.#over) return;
    this.#writeEnded = true;
    const closed = this.#writer?.close() ?? Promise.resolve();
    closed.then(
      () => {
        if (this.#readEnded) this.#close(null);
      },
      (error: unknown) => this.fail(error),
    );
  }

  destroy(): void {
    this.#close(null);
  }

  /** It could not be opened, or has broken. */
  fail(error: unknown): void {
    this.#close(error instanceof Error ? error : new Error(String(error)));
  }

  #close(reason: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#queued = 0;
    this.resume();
    this.#pair?.close().catch(() => {});
    // Not from within the caller's own call, as with sockets of the machine.
    queueMicrotask(() => this.#handler.closed(reason));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  queued(): number {
    return this.#queued;
  }
}
