import { readFileSync } from "node:fs";

/** The suite's patterns: `*` is one component of a name between slashes, `**` any number of them. */
export function matches(pattern: string, name: string): boolean {
  return match(pattern.split("/"), name.split("/"));
}

function match(pattern: readonly string[], name: readonly string[]): boolean {
  if (pattern.length === 0) return name.length === 0;
  const [first, ...rest] = pattern;
  if (first === "**") {
    for (let i = 0; i <= name.length; i++) if (match(rest, name.slice(i))) return true;
    return false;
  }
  return name.length > 0 && (first === "*" || first === name[0]) && match(rest, name.slice(1));
}

/** A pattern of cases that cannot pass, with the reason why. */
export interface KnownFailure {
  readonly pattern: string;
  readonly reason: string;
}

/** Reads a list in the suite's form: patterns, one a line; the comment lines before them are their reason. */
export function readKnown(file: string): KnownFailure[] {
  const known: KnownFailure[] = [];
  let reason: string[] = [];
  let fresh = true;
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const text = line.trim();
    if (text === "") continue;
    if (text.startsWith("#")) {
      if (fresh) reason = [];
      fresh = false;
      reason.push(text.slice(1).trim());
    } else {
      fresh = true;
      known.push({ pattern: text, reason: reason.join(" ") });
    }
  }
  return known;
}
