/**
 * Slots ordered by count, so that those with the fewest calls stand first. One array holds all buckets, one after the other:
 * a count only moves by one, so a slot only ever moves to the neighbouring bucket, by one swap with that bucket's edge. Hence
 * `raise` and `lower` are O(1) at any number of slots and allocate nothing. Inside a bucket the order means nothing.
 */
export class Buckets {
  /** Slots, ascending by count. Read only for others. */
  readonly order: Int32Array;
  /** Where in `order` each slot stands. */
  private readonly place: Int32Array;
  /** By count c: how many slots have a count of c or less, which is where bucket c ends. Counts above the last: all. */
  private readonly ends: number[];

  /** Builds by counting sort, O(slots + highest count). */
  constructor(counts: ArrayLike<number>) {
    const size = counts.length;
    let highest = 0;
    for (let slot = 0; slot < size; slot++) highest = Math.max(highest, counts[slot]);
    const ends: number[] = new Array(highest + 1).fill(0);
    for (let slot = 0; slot < size; slot++) ends[counts[slot]]++;
    for (let count = 1; count <= highest; count++) ends[count] += ends[count - 1];
    this.order = new Int32Array(size);
    this.place = new Int32Array(size);
    const free = ends.slice();
    for (let slot = size - 1; slot >= 0; slot--) this.put(slot, --free[counts[slot]]);
    this.ends = ends;
  }

  /** The place after the last slot of this count (or less). */
  end(count: number): number {
    return count < this.ends.length ? this.ends[count] : this.order.length;
  }

  /** The slot's count was `count` and is one more now. */
  raise(slot: number, count: number): void {
    const edge = --this.ends[count];
    this.swap(slot, edge);
    if (count + 1 === this.ends.length) this.ends.push(this.order.length);
  }

  /** The slot's count was `count` and is one less now. */
  lower(slot: number, count: number): void {
    this.swap(slot, this.ends[count - 1]++);
  }

  /** Moves a slot to the last place of its bucket, so that what stands before it are the others. */
  toEdge(slot: number, count: number): void {
    this.swap(slot, this.end(count) - 1);
  }

  private swap(slot: number, place: number): void {
    const other = this.order[place];
    this.put(other, this.place[slot]);
    this.put(slot, place);
  }

  private put(slot: number, place: number): void {
    this.order[place] = slot;
    this.place[slot] = place;
  }
}
