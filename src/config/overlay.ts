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
    const [message, field] = path.split(".");
    // Where the file has something else in this place, that is the error to tell.
    if (!isMap(tree.contents)) continue;
    if (!tree.contents.has(message)) tree.contents.add(tree.createPair(message, tree.createNode({})));
    const fields = tree.contents.get(message, true);
    if (!isMap(fields)) continue;
    fields.delete(field);
    fields.add(tree.createPair(field, value));
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
