/**
 * Bytes of bodies held in memory by the whole process (invariant 7). Windows bound a call and a connection; this bounds
 * their sum: while it is exhausted, connections get credit only for bytes that have left.
 */
export class Budget {
  readonly #max: number;
  readonly #waiting = new Set<() => void>();
  #held = 0;
  #pinned = 0;

  /** @param maxBytes the bound; it can be overshot by one connection window per connection, never by more */
  constructor(maxBytes: number) {
    this.#max = maxBytes;
  }

  get held(): number {
    return this.#held;
  }

  get exhausted(): boolean {
    return this.#held > this.#max;
  }

  get pinned(): number {
    return this.#pinned;
  }

  /** What cannot give way is more than the bound by itself. */
  get full(): boolean {
    return this.#pinned > this.#max;
  }

  /** So many of the bytes that are held cannot give way: they are nowhere else. Less than 0: some can again. */
  pin(bytes: number): void {
    this.#pinned += bytes;
  }

  hold(bytes: number): void {
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
    if (this.#waiting.size > 0 && !this.exhausted) this.#wake();
  }

  /** Calls `run` once, when the budget is not exhausted any more. The same function waits only once. */
  whenFree(run: () => void): void {
    this.#waiting.add(run);
  }

  forget(run: () => void): void {
    this.#waiting.delete(run);
  }

  #wake(): void {
    const runs = [...this.#waiting];
    this.#waiting.clear();
    for (const run of runs) run();
  }
}
