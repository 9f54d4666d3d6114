import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../e2e/support/runtimes.ts";

/** What stands between two lines of backticks. */
export interface Fence {
  /** The word after the first backticks. */
  readonly language: string;
  /** The line of the first backticks, from 1. */
  readonly line: number;
  readonly text: string;
  /** A name in bold on the line above: the file that the text is to be put in. Empty: none. */
  readonly file: string;
}

/** A page of the documentation. */
export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
  readonly fences: readonly Fence[];
  /** The text with its fences and code spans blanked out. */
  readonly prose: string;
}

const FOLDERS = ["docs", "deploy"];
const PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/** Every page of the repository that users read. */
export const pages: readonly Page[] = [
  ...PAGES,
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
      .map((name) => `${folder}/${name}`),
  ),
]
  .sort()
  .map(readPage);

export function pageOf(path: string): Page {
  const page = pages.find((candidate) => candidate.path === path);
  if (page === undefined) throw new Error(`${path} is not there`);
  return page;
}

function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), "utf8");
  const lines = text.split("\n");
  const fences: Fence[] = [];
  const prose: string[] = [];
  let open: { readonly language: string; readonly line: number; readonly file: string; readonly from: number } | null =
    null;
  for (const [index, line] of lines.entries()) {
    const marks = /^\s*```+(\w*)\s*$/.exec(line);
    if (marks === null) {
      prose.push(open === null ? line.replaceAll(/`[^`]*`/g, "") : "");
      continue;
    }
    prose.push("");
    if (open === null) {
      const file = /^\*\*`([^`]+)`\*\*/.exec(lines[index - 1] ?? "")?.[1] ?? "";
      open = { language: marks[1], line: index + 1, file, from: index + 1 };
    } else {
      const { language, line: first, file, from } = open;
      fences.push({ language, line: first, file, text: lines.slice(from, index).join("\n") });
      open = null;
    }
  }
  if (open !== null) throw new Error(`${path}:${open.line}: the fence has no end`);
  return { path, text, fences, prose: prose.join("\n") };
}

/** Commands of a fence: comments are none, and a line that ends with a backslash goes on. With prompts, the rest is output. */
export function commandsOf({ language, text }: Fence): string[] {
  const typed = language === "console" ? [...text.matchAll(/^\$ (.*)$/gm)].map(([, line]) => line).join("\n") : text;
  return typed
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .map((line) => line.replace(/\s+# .*$/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
