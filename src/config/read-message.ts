import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from "yaml";
import { type FileContents, type Rule, ruleOf } from "./defaults.ts";
import type { FilePlaces } from "./document.ts";
import { nearest } from "./nearest.ts";
import type { Report } from "./report.ts";
import { checkScalar } from "./scalar.ts";

/** A message as plain values, to be given to `create`. */
export interface PlainMessage {
  [field: string]: PlainMessage | PlainMessage[] | string | number | boolean | string[];
}

/** A file that the configuration names. */
export interface FileMention {
  readonly path: string;
  readonly file: string;
  readonly holds: FileContents;
}

export interface MessageReader {
  /**
   * Reads a node as a message by its descriptor. Everything that is wrong goes into the report; the rest is returned, so that
   * what is wrong elsewhere is found too.
   */
  read(node: unknown, message: DescMessage, path: string): PlainMessage;
  /** The files that were mentioned so far. */
  readonly files: readonly FileMention[];
}

/** @param folder what relative paths are relative to; empty for the working directory */
export function createMessageReader(tree: Document, places: FilePlaces, folder: string, report: Report): MessageReader {
  const files: FileMention[] = [];
  return { read: (node, message, path) => readMessage(follow(node), message, path), files };

  function readMessage(node: unknown, message: DescMessage, path: string): PlainMessage {
    const plain: PlainMessage = {};
    if (!isMap(node)) {
      report.add(path, `is ${kindOf(node)} where fields are expected: ${names(message)}`);
      return plain;
    }
    const lines = new Map<DescField, number>();
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : "?";
      const at = offsetOf(pair.key);
      const field = fieldNamed(message, key);
      if (field === undefined) {
        report.add(apart(path, key, at), `is unknown; ${suggestion(message, key)}`);
        continue;
      }
      const fieldPath = child(path, field.localName);
      const earlier = lines.get(field);
      if (earlier !== undefined) {
        report.add(apart(path, key, at), "is given twice; remove one of them");
        continue;
      }
      lines.set(field, at);
      const value = follow(pair.value);
      places.note(fieldPath, path, key, isEmpty(value) ? at : offsetOf(pair.value, at));
      if (isEmpty(value)) report.add(fieldPath, nothing(pair.value));
      else readField(value, field, fieldPath, plain);
    }
    for (const field of message.fields) {
      const rule = ruleOf(message.name, field.localName);
      if (rule === undefined || !("required" in rule) || lines.has(field)) continue;
      report.add(child(path, field.localName), `is missing; ${rule.required}`);
    }
    return plain;
  }

  /** A place that no field has: for keys that are no fields, and for the second of two. */
  function apart(parent: string, key: string, at: number): string {
    const path = `\0${at}`;
    places.note(path, parent, key, at);
    return path;
  }

  function readField(node: unknown, field: DescField, path: string, into: PlainMessage): void {
    switch (field.fieldKind) {
      case "message":
        into[field.localName] = readMessage(node, field.message, path);
        return;
      case "scalar": {
        const value = readScalar(node, field, path);
        if (value !== undefined) into[field.localName] = value;
        return;
      }
      case "list":
        readList(node, field, path, into);
        return;
      default:
        throw new Error(`${field.toString()}: the configuration has no fields of this kind`);
    }
  }

  function readList(node: unknown, field: DescField & { fieldKind: "list" }, path: string, into: PlainMessage): void {
    if (!isSeq(node)) {
      report.add(path, `is ${kindOf(node)} where a list is expected: write \`- \` before each of its items`);
      return;
    }
    const messages: PlainMessage[] = [];
    const texts: string[] = [];
    node.items.forEach((item, index) => {
      const itemPath = `${path}[${index}]`;
      places.note(itemPath, path, `[${index}]`, offsetOf(item, offsetOf(node)));
      const value = follow(item);
      if (isEmpty(value)) report.add(itemPath, nothing(item));
      else if (field.listKind === "message") messages[index] = readMessage(value, field.message, itemPath);
      else texts.push(String(readScalar(value, field, itemPath) ?? ""));
    });
    // Items that could not be read are empty messages, so that the others keep their index.
    into[field.localName] = field.listKind === "message" ? Array.from(node.items, (_, i) => messages[i] ?? {}) : texts;
  }

  function readScalar(node: unknown, field: DescField, path: string): string | number | boolean | undefined {
    const rule = ruleFor(field);
    if (!isScalar(node)) {
      report.add(path, `is ${kindOf(node)} where a single value is expected`);
      return undefined;
    }
    const text = typeof node.value === "string" ? node.value : (node.source ?? String(node.value));
    const checked = checkScalar({ value: node.value, text }, rule);
    if ("error" in checked) {
      report.add(path, checked.error);
      // Names that are not allowed are still names that others refer to.
      return rule.kind === "text" && typeof node.value === "string" ? node.value : undefined;
    }
    if (rule.kind !== "file") return checked.value;
    const file = isAbsolute(text) ? text : folder + text;
    files.push({ path, file, holds: rule.holds });
    return file;
  }

  function follow(node: unknown): unknown {
    return isAlias(node) ? node.resolve(tree) : node;
  }
}

function ruleFor(field: DescField): Rule {
  const rule = ruleOf(field.parent.name, field.localName);
  if (rule === undefined) throw new Error(`${field.toString()}: no rule in src/config/defaults.ts`);
  return rule;
}

/** Both spellings of the JSON form of protobuf: `certFile` and `cert_file`. */
function fieldNamed(message: DescMessage, key: string): DescField | undefined {
  return message.fields.find((field) => field.jsonName === key || field.name === key);
}

function child(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

/** What is wrong with a node that is empty, or an alias to what is not there. */
function nothing(node: unknown): string {
  return isAlias(node)
    ? `refers to &${node.source}, which does not stand before it`
    : "has no value; give it one, or remove the line";
}

function offsetOf(node: unknown, otherwise = 0): number {
  return (node as Node | null)?.range?.[0] ?? otherwise;
}

function kindOf(node: unknown): string {
  if (isMap(node)) return "a set of fields";
  if (isSeq(node)) return "a list";
  if (isScalar(node) && node.value !== null) return typeof node.value === "string" ? "text" : `a ${typeof node.value}`;
  return "nothing";
}

/** Of Linux and macOS, or of Windows. */
function isAbsolute(path: string): boolean {
  return /^([/\\]|[A-Za-z]:[/\\])/.test(path);
}

function names(message: DescMessage): string {
  return message.fields.map((field) => field.jsonName).join(", ");
}

function suggestion(message: DescMessage, key: string): string {
  // One level down is where a field is looked for that stands one level too high.
  const below = message.fields.find((field) => field.fieldKind === "message" && fieldNamed(field.message, key));
  if (below !== undefined) return `did you mean ${below.jsonName}.${key}?`;
  const guess = nearest(
    key,
    message.fields.map((field) => field.jsonName),
  );
  return guess === null ? `the fields here are ${names(message)}` : `did you mean ${guess}?`;
}
