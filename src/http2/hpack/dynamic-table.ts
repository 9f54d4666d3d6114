import { HpackError } from "./error.ts";
import { FIRST_DYNAMIC_INDEX } from "./static-table.ts";

/** "the size of an entry is the sum of its name's length in octets, its value's length in octets, and 32" (RFC 7541 4.1). */
export const ENTRY_OVERHEAD = 32;

/** SETTINGS_HEADER_TABLE_SIZE until a SETTINGS frame says otherwise (RFC 9113 6.5.2). */
export const DEFAULT_TABLE_SIZE = 4096;

const FIRST_CAPACITY = 16;

/**
 * The dynamic table of one direction of a connection (RFC 7541 2.3.2): a ring, so that insertion and eviction are O(1). The
 * ring grows by doubling as entries come, to at most twice what the maximum size admits.
 */
export class DynamicTable {
  /** In octets as RFC 7541 4.1 counts them. */
  maxSize: number;
  size = 0;
  count = 0;
  /** Changes whenever an index changes its meaning: what was derived from the table earlier is void then. */
  generation = 0;
  private names: string[] = new Array<string>(FIRST_CAPACITY).fill("");
  private values: string[] = new Array<string>(FIRST_CAPACITY).fill("");
  /** Capacity - 1; the capacity is a power of two. */
  private mask = FIRST_CAPACITY - 1;
  /** How many entries were ever inserted: the newest entry lies at (inserted - 1) & mask. */
  private inserted = 0;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  /**
   * The slot for {@link name} and {@link value} of an index in the joint address space (RFC 7541 2.3.3), valid until the next insertion.
   * @throws HpackError when there is no such entry
   */
  slot(index: number): number {
    const age = index - FIRST_DYNAMIC_INDEX;
    if (age >= this.count) throw new HpackError(`index ${index} is beyond the dynamic table`);
    return (this.inserted - 1 - age) & this.mask;
  }

  name(slot: number): string {
    return this.names[slot];
  }

  value(slot: number): string {
    return this.values[slot];
  }

  /** The slot of the entry that would be evicted first; there must be one. */
  oldest(): number {
    return (this.inserted - this.count) & this.mask;
  }

  /** Adds an entry, evicting as needed. One that is larger than the table empties it and is not added: no error (RFC 7541 4.4). */
  insert(name: string, value: string): void {
    const size = name.length + value.length + ENTRY_OVERHEAD;
    this.evictDownTo(this.maxSize - size);
    this.generation++;
    if (size > this.maxSize) return;
    if (this.count > this.mask) this.grow();
    const slot = this.inserted & this.mask;
    this.names[slot] = name;
    this.values[slot] = value;
    this.inserted++;
    this.count++;
    this.size += size;
  }

  /** Evicts the oldest entries until the size is at most `size`, or the table is empty. */
  evictDownTo(size: number): void {
    while (this.size > size && this.count > 0) this.evict();
  }

  /** Evicts the oldest entry; there must be one. */
  evict(): void {
    const slot = this.oldest();
    this.size -= this.names[slot].length + this.values[slot].length + ENTRY_OVERHEAD;
    this.names[slot] = "";
    this.values[slot] = "";
    this.count--;
    this.generation++;
  }

  /** A dynamic table size update (RFC 7541 4.3). */
  resize(maxSize: number): void {
    this.maxSize = maxSize;
    this.generation++;
    this.evictDownTo(maxSize);
  }

  private grow(): void {
    const capacity = (this.mask + 1) * 2;
    const names = new Array<string>(capacity).fill("");
    const values = new Array<string>(capacity).fill("");
    for (let number = this.inserted - this.count; number < this.inserted; number++) {
      names[number & (capacity - 1)] = this.names[number & this.mask];
      values[number & (capacity - 1)] = this.values[number & this.mask];
    }
    this.names = names;
    this.values = values;
    this.mask = capacity - 1;
  }
}
