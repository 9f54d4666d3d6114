import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { ROOT } from "../../e2e/support/runtimes.ts";
import { bundle, createFolder, type PlatformName, removeFolders } from "../support/bundle.ts";
import { readWrangler } from "../support/platforms.ts";

afterAll(removeFolders);

/** The lines that an entry may have: whoever deploys one should read it first. */
const MAX_LINES = 20;
const MAX_GZIPPED_BYTES = 150 * 1024;

const FOLDERS = ["bun", "cloudflare", "deno", "lambda", "node", "vercel"];
const ENTRIES = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, "deploy", folder))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `deploy/${folder}/${name}`),
);

/** What workers and edges get. A platform that has `node:*` asks for it by the condition `node`. */
const BUNDLES: readonly (readonly [entry: string, platform: PlatformName, external: readonly string[]])[] = [
  ["deploy/cloudflare/worker.ts", "workerd", ["cloudflare:sockets"]],
  ["deploy/cloudflare/chain.ts", "workerd", ["cloudflare:sockets"]],
  ["deploy/vercel/rpc.ts", "edge", []],
];

describe("fetch entry: entry files", () => {
  test.each(ENTRIES)("%s: has at most twenty lines", (entry) => {
    expect(readFileSync(join(ROOT, entry), "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(MAX_LINES);
  });

  test("deploy/node/main.ts: Node's five minutes for a whole request are off, and those for its head stay", async () => {
    const text = readFileSync(join(ROOT, "deploy/node/main.ts"), "utf8");
    const options = /const serverOptions = (\{.*?\});/.exec(text)?.[1] ?? "";
    const [requestTimeout, headersTimeout] = (options.match(/[\d_]+/g) ?? []).map((n) => Number(n.replaceAll("_", "")));
    // As Node's own server takes them: a zero for one of them is a zero for the other, unless that is given.
    const server = createServer({ requestTimeout, headersTimeout });
    expect([server.requestTimeout, server.headersTimeout]).toEqual([0, 60_000]);
    expect(text).toMatch(/serve\(\{[^}]*serverOptions/);
  });

  test("package.json: each condition leads to what is built of a source that is there, with one signature", async () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      exports: Record<string, Record<string, string>>;
    };
    const { types, ...conditions } = exports["./fetch"];
    // The first that applies is taken: workers and edges may have others beside their own.
    expect(Object.keys(conditions)).toEqual(["workerd", "edge-light", "deno", "bun", "node", "default"]);
    for (const file of [types.replace(".d.ts", ".js"), ...Object.values(conditions)]) {
      const source = join(ROOT, file.replace("./dist/", "src/").replace(/\.js$/, ".ts"));
      expect(Object.keys((await import(source)) as object), source).toEqual(["createFetchHandler"]);
    }
  });

  test("wrangler: names the worker, its Durable Object and the binding that the entry uses", () => {
    const { main, durable_objects, migrations } = readWrangler();
    const worker = readFileSync(join(ROOT, "deploy/cloudflare", main), "utf8");
    const [{ name, class_name }] = durable_objects.bindings;
    expect(worker).toContain(`export class ${class_name} `);
    expect(worker).toContain(`env.${name}.`);
    expect(migrations[0].new_sqlite_classes).toEqual([class_name]);
  });

  test("wrangler: the chain's environment inherits no class that its worker does not export", () => {
    // Bindings of Durable Objects are not inherited; migrations are (cloudflare/workers-sdk#5995).
    expect(readWrangler().env.chain.migrations).toEqual([]);
    expect(readFileSync(join(ROOT, "deploy/cloudflare/chain.ts"), "utf8")).not.toContain("export class");
  });

  test.each(BUNDLES)("%s: no module of Node's, and at most 150 KiB gzipped", async (entry, platform, external) => {
    const { path, external: found } = await bundle(entry, platform, createFolder(), true);
    expect(found).toEqual(external);
    const text = readFileSync(path);
    expect(text.toString()).not.toMatch(/\brequire\(|["']node:/);
    const bytes = gzipSync(text, { level: 9 }).length;
    console.info(`${entry}: ${(text.length / 1024).toFixed(1)} KiB, ${(bytes / 1024).toFixed(1)} KiB gzipped`);
    expect(bytes).toBeLessThanOrEqual(MAX_GZIPPED_BYTES);
  });
});
