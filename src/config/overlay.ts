import { type Document, isAlias, isMap, YAMLMap } from "yaml";
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
    const fields = ownFields(tree, tree.contents, message);
    if (fields === null) continue;
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

/** What a message has of its own: where it is an alias, the fields that it stands for, so that they stay as they are elsewhere. */
function ownFields(tree: Document, root: YAMLMap, message: string): YAMLMap | null {
  const written = root.get(message, true);
  const fields = isAlias(written) ? written.resolve(tree) : written;
  if (!isMap(fields)) return null;
  if (!isAlias(written)) return fields;
  const own = new YAMLMap();
  own.items = [...fields.items];
  if (fields.range) own.range = fields.range;
  root.set(message, own);
  return own;
}
