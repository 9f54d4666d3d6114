import { mkdtempSync, rmSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { ROOT } from "../../e2e/support/runtimes.ts";

/** Whose `fairlead/fetch` an entry gets: the conditions of package.json choose the same. */
export type PlatformName = "node" | "workerd" | "edge";

export interface Bundle {
  readonly path: string;
  /** Modules that are left to the platform: `node:net`, `cloudflare:sockets`. */
  readonly external: readonly string[];
}

/** For the files of one test file; `removeFolders` removes it, and the end of the process, where that is heard. */
export function createFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-fetch-"));
  folders.push(folder);
  return folder;
}

const folders: string[] = [];
process.once("exit", removeFolders);

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Bundles an entry of deploy/ as its user's own build does it, from our sources. @param entry from the repository's root */
export async function bundle(entry: string, platform: PlatformName, folder: string, minify = false): Promise<Bundle> {
  const path = join(folder, `${entry.replaceAll("/", "-").replace(/\.ts$/, "")}-${platform}.mjs`);
  const result = await build({
    entryPoints: [join(ROOT, entry)],
    outfile: path,
    bundle: true,
    minify,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: platform === "node" ? ["node-addons", "import"] : ["workerd", "worker", "browser", "import"],
    external: ["cloudflare:*", "node:*", ...(platform === "node" ? builtinModules : [])],
    alias: {
      "fairlead/fetch": join(ROOT, `src/fetch/${platform}.ts`),
      "fairlead/fetch/lambda": join(ROOT, "src/fetch/lambda.ts"),
    },
    metafile: true,
    logLevel: "error",
  });
  const [output] = Object.values(result.metafile.outputs);
  const external = output.imports.filter((imported) => imported.external).map((imported) => imported.path);
  return { path, external: [...new Set(external)].sort() };
}
