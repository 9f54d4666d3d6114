import type { Stream } from "./stream.ts";

/** Slots of a connection's first streams. */
const FIRST_SLOTS = 16;
/** Above this, streams that want the same slot go to a map: a peer that skips identifiers must not buy memory. */
const MOST_SLOTS = 512;

/**
 * The open streams of a connection by identifier. An array ring, because identifiers of one side count up by two: a Map with
 * so much coming and going keeps its outgrown tables, and the streams in them, alive until the next full collection, which
 * cost a third of the gateway's CPU in scavenges (docs/decisions/0004-profile.md).
 */
export class StreamTable {
  size = 0;
  #slots: (Stream | null)[] = new Array<Stream | null>(FIRST_SLOTS).fill(null);
  #mask = FIRST_SLOTS - 1;
  /** Streams whose slot is taken by one that is open for long; nearly always absent. */
  #others: Map<number, Stream> | null = null;

  get(id: number): Stream | undefined {
    const stream = this.#slots[(id >>> 1) & this.#mask];
    if (stream !== null && stream.id === id) return stream;
    return this.#others === null ? undefined : this.#others.get(id);
  }

  /** The identifier is not in the table. */
  set(id: number, stream: Stream): void {
    this.size++;
    while (this.#slots[(id >>> 1) & this.#mask] !== null) {
      if (this.#slots.length >= MOST_SLOTS) {
        this.#others ??= new Map();
        this.#others.set(id, stream);
        return;
      }
      this.#grow();
    }
    this.#slots[(id >>> 1) & this.#mask] = stream;
  }

  delete(id: number): void {
    const slot = (id >>> 1) & this.#mask;
    if (this.#slots[slot]?.id === id) {
      this.#slots[slot] = null;
      this.size--;
    } else if (this.#others?.delete(id)) {
      this.size--;
      if (this.#others.size === 0) this.#others = null;
    }
  }

  /** A copy, in no particular order: the table may be changed while it is gone through. */
  values(): Stream[] {
    const all: Stream[] = this.#others === null ? [] : [...this.#others.values()];
    for (const stream of this.#slots) if (stream !== null) all.push(stream);
    return all;
  }

  /** Twice the slots keep apart what was apart. */
  #grow(): void {
    const old = this.#slots;
    const larger = new Array<Stream | null>(old.length * 2).fill(null);
    this.#mask = larger.length - 1;
    for (const stream of old) if (stream !== null) larger[(stream.id >>> 1) & this.#mask] = stream;
    this.#slots = larger;
  }
}
