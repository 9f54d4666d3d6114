import { expect, test } from "vitest";
import { isolatesTable } from "./isolates/table.ts";

test("isolates: the more of them share the calls, the longer the slowest take; the chain stands between", () => {
  const rows = isolatesTable(1, 10)
    .split("\n")
    .filter((line) => /^\| (\d|any)/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const p99 = rows.map((row) => Number(row[4].split(" / ")[1]));
  expect(rows.map((row) => row[2])).toEqual(["20", "200", "2000", "40"]);
  const [one, ten, hundred, chained] = p99;
  expect(one).toBeLessThan(ten);
  expect(ten).toBeLessThan(hundred);
  expect(chained).toBeLessThan(ten);
});
