import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rules } from "../../src/config/defaults.ts";
import { groups } from "./all.ts";
import { settings } from "./limits.ts";
import { limitsPart } from "./page.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/limits.md"), "utf8");

test("docs/limits.md: has every setting of `limits`, once", () => {
  const names = Object.keys(rules).flatMap((key) => (key.startsWith("Limits.") ? [key.slice("Limits.".length)] : []));
  expect(settings.map(({ name }) => name)).toEqual(names);
});

test("docs/limits.md: is current, its figures aside (`npm run attacks` writes it)", () => {
  expect(page.startsWith(limitsPart())).toBe(true);
});

test("docs/limits.md: says on which day the figures were taken, and where", () => {
  expect(page).toMatch(/^20\d\d-\d\d-\d\d, Node \d+\.\d+\.\d+, \d+ cores? of /m);
});

test("docs/limits.md: has every attack, and each has a name of its own", () => {
  const names = groups.flatMap(({ attacks }) => attacks.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(page).toContain(`| ${name} |`);
});
