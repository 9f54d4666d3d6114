import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Benches of single parts: the file beside this one, and the function in it that gives a Markdown table. */
const PARTS = [
  { file: "balancing.ts", name: "benchBalancing", title: "Balancing" },
  { file: "hpack.ts", name: "benchHpack", title: "HPACK" },
  { file: "json.ts", name: "benchJson", title: "JSON transcoding" },
] as const;

/** Runs what is there. One that fails is named in its place: the figures of the long run before it must not be lost. */
export async function benchParts(say: (line: string) => void): Promise<string[]> {
  const sections: string[] = [];
  for (const { file, name, title } of PARTS) {
    const url = new URL(file, import.meta.url);
    if (!existsSync(url)) continue;
    say(`${title.toLowerCase()}: test/bench/${file}`);
    try {
      const table = readFileSync(url, "utf8").includes(`function ${name}(`) ? await imported(url, name) : printed(url);
      sections.push(table.startsWith("#") ? table : `## ${title}\n\n${table}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      say(`${file} failed: ${reason}`);
      sections.push(`## ${title}\n\ntest/bench/${file} failed: ${reason}`);
    }
  }
  return sections;
}

async function imported(url: URL, name: string): Promise<string> {
  const module = (await import(url.href)) as Readonly<Record<string, unknown>>;
  const bench = module[name];
  if (typeof bench !== "function") throw new Error(`it exports no ${name}()`);
  return String(await bench()).trim();
}

/** A bench that is only a script: what it prints, as it stands. */
function printed(url: URL): string {
  const result = spawnSync(process.execPath, ["--import", "tsx", fileURLToPath(url)], {
    encoding: "utf8",
    timeout: 300_000,
  });
  if (result.status !== 0) throw new Error(result.stderr.trim().split("\n").at(-1) ?? "no output");
  return `\`\`\`\n${result.stdout.trim()}\n\`\`\``;
}
