import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { ROOT } from "../e2e/support/runtimes.ts";
import { groups } from "./all.ts";
import { type Measured, measure } from "./measure.ts";
import { limitsPart, measuredPart } from "./page.ts";
import { startField } from "./support/field.ts";

/**
 * `npm run attacks [-- --scale N] [-- --only PATTERN]`: every attack, larger than in the suite; prints the figures and, unless only some
 * ran, writes docs/limits.md. Exit code 1 when one did not end as it must or hurt somebody else.
 */

const argument = (name: string): string | undefined => {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
};
const scale = Number(argument("--scale") ?? 2);
const only = argument("--only");
const pattern = new RegExp(only ?? "", "i");
const PAGE = join(ROOT, "docs/limits.md");
/** An attack that is not over by then has got through. Milliseconds. */
const PATIENCE_MS = 60_000;

const field = await startField();
const results: { name: string; measured: Measured[] }[] = [];
let wrong = 0;
try {
  for (const { name, attacks } of groups) {
    const measured: Measured[] = [];
    for (const attack of attacks) {
      if (!pattern.test(attack.name)) continue;
      const patience = new Promise<null>((resolve) => setTimeout(() => resolve(null), PATIENCE_MS).unref());
      const one = await Promise.race([measure(attack, field, scale, 400), patience]);
      if (one === null) throw new Error(`${attack.name}: not over after ${PATIENCE_MS / 1_000} s`);
      const right = attack.expected.test(one.end) && one.during.failed === 0;
      if (!right) wrong++;
      const figures = `${one.frames} frames, ${one.cpuMs.toFixed(0)} ms CPU, ${(one.rssBytes / 2 ** 20).toFixed(1)} MiB`;
      const p99 = `p99 ${one.before.p99.toFixed(1)} -> ${one.during.p99.toFixed(1)} ms`;
      console.log(`${right ? "ok   " : "WRONG"} ${attack.name}: ${one.end}; ${figures}, ${p99}`);
      for (const failure of one.during.failures) console.log(`      the other client: ${failure}`);
      measured.push(one);
    }
    if (measured.length > 0) results.push({ name, measured });
  }
} finally {
  await field.stop();
}
const count = results.reduce((sum, { measured }) => sum + measured.length, 0);
console.log(`${count - wrong} of ${count} attacks ended as they must`);
if (only === undefined && wrong === 0) {
  const day = new Date().toISOString().slice(0, 10);
  const machine = `${day}, Node ${process.versions.node}, ${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown kind"}.`;
  writeFileSync(PAGE, `${limitsPart()}${measuredPart(results, machine)}`);
  console.log(`written: ${PAGE.slice(ROOT.length + 1)} (${readFileSync(PAGE, "utf8").split("\n").length} lines)`);
}
process.exit(wrong === 0 ? 0 : 1);
