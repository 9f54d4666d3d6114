import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../e2e/support/runtimes.ts";
import { findTool } from "../support/tools.ts";
import { declarationAt } from "./api/declaration.ts";
import { type ApiMember, type ApiModule, readApi } from "./api/read-api.ts";
import { renderApi } from "./api/render.ts";

const deno = findTool("deno");
if ("missing" in deno) console.log(`skipped: the API reference: ${deno.missing}`);
const api: readonly ApiModule[] = "missing" in deno ? [] : readApi(deno.path);

/** Everything public by its full name, with what its parent says. */
const everything: readonly (ApiMember & { readonly full: string; readonly parent: string })[] = api.flatMap((module) =>
  module.symbols.flatMap((symbol) => [
    { ...symbol, full: `${module.name} ${symbol.name}`, parent: "" },
    ...symbol.members.map((member) => ({
      ...member,
      full: `${module.name} ${symbol.name}.${member.name}`,
      parent: symbol.docs.text,
    })),
  ]),
);
const place = ({ full, source }: (typeof everything)[number]): string => `${full} (${source.file}:${source.line})`;

describe.skipIf("missing" in deno)("API reference", () => {
  test("every public symbol and member has a comment", () => {
    expect(everything.length).toBeGreaterThan(100);
    expect(everything.filter(({ docs }) => docs.text === "").map(place)).toEqual([]);
  });

  test("every number says what it counts: a unit, or what there are so many of", () => {
    const units =
      /millisecond|\bms\b|second|byte|how many|connections|calls|attempts|a port|port\b|code\b|pods|status|share|port 0|\b0 (?:to|asks|chooses)|the real one/i;
    const numbers = everything.filter(({ signature }) => /^(?:readonly )?\w+\??: (?:readonly )?number/.test(signature));
    expect(numbers.length).toBeGreaterThan(10);
    expect(numbers.filter(({ docs, parent }) => !units.test(docs.text) && !units.test(parent)).map(place)).toEqual([]);
  });

  test("functions that can fail by their arguments say so", () => {
    for (const name of ["fairlead/transport createTransport", "fairlead Gateway.listen", "fairlead Gateway.fetch"]) {
      expect(everything.find(({ full }) => full === name)?.docs.throws, name).toHaveLength(1);
    }
  });

  test("docs/api is what `npm run docs:api` makes", () => {
    const folder = join(ROOT, "docs/api");
    const pages = renderApi(api);
    expect(readdirSync(folder).sort()).toEqual(pages.map(({ file }) => file).sort());
    for (const { file, text } of pages) expect(readFileSync(join(folder, file), "utf8"), file).toBe(text);
  });

  test("links in docs/api lead somewhere", () => {
    const pages = renderApi(api);
    for (const { text } of pages) {
      for (const [, file] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        expect(pages.some((page) => page.file === file) || existsSync(join(ROOT, "docs/api", file)), file).toBe(true);
      }
    }
  });
});

describe("API reference: declarations", () => {
  test.each([
    ["a property", "readonly a?: string;\n  b: number;", "readonly a?: string"],
    [
      "a union over lines",
      "readonly a:\n    | { readonly b: 1; }\n    | null;\n x",
      "readonly a:\n  | { readonly b: 1; }\n  | null",
    ],
    ["a method", "a(b: { c: 1; d: 2 }): Promise<void>;", "a(b: { c: 1; d: 2 }): Promise<void>"],
    ["a function", "export function a(b: { c: 1 } = {}): void {\n  return;\n}", "function a(b: { c: 1 } = {}): void"],
    ["an interface", "export interface A extends B {\n  c: 1;\n}", "interface A extends B"],
    ["a type", "export type A = { b: 1; c: 2 } | (() => void);\n", "type A = { b: 1; c: 2 } | (() => void)"],
    ["the last member without a semicolon", "a: 1 }", "a: 1"],
    ["comments", "type A = /* of ; */ string; // end", "type A =  string"],
  ])("%s", (_what, source, expected) => {
    expect(declarationAt(new TextEncoder().encode(source), 0)).toBe(expected);
  });
});
