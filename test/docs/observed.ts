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

/** The first two cells of each row of the table of log lines, sorted: what src writes. */
export function eventRows(): string[] {
  const rows = new Set<string>();
  for (const name of readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })) {
    // The demo writes to the screen.
    if (!name.endsWith(".ts") || name.startsWith("demo/")) continue;
    const text = readFileSync(join(ROOT, "src", name), "utf8");
    for (const [, level, event] of text.matchAll(/\blog\.(debug|info|warn|error)\(\s*"([^"]+)"/g)) {
      rows.add(`| \`${event}\` | ${level}`);
    }
  }
  return [...rows].sort();
}
