import { type Document, isMap } from "yaml";
import type { FilePlaces } from "./document.ts";
import type { Given } from "./given.ts";

/**
 * Puts values into the tree, in place of what the file says. Only fields of the messages that exist once, and that have the
 * same name in both spellings.
 * @returns places that name the flag where it was the one who spoke
 */
export function overlay(tree: Document, places: FilePlaces, given: readonly Given[]): FilePlaces {
  const flags = new Map<string, string>();
  for (const { path, value, flag } of given) {
    const steps = path.split(".");
    // Where the file has something else in this place, that is the error to tell.
    if (!isMap(tree.contents)) continue;
    const parent = tree.get(steps[0], true);
    if (parent !== undefined && !isMap(parent)) continue;
    tree.setIn(steps, value);
    flags.set(path, flag);
  }
  return {
    note: places.note,
    find(path) {
      const flag = flags.get(path);
      return flag === undefined ? places.find(path) : { where: flag, order: -1 };
    },
  };
}
