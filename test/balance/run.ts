import { parseArgs } from "node:util";
import { table } from "./table.ts";

const usage = `usage: npm run balance -- --simulate [--seed N] [--seconds N]

  --simulate   the balancing policies against each other, on a simulated clock
  --seed       of the randomness (default 1): equal seeds print equal tables
  --seconds    of simulated time for each cell (default 60)`;

/** Runs the command. @returns the exit code */
function main(args: readonly string[]): number {
  let values: { simulate?: boolean; seed?: string; seconds?: string };
  try {
    const string = { type: "string" } as const;
    values = parseArgs({
      args: [...args],
      options: { simulate: { type: "boolean" }, seed: string, seconds: string },
    }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return 2;
  }
  const seed = Number(values.seed ?? 1);
  const seconds = Number(values.seconds ?? 60);
  if (values.simulate !== true || !Number.isInteger(seed) || !(seconds > 0)) {
    console.error(usage);
    return 2;
  }
  const start = performance.now();
  const sinceStart = () => ((performance.now() - start) / 1000).toFixed(1);
  console.log(table(seed, seconds, (line) => console.error(`${sinceStart()} s  ${line}`)));
  return 0;
}

process.exitCode = main(process.argv.slice(2));
