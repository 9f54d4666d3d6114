/** `npm run docs:api`: writes docs/api from the comments of what the package exports. Reads them by `deno doc`. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "../../e2e/support/runtimes.ts";
import { findTool } from "../../support/tools.ts";
import { readApi } from "./read-api.ts";
import { renderApi } from "./render.ts";

const deno = findTool("deno");
if ("missing" in deno) {
  process.stderr.write(`docs:api: ${deno.missing}\n`);
  process.exit(1);
}
const folder = join(ROOT, "docs/api");
mkdirSync(folder, { recursive: true });
const pages = renderApi(readApi(deno.path));
for (const old of readdirSync(folder)) if (!pages.some(({ file }) => file === old)) rmSync(join(folder, old));
for (const { file, text } of pages) writeFileSync(join(folder, file), text);
process.stdout.write(`written: docs/api, ${pages.length} pages\n`);
