import { expect, test } from "vitest";
import { pageOf } from "./pages.ts";

const rows = pageOf("docs/compare.md")
  .text.split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("|  |"))
  .map((line) =>
    line
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim())
      .slice(1, -1),
  );

test("docs/compare.md: every cell leads to its source", () => {
  const bare = rows.flatMap(([name, ...cells]) =>
    cells.filter((cell) => !/^\[[^\]]+\]\([^)\s]+\)$/.test(cell)).map((cell) => `${name}: ${cell}`),
  );
  expect(bare).toEqual([]);
  expect(rows.length).toBeGreaterThan(20);
});

test("docs/compare.md: what is said of Fairlead has its source in this repository", () => {
  const ours = rows.filter(([name]) => name === "**Fairlead**");
  expect(ours).toHaveLength(3);
  for (const cell of ours.flatMap(([_name, ...cells]) => cells)) expect(cell).not.toMatch(/https?:/);
});
