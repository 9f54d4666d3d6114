import { afterEach } from "vitest";

type Undo = () => unknown;

/** Takes down what a scenario has put up, the last first, also when it failed half-way. */
export interface Stage {
  add<T>(thing: T, undo: (thing: T) => unknown): T;
}

/** One stage for all tests of a file; empty again after each. */
export function createStage(): Stage {
  let undos: Undo[] = [];
  afterEach(async () => {
    const list = undos.reverse();
    undos = [];
    const errors: unknown[] = [];
    for (const undo of list) await Promise.resolve(undo()).catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  });
  return {
    add: (thing, undo) => {
      undos.push(() => undo(thing));
      return thing;
    },
  };
}
