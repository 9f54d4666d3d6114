import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../e2e/support/runtimes.ts";

/** Rows of the table of metrics, from the answer of /metrics. */
export function metricRows(text: string): string[] {
  const helps = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)];
  return helps.map(([, name, help]) => {
    const type = new RegExp(`^# TYPE ${name} (\\w+)$`, "m").exec(text)?.[1] ?? "";
    const labels = new Set<string>();
    for (const [, inside] of text.matchAll(new RegExp(`^${name}\\{(.*?)\\} `, "gm"))) {
      for (const [, label] of inside.matchAll(/(\w+)="/g)) labels.add(label);
    }
    const listed = [...labels].sort().map((label) => `\`${label}\``);
    return `| \`${name}\` | ${type} | ${listed.join(", ")} | ${help} |`;
  });
}

/** Where a template of `src` puts the name of what is watched. */
const NAMED = /\$\{what\}/;
const LEVELS = ["debug", "info", "warn", "error"] as const;

/** The first two cells of each row of the table of log lines, sorted: what src writes. */
export function eventRows(): string[] {
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    // The demo writes to the screen.
    .filter((name) => name.endsWith(".ts") && !name.startsWith("demo/"))
    .map((name) => ({ name, text: readFileSync(join(ROOT, "src", name), "utf8") }));
  // What is watched has one writer, src/files, that is told its name.
  const watched = files.flatMap(({ text }) =>
    [...text.matchAll(/new WatchedFiles\(\s*\{\s*what: "([^"]+)"/g)].map(([, what]) => what),
  );
  const rows = new Set<string>();
  for (const { name, text } of files) {
    for (const { 1: call, 2: event, index } of text.matchAll(/\blog(\.\w+|\[[^\]]+\])\(\s*["`]([^"`]+)["`]/g)) {
      // Of two levels, one by a condition: in place, or in the `const level` before it.
      const chosen = call === "[level]" ? text.slice(text.lastIndexOf("const level", index), index) : call;
      const levels = LEVELS.filter((level) => new RegExp(`\\.${level}$|"${level}"`).test(chosen));
      if (levels.length === 0) throw new Error(`src/${name}: which level has "${event}"?`);
      for (const what of NAMED.test(event) ? watched : [""])
        rows.add(`| \`${event.replace(NAMED, what)}\` | ${levels.join(", ")}`);
    }
  }
  return [...rows].sort();
}
