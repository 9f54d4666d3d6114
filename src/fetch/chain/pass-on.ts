/** What is done when the answer's end has come. */
export interface PassedOn {
  /** It was read to its end; the client sees that when this resolves. */
  ended(): Promise<void>;
  /** It broke, the client left, or the signal was aborted; called once, and not after `ended`. */
  left(reason: unknown): void;
}

/** An answer's body, read only as the client reads. @param signal ends it also while nobody reads */
export function passOn(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  { ended, left }: PassedOn,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let over = false;
  const leave = (reason: unknown): void => {
    if (over) return;
    over = true;
    signal.removeEventListener("abort", onAbort);
    left(reason);
  };
  let broken: (reason: unknown) => void = () => {};
  const onAbort = (): void => {
    const { reason } = signal;
    leave(reason);
    broken(reason);
  };
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        broken = (reason) => controller.error(reason);
        signal.addEventListener("abort", onAbort);
        if (signal.aborted) onAbort();
      },
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read();
          if (over) return;
          if (!done) {
            controller.enqueue(value);
            return;
          }
          over = true;
          signal.removeEventListener("abort", onAbort);
          await ended();
          controller.close();
        } catch (error) {
          leave(error);
          controller.error(error);
        }
      },
      cancel: (reason) => leave(reason ?? new Error("the client went away")),
    },
    { highWaterMark: 0 },
  );
}
