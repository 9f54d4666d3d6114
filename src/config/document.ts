import { type Document, isMap, LineCounter, parseDocument } from "yaml";
import type { Places, Report } from "./report.ts";

/** YAML or JSON text as a tree of nodes that know where they stand. JSON is read as the part of YAML that it is. */
export interface ConfigDocument {
  readonly tree: Document.Parsed;
  readonly places: FilePlaces;
}

/** Learns from the reader where each field stands. */
export interface FilePlaces extends Places {
  /**
   * @param path the field in lowerCamel form
   * @param parent the path of what it stands in
   * @param written its last step as it stands in the file: `cert_file`, `[0]`
   * @param offset where in the text, in UTF-16 units
   */
  note(path: string, parent: string, written: string, offset: number): void;
}

/** @param file its name, for messages */
export function parseConfigText(file: string, text: string): ConfigDocument {
  const lines = new LineCounter();
  const tree = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // The reader tells of keys that stand twice: it knows that `cert_file` and `certFile` are one.
    uniqueKeys: false,
    // An unknown tag is a warning to the library and an error to us; `!!binary` and its like are unknown.
    resolveKnownTags: false,
    // "silent" would hide that there is a second document.
    logLevel: "error",
  });
  return { tree, places: createFilePlaces(file, lines) };
}

/** Tells of what is not YAML at all. @returns false when there is no tree to read */
export function reportSyntax({ tree, places }: ConfigDocument, report: Report): boolean {
  for (const error of [...tree.errors, ...tree.warnings]) {
    // A place of its own: syntax errors stand in no field.
    const path = `\0${error.pos[0]}`;
    places.note(path, "", "", error.pos[0]);
    report.add(
      path,
      error.code === "MULTIPLE_DOCS" ? "is a second document; write one only" : lowerFirst(error.message),
    );
  }
  if (tree.errors.length > 0) return false;
  if (tree.contents === null || (isMap(tree.contents) && tree.contents.items.length === 0)) {
    report.add("", 'is empty; the least that is needed is `backends: [{ target: "dns:///my-service:50051" }]`');
    return false;
  }
  return true;
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

function createFilePlaces(file: string, lines: LineCounter): FilePlaces {
  const noted = new Map<string, { readonly field: string; readonly offset: number }>([["", { field: "", offset: 0 }]]);
  const place = (path: string): { field: string; offset: number } => {
    const exact = noted.get(path);
    if (exact !== undefined) return exact;
    // What is missing stands where it ought to be: in its parent.
    const cut = parentLength(path);
    const parent = place(path.slice(0, cut));
    return { field: join(parent.field, path.slice(cut)), offset: parent.offset };
  };
  return {
    note(path, parent, written, offset) {
      noted.set(path, { field: join(place(parent).field, written), offset });
    },
    find(path) {
      const { field, offset } = place(path);
      const { line, col } = lines.linePos(offset);
      // An empty text has no lines to count.
      const where = `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
      return { where: field === "" ? where : `${where}: ${field}`, order: offset };
    },
  };
}

/** Where the last step of a path begins: at its `.` or `[`. */
function parentLength(path: string): number {
  return Math.max(path.lastIndexOf("."), path.lastIndexOf("["), 0);
}

function join(parent: string, step: string): string {
  const name = step.startsWith(".") ? step.slice(1) : step;
  return parent === "" || name.startsWith("[") || name === "" ? parent + name : `${parent}.${name}`;
}
