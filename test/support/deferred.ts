/** A promise and what fulfils it, for tests that let something wait. */
export interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
}

export function deferred(): Deferred {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  // Called through, so that it may be handed on without its object.
  return { promise, resolve: () => resolve() };
}
