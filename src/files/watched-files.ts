import type { Log, LogFields, Machine, Timer } from "../runtime/machine.ts";

/** Files are read and compared this often. They are in the page cache: some hundred microseconds for a large one. */
const POLL_MS = 5_000;

export interface WatchParts {
  readonly machine: Pick<Machine, "clock" | "readBytes">;
  readonly log: Log;
}

export interface Watch {
  /** What they are, for logs: `descriptor set`. */
  readonly what: string;
  /** Where they belong, for logs. */
  readonly of: LogFields;
  /** Read together: a change of one is a change of all. */
  readonly paths: readonly string[];
  /**
   * Puts the contents in force, in the order of the paths.
   * @throws when they cannot be used: the last ones stay in force then
   */
  readonly take: (contents: readonly Uint8Array[]) => void;
}

/**
 * Files that are read at the start, and again when they have changed. They are asked rather than watched: notices of the file system
 * differ between systems, and do not come for a Secret or a ConfigMap, which Kubernetes changes by moving a symbolic link.
 */
export class WatchedFiles {
  readonly #watch: Watch;
  readonly #parts: WatchParts;
  /** Null before the first load. */
  #contents: readonly Uint8Array[] | null = null;
  #timer: Timer | null = null;
  #stopped = false;
  #lastError = "";

  constructor(watch: Watch, parts: WatchParts) {
    this.#watch = watch;
    this.#parts = parts;
  }

  /** @throws (rejects) when a file cannot be read, and as `take` does */
  async start(): Promise<void> {
    await this.#load();
    if (this.#watch.paths.length > 0) this.#poll();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #poll(): void {
    if (this.#stopped) return;
    this.#timer = this.#parts.machine.clock.timer(() => void this.#reload().then(() => this.#poll()), POLL_MS);
  }

  /** Files that are being written, or gone for a moment, change nothing but the log. */
  async #reload(): Promise<void> {
    const { log } = this.#parts;
    const { what, of } = this.#watch;
    try {
      if (await this.#load()) log.info(`${what} reloaded`, of);
      this.#lastError = "";
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.#lastError) log.warn(`${what} not reloaded`, { ...of, error: message });
      this.#lastError = message;
    }
  }

  /** @returns true when they have changed */
  async #load(): Promise<boolean> {
    const contents = await Promise.all(this.#watch.paths.map((path) => this.#parts.machine.readBytes(path)));
    // Whoever has closed it meanwhile wants nothing of it any more.
    if (this.#stopped || (this.#contents !== null && sameContents(contents, this.#contents))) return false;
    this.#watch.take(contents);
    this.#contents = contents;
    return true;
  }
}

function sameContents(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return some.every((bytes, index) => sameBytes(bytes, others[index]));
}

export function sameBytes(some: Uint8Array, others: Uint8Array): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at++) if (some[at] !== others[at]) return false;
  return true;
}
