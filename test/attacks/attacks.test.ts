import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { groups } from "./all.ts";
import { measure } from "./measure.ts";
import { type Field, startField } from "./support/field.ts";

/**
 * Every attack in its short form, one after the other against one gateway, which must live through all of them. Nothing is timed:
 * an attack that the gateway does not end runs into the test's time-out. `npm run attacks` prints the figures.
 */

/** Far above what an attack may cost, and far below what one that gets through does. Garbage that waits for its collection is in it. */
const RSS_BOUND = 96 * 2 ** 20;

/** CPU and memory of another process are read from /proc. */
const linux = process.platform === "linux";
if (!linux) console.log("skipped: attacks: the figures come from /proc, which only Linux has");

let field: Field;

beforeAll(async () => {
  if (!linux) return;
  field = await startField();
  // Grows the heap to what work of any kind needs, so that the first attack is not blamed for it.
  for (const { attacks } of groups) {
    for (const attack of attacks) if (attack.name === "plain requests without end") await attack.run(field, 1);
  }
}, 60_000);

afterAll(async () => {
  if (linux) await field.stop();
});

for (const { name, attacks } of groups) {
  describe.skipIf(!linux)(`attacks: ${name}`, () => {
    for (const attack of attacks) {
      test(`${attack.name}: ends as it must, and nobody else notices`, async () => {
        const measured = await measure(attack, field, 1, 20);
        expect(measured.end).toMatch(attack.expected);
        expect(measured.during.failures).toEqual([]);
        expect(measured.during.connections).toBe(1);
        expect(measured.rssBytes).toBeLessThan(RSS_BOUND);
        expect(field.gateway.output()).not.toMatch(/internal error|uncaught/i);
      });
    }
  });
}

test.skipIf(!linux)("attacks: after all of them, no call is outstanding and the gateway drains in order", async () => {
  await field.quietly(async () => expect(await field.outstanding()).toBe(0));
  const exit = await field.gateway.stop();
  expect(exit).toEqual({ code: 0, signal: null });
});
