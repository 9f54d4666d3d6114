import type { Clock, Log, ReadBytes, Timer } from "../runtime/machine.ts";
import { readDescriptorSet, type Schema, sameBytes } from "./schema.ts";

/** A file is read and compared this often. It is in the page cache: some hundred microseconds for a large one. */
const POLL_MS = 5_000;

export interface DescriptorSetParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly readBytes: ReadBytes;
}

/** A descriptor set in a file, `buf build -o` or `protoc --include_imports -o`, loaded again when it changes. */
export class DescriptorSet {
  readonly path: string;
  #schema: Schema | null = null;
  #bytes: Uint8Array = new Uint8Array(0);
  readonly #parts: DescriptorSetParts;
  #timer: Timer | null = null;
  #stopped = false;
  #lastError = "";

  constructor(path: string, parts: DescriptorSetParts) {
    this.path = path;
    this.#parts = parts;
  }

  /** Null before it has been loaded. */
  get schema(): Schema | null {
    return this.#schema;
  }

  /** @throws (rejects) when the file cannot be read or is no descriptor set */
  async start(): Promise<void> {
    try {
      await this.#load();
    } catch (error) {
      throw new Error(`descriptor set ${this.path}: ${messageOf(error)}`);
    }
    this.#poll();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #poll(): void {
    if (this.#stopped) return;
    this.#timer = this.#parts.clock.timer(() => void this.#reload().then(() => this.#poll()), POLL_MS);
  }

  /** A file that is being written, or gone for a moment, changes nothing but the log. */
  async #reload(): Promise<void> {
    const { log } = this.#parts;
    try {
      if (await this.#load()) log.info("descriptor set reloaded", { path: this.path });
      this.#lastError = "";
    } catch (error) {
      const message = messageOf(error);
      if (message !== this.#lastError) log.warn("descriptor set not reloaded", { path: this.path, error: message });
      this.#lastError = message;
    }
  }

  /** @returns true when it has changed */
  async #load(): Promise<boolean> {
    const bytes = await this.#parts.readBytes(this.path);
    if (this.#schema !== null && sameBytes(bytes, this.#bytes)) return false;
    this.#schema = readDescriptorSet(bytes);
    this.#bytes = bytes;
    return true;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
