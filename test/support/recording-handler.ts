import type { ByteStreamHandler } from "../../src/runtime/machine.ts";
import { concat } from "./memory-stream.ts";

/** A {@link ByteStreamHandler} that writes down what it is told, and that a test can wait for. */
export interface RecordingHandler extends ByteStreamHandler {
  opened(): void;
  /** In order: `opened`, `received` (once for any number of chunks in a row), `drained`, `ended`, `closed`. */
  readonly events: readonly string[];
  /** All bytes so far. */
  bytes(): Uint8Array;
  text(): string;
  /** What `closed` was called with; undefined before. */
  readonly reason: Error | null | undefined;
  /** Resolves when the condition holds; it is tested after every event. */
  until(condition: () => boolean): Promise<void>;
  /** Resolves when the event has occurred. */
  untilEvent(event: string): Promise<void>;
}

/** @param then more to do at each event, after it has been written down */
export function recordingHandler(then: Partial<ByteStreamHandler> = {}): RecordingHandler {
  const events: string[] = [];
  const chunks: Uint8Array[] = [];
  let reason: Error | null | undefined;
  let waiters: { condition: () => boolean; resolve: () => void }[] = [];
  const record = (event: string) => {
    if (event !== "received" || events.at(-1) !== "received") events.push(event);
  };
  const wake = () => {
    const ready = waiters.filter((waiter) => waiter.condition());
    waiters = waiters.filter((waiter) => !ready.includes(waiter));
    for (const waiter of ready) waiter.resolve();
  };
  const until = (condition: () => boolean): Promise<void> =>
    condition() ? Promise.resolve() : new Promise((resolve) => waiters.push({ condition, resolve }));
  return {
    events,
    bytes: () => concat(chunks),
    text: () => new TextDecoder("latin1").decode(concat(chunks)),
    get reason() {
      return reason;
    },
    until,
    untilEvent: (event) => until(() => events.includes(event)),
    opened: () => {
      record("opened");
      then.opened?.();
      wake();
    },
    received: (bytes) => {
      record("received");
      chunks.push(bytes);
      then.received?.(bytes);
      wake();
    },
    drained: () => {
      record("drained");
      then.drained?.();
      wake();
    },
    ended: () => {
      record("ended");
      then.ended?.();
      wake();
    },
    closed: (error) => {
      record("closed");
      reason = error;
      then.closed?.(error);
      wake();
    },
  };
}
