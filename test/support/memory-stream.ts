import type { ByteStream, ByteStreamHandler } from "../../src/runtime/machine.ts";

/** More bytes than this waiting to be taken make `write` return false, as on a socket. */
const DEFAULT_HIGH_WATER_MARK = 64 * 1024;

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/**
 * A byte stream without a socket. The code under test holds it as its {@link ByteStream}; the test plays the other side:
 * it delivers bytes, FIN and the close, and takes what was written. Everything is synchronous, so a test reads as a script.
 *
 * Back-pressure: with `autoDrain` off, written bytes wait until the test takes them (`take`), and `write` returns false above
 * `highWaterMark`; `take` then calls `drained`. With `autoDrain` on (the default) `write` always returns true.
 */
export class MemoryStream implements ByteStream {
  readonly peer: string;
  autoDrain = true;
  highWaterMark = DEFAULT_HIGH_WATER_MARK;
  /** The owner has called `end` / `destroy` / `pause` without `resume`. */
  endedByOwner = false;
  destroyedByOwner = false;
  paused = false;
  /** `closed` has been delivered. */
  isClosed = false;
  /** Number of `write` and `writeAll` calls so far: what would have been system calls. */
  writes = 0;
  private handler: ByteStreamHandler | null = null;
  private outgoing: Uint8Array[] = [];
  private waiting = 0;
  private blocked = false;
  private finDelivered = false;
  // What arrived while the owner had paused, or before a handler was attached; null stands for FIN.
  private incoming: (Uint8Array | null)[] = [];

  constructor(peer = "memory") {
    this.peer = peer;
  }

  /** Names who takes the events. */
  attach(handler: ByteStreamHandler): this {
    this.handler = handler;
    this.flush();
    return this;
  }

  // ---- the owner's side ----

  write(bytes: Uint8Array): boolean {
    return this.writeAll([bytes]);
  }

  writeAll(chunks: readonly Uint8Array[]): boolean {
    if (this.destroyedByOwner || this.isClosed) return false;
    if (this.endedByOwner) throw new Error("write after end");
    this.writes++;
    for (const chunk of chunks) {
      // Ownership passes with the call; a copy shows the test what was there at the time even if the owner breaks that rule.
      this.outgoing.push(chunk.slice());
      this.waiting += chunk.length;
    }
    const more = this.autoDrain || this.waiting < this.highWaterMark;
    if (!more) this.blocked = true;
    return more;
  }

  end(): void {
    if (this.endedByOwner || this.destroyedByOwner || this.isClosed) return;
    this.endedByOwner = true;
    this.closeWhenBothEnded();
  }

  /** As on a socket, `closed` does not come before this call has returned. */
  destroy(): void {
    if (this.destroyedByOwner || this.isClosed) return;
    this.destroyedByOwner = true;
    this.incoming = [];
    queueMicrotask(() => this.close(null));
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    // As on a socket: what waited arrives after the caller's turn, not inside resume().
    queueMicrotask(() => this.flush());
  }

  queued(): number {
    return this.autoDrain ? 0 : this.waiting;
  }

  // ---- the other side, played by the test ----

  /** A dialled stream is established. */
  open(): void {
    this.handler?.opened?.();
  }

  /** Bytes arrive (a copy of them: the handler owns what it gets). */
  deliver(bytes: Uint8Array): void {
    this.incoming.push(bytes.slice());
    this.flush();
  }

  /** The other side sends FIN. */
  deliverEnd(): void {
    this.incoming.push(null);
    this.flush();
  }

  /** The connection is over: orderly, or lost for a reason. */
  close(reason: Error | null = null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.incoming = [];
    this.handler?.closed(reason);
  }

  /** What was written since the last call, in one piece. Reports `drained` when the owner had been told to wait. */
  take(): Uint8Array {
    const bytes = concat(this.outgoing);
    this.outgoing = [];
    this.waiting = 0;
    if (this.blocked && !this.isClosed && !this.destroyedByOwner) {
      this.blocked = false;
      this.handler?.drained();
    }
    return bytes;
  }

  /** Bytes written and not taken. */
  get untaken(): number {
    return this.waiting;
  }

  private flush(): void {
    while (this.handler !== null && !this.paused && !this.destroyedByOwner && !this.isClosed) {
      const next = this.incoming.shift();
      if (next === undefined) return;
      if (next === null) {
        this.finDelivered = true;
        this.handler.ended();
        this.closeWhenBothEnded();
      } else {
        this.handler.received(next);
      }
    }
  }

  // Both directions have seen FIN: the socket closes in order.
  private closeWhenBothEnded(): void {
    if (this.finDelivered && this.endedByOwner && !this.destroyedByOwner) queueMicrotask(() => this.close(null));
  }
}

export interface MemoryPair {
  readonly a: MemoryStream;
  readonly b: MemoryStream;
  /** Moves everything that was written, FIN and closes included, to the other side, until nothing moves any more. */
  pump(): void;
}

/**
 * Two linked streams: what one writes, the other receives when `pump` is called.
 * @param pieces how many bytes the next delivery has, given how many wait; whole when left out. A way to show that nothing
 * depends on where TCP cuts.
 */
export function memoryPair(pieces: (waiting: number) => number = (waiting) => waiting): MemoryPair {
  const a = new MemoryStream("memory-b");
  const b = new MemoryStream("memory-a");
  const sentEnd = new Set<MemoryStream>();
  const move = (from: MemoryStream, to: MemoryStream): boolean => {
    let moved = false;
    // A reader that has paused takes nothing: the bytes stay where they hold the writer back.
    if (from.untaken > 0 && !to.paused) {
      const bytes = from.take();
      for (let at = 0; at < bytes.length; ) {
        const size = Math.max(1, Math.min(bytes.length - at, pieces(bytes.length - at)));
        to.deliver(bytes.subarray(at, at + size));
        at += size;
      }
      moved = true;
    }
    if (from.endedByOwner && from.untaken === 0 && !sentEnd.has(from)) {
      sentEnd.add(from);
      to.deliverEnd();
      moved = true;
    }
    if (from.destroyedByOwner && !to.isClosed) {
      to.close(null);
      moved = true;
    }
    return moved;
  };
  const pump = () => {
    for (;;) {
      const forth = move(a, b);
      const back = move(b, a);
      if (!forth && !back) return;
    }
  };
  return { a, b, pump };
}
