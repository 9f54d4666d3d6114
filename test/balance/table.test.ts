import { expect, test } from "vitest";
import { contenders, settings, simulate, table } from "./table.ts";

test.each(settings.map((setting, i) => ({ ...setting, least: [1.3, 2.5, 1.8][i] })))(
  "simulation, $name: p99 with random ties is at least $least times that with quickest ones",
  ({ least, ...setting }) => {
    const [random, quickest] = contenders.slice(0, 2).map((contender) => simulate(setting, contender, 1, 15));
    expect(random.p99 / quickest.p99).toBeGreaterThan(least);
    expect(quickest.p50).toBeLessThanOrEqual(1.1 * random.p50);
  },
);

test("simulation: equal seeds print equal tables, other seeds others", () => {
  const print = (seed: number) => {
    const progress: string[] = [];
    const text = table(seed, 0.2, (line) => progress.push(line), 5);
    expect(progress).toHaveLength(settings.length * contenders.length + 1);
    return text.replace(/Seed \d+/, "");
  };
  expect(print(1)).toBe(print(1));
  expect(print(1)).not.toBe(print(2));
  expect(print(1)).not.toContain("NaN");
});
