/** Events in the order of their times: a binary heap. Equal times come out in no particular order. */
export class EventQueue<T> {
  private readonly heap: { readonly time: number; readonly event: T }[] = [];

  /** The time of the next event; infinite when there is none. */
  get next(): number {
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : this.heap[0].time;
  }

  add(time: number, event: T): void {
    const { heap } = this;
    const entry = { time, event };
    let at = heap.push(entry) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && heap[parent].time > time; parent = (at - 1) >> 1) {
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  /** Takes the next event out. There must be one. */
  take(): T {
    const { heap } = this;
    const { event } = heap[0];
    const entry = heap.pop()!;
    if (heap.length === 0) return event;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].time < heap[child].time) child++;
      if (heap[child].time >= entry.time) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = entry;
    return event;
  }
}
