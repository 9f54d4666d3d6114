import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../e2e/support/runtimes.ts";
import { type Page, pages } from "./pages.ts";

/** `[text](target)` and `![text](target)`, not in code. */
function linksOf({ prose }: Page): string[] {
  return [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?\s*\)/g)].map(([, target]) => target);
}

/** As GitHub names headings: lower case, no punctuation, blanks as hyphens, a number for those that come again. */
function anchorsOf({ text }: Page): ReadonlySet<string> {
  const anchors = new Set<string>();
  const withoutFences = text.replaceAll(/^```[\s\S]*?^```/gm, "");
  for (const [, title] of withoutFences.matchAll(/^#+ +(.*)$/gm)) {
    const slug = title
      .trim()
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again++) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** What is wrong with a link; null when nothing is. */
function problem(page: Page, target: string): string | null {
  if (/^(?:https?|mailto):/.test(target)) return null;
  const [path, anchor] = target.split("#");
  const file = path === "" ? page.path : normalize(join(dirname(page.path), decodeURI(path)));
  if (file.startsWith("..")) return `${target} leads out of the repository`;
  if (!existsSync(join(ROOT, file))) return `${target}: there is no ${file}`;
  if (anchor === undefined) return null;
  const there = pages.find((candidate) => candidate.path === file);
  if (there === undefined)
    return statSync(join(ROOT, file)).isFile() && /^L\d+$/.test(anchor) ? null : `${target}: no page`;
  return anchorsOf(there).has(anchor) ? null : `${target}: no such heading in ${file}`;
}

describe("links of the documentation", () => {
  test.each(pages.map((page) => [page.path, page] as const))("%s: each leads somewhere", (_path, page) => {
    expect(linksOf(page).flatMap((target) => problem(page, target) ?? [])).toEqual([]);
  });

  test("every page is reached from README", () => {
    const reached = new Set(["README.md"]);
    const follow = (path: string): void => {
      const page = pages.find((candidate) => candidate.path === path);
      if (page === undefined) return;
      for (const target of linksOf(page)) {
        if (/^https?:/.test(target)) continue;
        const to = normalize(join(dirname(path), target.split("#")[0]));
        // A link to a folder shows its README.
        for (const file of [to, join(to, "README.md")]) {
          if (reached.has(file) || !file.endsWith(".md")) continue;
          reached.add(file);
          follow(file);
        }
      }
    };
    follow("README.md");
    const left = pages.map(({ path }) => path).filter((path) => !reached.has(path));
    // GitHub shows these by itself.
    expect(left.filter((path) => path !== "CHANGELOG.md" && path !== "CONTRIBUTING.md")).toEqual([]);
  });

  test("no page names the machine that it was written on", () => {
    for (const { path, text } of pages) expect(text, path).not.toMatch(/\/(?:work|root|tmp\/wt)[/-]/);
  });
});
