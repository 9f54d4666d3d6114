import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { INTERFACES, PARTS, wrongArrows } from "./arrows/arrows.ts";
import { readImports } from "./arrows/read-imports.ts";

const root = join(import.meta.dirname, "..");

function sources(): string[] {
  return readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
}

describe("arrows", () => {
  test("src: every import points the way of the house, and only runtime and main know the machine", () => {
    const files = sources();
    expect(files).toContain("src/gateway.ts");
    expect(files.flatMap((file) => wrongArrows(file, readFileSync(join(root, file), "utf8")))).toEqual([]);
  });

  test("interfaces: the files that everyone may import types from hold nothing but types", () => {
    for (const file of INTERFACES) {
      const { code } = readImports(readFileSync(join(root, file), "utf8"));
      expect(code, file).not.toMatch(/\b(?:const|let|function|class)\s/);
    }
  });

  test("table: no two parts import each other's code", () => {
    for (const [name, part] of Object.entries(PARTS)) {
      for (const to of part.values) expect(PARTS[to]?.values, `${name} -> ${to}`).not.toContain(name);
    }
  });
});

/** Made-up sources: the file, its text, and how many wrong arrows it has. */
const cases: readonly (readonly [what: string, file: string, source: string, wrong: number])[] = [
  ["a sibling", "src/http2/a.ts", `import { b } from "./b.ts";`, 0],
  ["down the house", "src/gateway.ts", `import { a } from "./balancing/a.ts";`, 0],
  ["up the house", "src/http2/a.ts", `import { a } from "../balancing/a.ts";`, 1],
  ["up the house by export", "src/http2/a.ts", `export { a } from "../balancing/a.ts";`, 1],
  ["up the house by export all", "src/http2/a.ts", `export * from "../balancing/a.ts";`, 1],
  ["up the house for the side effect", "src/http2/a.ts", `import "../balancing/a.ts";`, 1],
  ["up the house at run time", "src/http2/a.ts", `const a = await import("../balancing/a.ts");`, 1],
  ["something that is not written out", "src/http2/a.ts", "const a = await import(name);", 1],
  ["over several lines", "src/http2/a.ts", `import {\n  a, // "from"\n  b,\n} from "../balancing/a.ts";`, 1],
  ["a type of an interface", "src/http2/a.ts", `import type { Clock } from "../runtime/machine.ts";`, 0],
  ["an interface as code", "src/http2/a.ts", `import { Clock } from "../runtime/machine.ts";`, 1],
  ["an inline type of an interface", "src/http2/a.ts", `import { type Clock } from "../runtime/machine.ts";`, 1],
  ["a type that is no interface's", "src/http2/a.ts", `import type { Dialer } from "../runtime/dial.ts";`, 1],
  ["a type in place", "src/http2/a.ts", `let a: import("../runtime/machine.ts").Clock;`, 0],
  ["a default import named type", "src/http2/a.ts", `import type from "../runtime/machine.ts";`, 1],
  ["a default import named types", "src/http2/a.ts", `import types from "../runtime/machine.ts";`, 1],
  ["main", "src/demo/a.ts", `import { main } from "../main.ts";`, 1],
  ["main's types", "src/demo/a.ts", `import type { Main } from "../main.ts";`, 1],
  ["outside src", "src/demo/a.ts", `import { a } from "../../test/a.ts";`, 1],
  ["without an ending", "src/http2/a.ts", `import { b } from "./b";`, 1],
  ["a package", "src/http2/a.ts", `import { a } from "hono";`, 0],
  ["a builtin", "src/http2/a.ts", `import net from "node:net";`, 1],
  ["a builtin's types", "src/http2/a.ts", `import type { Socket } from "node:net";`, 1],
  ["a builtin by its bare name", "src/http2/a.ts", `import { readFile } from 'fs/promises';`, 1],
  ["a builtin in runtime", "src/runtime/a.ts", `import net from "node:net"; Deno.exit(0); process.exit(0);`, 0],
  ["runtime up the house", "src/runtime/a.ts", `import { a } from "../http2/a.ts";`, 1],
  ["Deno", "src/http2/a.ts", "if (typeof Deno !== 'undefined') Deno.exit();", 2],
  ["Deno of globalThis", "src/http2/a.ts", "globalThis.Deno.exit();", 1],
  ["Deno in a template's code", "src/http2/a.ts", "`$" + "{`$" + "{Deno.pid}`}`", 1],
  ["process", "src/balancing/a.ts", "process.nextTick(run);", 1],
  ["a property named process", "src/balancing/a.ts", "queue.process(); const a = { process: 1 };", 0],
  ["words in comments", "src/http2/a.ts", `// import "node:net"\n/* Deno.exit() import("node:fs") */ const a = 1;`, 0],
  [
    "words in strings",
    "src/http2/a.ts",
    `const a = "Deno.exit" + 'import x from "node:net"' + \`import "node:fs" \${1}\`;`,
    0,
  ],
  ["words after a regular expression", "src/http2/a.ts", `const a = /["'\`/]/; // "\nimport net from "node:net";`, 1],
  ["a division", "src/http2/a.ts", `const a = b / c; import net from "node:net"; const d = e / f;`, 1],
  ["a part that nobody knows", "src/utils/a.ts", "", 1],
];

describe("arrows: the checker", () => {
  test.each(cases)("%s", (_what, file, source, wrong) => {
    expect(wrongArrows(file, source)).toHaveLength(wrong);
  });
});
