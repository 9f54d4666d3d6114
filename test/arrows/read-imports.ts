/** Reads what a TypeScript source imports and which machine globals it names, by a scan that knows comments and strings. */

export interface ImportSeen {
  /** What stands in the quotes; null for a dynamic import of something that is not a literal. */
  readonly specifier: string | null;
  /** True when nothing of it is left after compilation: `import type`, `export type`, `import("x").T` in a type. */
  readonly typeOnly: boolean;
}

export interface SourceSeen {
  readonly imports: readonly ImportSeen[];
  /** The source without comments, every string replaced by `"n"` (n: its number): what identifiers are looked for in. */
  readonly code: string;
}

/** Characters after which a slash begins a regular expression, not a division. */
const BEFORE_REGEXP = "(,=:[!&|?{};+-*%~^<>\n";

/** Splits a source into code and strings. Templates count as strings, the code in their `${}` stays code. */
function scan(source: string): { readonly code: string; readonly strings: readonly string[] } {
  const strings: string[] = [];
  let code = "";
  let at = 0;
  /** For each template that is open: how many braces were opened in its `${}`. */
  const templates: number[] = [];

  const literal = (text: string): void => {
    code += `"${strings.length}"`;
    strings.push(text);
  };
  /** Reads template text from `at` to its end or to the next `${`. */
  const templateText = (): void => {
    const from = at;
    while (at < source.length) {
      if (source[at] === "\\") at += 2;
      else if (source[at] === "`") {
        literal(source.slice(from, at++));
        return;
      } else if (source.startsWith("${", at)) {
        literal(source.slice(from, at));
        at += 2;
        templates.push(0);
        code += "+(";
        return;
      } else at++;
    }
  };
  const quoted = (quote: string): void => {
    const from = ++at;
    while (at < source.length && source[at] !== quote) at += source[at] === "\\" ? 2 : 1;
    literal(source.slice(from, at++));
  };
  const regexp = (): void => {
    let inClass = false;
    at++;
    while (at < source.length && (inClass || source[at] !== "/")) {
      if (source[at] === "[") inClass = true;
      else if (source[at] === "]") inClass = false;
      at += source[at] === "\\" ? 2 : 1;
    }
    at++;
    literal("");
  };

  while (at < source.length) {
    const char = source[at];
    if (source.startsWith("//", at)) {
      while (at < source.length && source[at] !== "\n") at++;
    } else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2);
      at = end < 0 ? source.length : end + 2;
      code += " ";
    } else if (char === '"' || char === "'") quoted(char);
    else if (char === "`") {
      at++;
      templateText();
    } else if (char === "/" && (BEFORE_REGEXP.includes(code.trimEnd().at(-1) ?? "\n") || /\breturn\s*$/.test(code))) {
      regexp();
    } else if (char === "}" && templates.at(-1) === 0) {
      templates.pop();
      code += ")+";
      at++;
      templateText();
    } else {
      if (templates.length > 0 && (char === "{" || char === "}"))
        templates[templates.length - 1] += char === "{" ? 1 : -1;
      code += char;
      at++;
    }
  }
  return { code, strings };
}

/** `import { type A, type B } from`: TypeScript keeps the import for its side effects, so only a whole `import type` counts. */
function isTypeOnly(clause: string): boolean {
  return /^\s*type(?:\s+[\w$]|\s*[{*])/.test(clause);
}

export function readImports(source: string): SourceSeen {
  const { code, strings } = scan(source);
  const imports: ImportSeen[] = [];
  const text = (number: string): string => strings[Number(number)] ?? "";

  // `import … from "x"` and `export … from "x"`; neither a quote nor a semicolon can stand between the two words.
  for (const match of code.matchAll(/\b(?:import|export)\b(?!\s*\()([^;"]*?)\bfrom\s*"(\d+)"/g)) {
    imports.push({ specifier: text(match[2] ?? ""), typeOnly: isTypeOnly(match[1] ?? "") });
  }
  for (const match of code.matchAll(/\bimport\s*"(\d+)"/g)) {
    imports.push({ specifier: text(match[1] ?? ""), typeOnly: false });
  }
  for (const match of code.matchAll(/\b(typeof\s+)?(?:import|require)\s*\(\s*(?:"(\d+)"\s*(\)\s*\.\s*[A-Z])?)?/g)) {
    const typeOnly = match[1] !== undefined || match[3] !== undefined;
    imports.push({ specifier: match[2] === undefined ? null : text(match[2]), typeOnly });
  }
  return { imports, code };
}
