import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { helpText } from "../../src/config/flags.ts";
import { readOptions } from "../conformance/options.ts";
import { ROOT } from "../e2e/support/runtimes.ts";
import { commands } from "./commands.ts";
import { commandsOf, pages } from "./pages.ts";

const SHELLS = ["sh", "bash", "shell", "console", "zsh"];

/** Commands as they stand on the pages. */
const written = new Map(
  pages
    .map(({ path, fences }) => {
      const shells = fences.filter(({ language }) => SHELLS.includes(language));
      return [path, shells.flatMap((fence) => commandsOf(fence))] as const;
    })
    .filter(([, found]) => found.length > 0),
);

/** What stands between single backticks, by page. */
const spans = pages.flatMap(({ path, text }) =>
  [...text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/`([^`\n]+)`/g)].map(([, span]) => [path, span] as const),
);

describe("commands of the documentation", () => {
  test.each([...written])("%s: something runs each of them, or says why nothing can", (path, found) => {
    const known = commands[path] ?? {};
    expect(found.filter((command) => known[command] === undefined)).toEqual([]);
  });

  test("docs/conformance.md: the options are those of the command", () => {
    for (const command of written.get("docs/conformance.md") ?? []) {
      const [, options = ""] = command.split(" -- ");
      const args = [...options.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
      expect(() => readOptions(args), command).not.toThrow();
    }
  });

  test("what the text names of npm run, npx tsx, vitest and bash is there", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object };
    const missing = spans.flatMap(([path, span]) => {
      const script = /\bnpm run (?:--silent )?([\w:]+)/.exec(span)?.[1];
      const file = /^(?:npx tsx|npx vitest run|bash|node) ((?:test|\.ci)\/\S+)/.exec(span)?.[1];
      const gone =
        (script !== undefined && !(script in scripts)) || (file !== undefined && !existsSync(join(ROOT, file)));
      return gone ? [`${path}: ${span}`] : [];
    });
    expect(spans.filter(([, span]) => span.includes("npm run")).length).toBeGreaterThan(20);
    expect(missing).toEqual([]);
  });

  test("CONTRIBUTING.md has every script of package.json that people run", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: object };
    const text = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
    // npm's own, parts of `check`, and what `bash .ci/run` is.
    const own = Object.keys(scripts).filter((name) => !/^(?:prepack|check:\w+|ci)$/.test(name));
    expect(own.filter((name) => !new RegExp(`\`npm (?:run )?${name}[\` ]`).test(text))).toEqual([]);
  });

  test("CONTRIBUTING.md names every folder of src and test", () => {
    const text = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
    const layout = text.slice(text.indexOf("## Layout"), text.indexOf("## Style"));
    const folders = (of: string) =>
      readdirSync(join(ROOT, of), { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [entry.name] : [],
      );
    const src = folders("src");
    // Tests mirror src, its files too.
    const all = [...src, ...folders("test").filter((name) => !src.includes(name))];
    expect(all.filter((name) => !layout.includes(`${name}/`) && !layout.includes(`${name}.ts`))).toEqual([]);
  });

  test("flags of fairlead that the text names are flags of fairlead", () => {
    const known = new Set([...helpText().matchAll(/--[\w-]+/g)].map(([flag]) => flag));
    // On these pages every flag is ours; elsewhere those behind the name.
    const ours = ["README.md", "docs/start.md", "docs/observe.md", "docs/secure.md", "docs/browser.md"];
    const named = spans.filter(
      ([path, span]) =>
        /^(?:npx )?fairlead /.test(span) ||
        (ours.includes(path) && /^--/.test(span)) ||
        // Those of grpcwebproxy have underscores.
        (path === "docs/migrate.md" && /^--[a-z]+(?:-[a-z]+)+$/.test(span)),
    );
    expect(named.length).toBeGreaterThan(8);
    const unknown = named.flatMap(([path, span]) =>
      [...span.matchAll(/--[a-z][\w-]*/g)].filter(([flag]) => !known.has(flag)).map(([flag]) => `${path}: ${flag}`),
    );
    expect(unknown).toEqual([]);
  });

  test("none is listed that stands nowhere", () => {
    const gone = Object.entries(commands).flatMap(([path, known]) =>
      Object.keys(known).filter((command) => !written.get(path)?.includes(command)),
    );
    expect(gone).toEqual([]);
  });

  test("who is said to run one is there, and does", () => {
    for (const [path, known] of Object.entries(commands)) {
      for (const [command, fate] of Object.entries(known)) {
        if (!("by" in fate)) continue;
        expect(existsSync(join(ROOT, fate.by)), `${path}: ${command}: ${fate.by}`).toBe(true);
        expect(readFileSync(join(ROOT, fate.by), "utf8"), `${path}: ${command}`).toContain(fate.as);
      }
    }
  });
});
