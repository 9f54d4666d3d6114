/** Something with bytes to send at the end of this turn of the event loop. */
export interface Flushable {
  flush(): void;
  /** `flush` has thrown: a mistake of ours. Must not throw. */
  broken(error: unknown): void;
}

/**
 * Gathers what many connections want to write and flushes each once per turn of the event loop: one system call per turn and
 * connection is most of what makes the engine fast (design.md D1).
 */
export class Flusher {
  readonly #soon: (run: () => void) => void;
  #dirty: Flushable[] = [];
  #spare: Flushable[] = [];
  readonly #run = (): void => {
    const dirty = this.#dirty;
    this.#dirty = this.#spare;
    for (let i = 0; i < dirty.length; i++) {
      try {
        dirty[i].flush();
      } catch (error) {
        // Flushing calls those who wait for bytes to leave. One connection's mistake must not keep the others from sending.
        dirty[i].broken(error);
      }
    }
    dirty.length = 0;
    this.#spare = dirty;
  };

  /** @param soon runs a function after this turn's I/O events ({@link Machine.soon}) */
  constructor(soon: (run: () => void) => void) {
    this.#soon = soon;
  }

  /** The caller makes sure that it adds itself once per turn. */
  add(connection: Flushable): void {
    if (this.#dirty.push(connection) === 1) this.#soon(this.#run);
  }
}
