import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { simulateAll } from "./grid.ts";
import { measure, SIZES, TINY } from "./measure.ts";
import { plot } from "./plot.ts";
import { page } from "./report.ts";
import { benchCosts, folder, type Results, readResults, root, toJson } from "./results.ts";

const usage = `usage: npm run scaling -- [--only measure|simulate|print] [--quick] [--write] [--seed N]

  --only    what to do anew; the rest is taken from docs/scaling/results.json
  --quick   short and small: the figures mean little
  --write   writes docs/scaling.md, docs/scaling/results.json and the pictures; else the page is printed
  --seed    of the simulation (default 1)

All of it takes about ten minutes on two cores.`;

const started = performance.now();

/** Progress goes to standard error. */
function say(line: string): void {
  process.stderr.write(`[${String(Math.round((performance.now() - started) / 1000)).padStart(4)} s] ${line}\n`);
}

async function main(args: string[]): Promise<number> {
  const flag = { type: "boolean" } as const;
  const word = { type: "string" } as const;
  const options = { only: word, quick: flag, write: flag, seed: word, help: flag };
  const { values } = parseArgs({ args, options });
  const seed = Number(values.seed ?? 1);
  const { only = "all", quick = false } = values;
  if (values.help || !Number.isInteger(seed) || !["all", "measure", "simulate", "print"].includes(only)) {
    console.error(usage);
    return values.help ? 0 : 2;
  }
  const results: Results = {
    measured: only === "all" || only === "measure" ? await measured(quick) : readResults().measured,
    simulated:
      only === "all" || only === "simulate"
        ? { seed, cells: simulateAll(seed, quick ? 20 : 1, say) }
        : readResults().simulated,
  };
  // As it will be read from the file, so that printing it again gives the same page.
  const kept = JSON.parse(toJson(results)) as Results;
  const text = page(kept);
  if (values.write) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "results.json"), toJson(results));
    writeFileSync(join(folder, "p99.svg"), plot(kept.simulated.cells));
    writeFileSync(join(root, "docs/scaling.md"), text);
    say("docs/scaling.md is written");
  } else console.log(text);
  return 0;
}

async function measured(quick: boolean): Promise<Results["measured"]> {
  const busy = loadavg()[0];
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    node: process.versions.node,
    busy,
    bench: benchCosts(),
    constants: await measure(root, quick ? TINY : SIZES, say),
  };
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? `${error.message}\n${usage}` : error);
  return 1;
});
