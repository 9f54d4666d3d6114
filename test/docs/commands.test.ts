import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
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
