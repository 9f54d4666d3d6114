import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { type BuildOptions, build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findTool } from "../support/tools.ts";
import { complaints, type Packed, pack, runNode } from "./package/pack.ts";

let packed: Packed;
beforeAll(() => {
  packed = pack();
}, 120_000);
afterAll(() => packed?.remove());

/** Every entry, with something that it exports. */
const ENTRIES: Readonly<Record<string, string>> = {
  fairlead: "createGateway",
  "fairlead/transport": "createTransport",
  "fairlead/hono": "fairlead",
  "fairlead/connect": "fairlead",
  "fairlead/fetch": "createFetchHandler",
  "fairlead/fetch/lambda": "createLambdaHandler",
};

describe("package: what npm pack makes", () => {
  test("publint has nothing to say", async () => {
    const tarball = new Uint8Array(packed.tarball).buffer;
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  test("arethetypeswrong finds no problem for whoever imports by ESM", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(packed.tarball));
    if (analysis.types === false) throw new Error("the package has no types");
    expect(Object.keys(analysis.entrypoints).sort()).toEqual(
      [...Object.keys(ENTRIES).map((name) => name.replace("fairlead", ".")), "./package.json"].sort(),
    );
    // The profile "esm-only": node10 knows no `exports`, and `require` is what this package does not offer.
    const relevant = new Set(["node16-esm", "bundler"]);
    const problems = Object.entries(analysis.entrypoints).flatMap(([entry, { resolutions }]) =>
      Object.entries(resolutions).flatMap(([kind, { visibleProblems = [] }]) =>
        relevant.has(kind) ? visibleProblems.map((at) => `${entry} ${kind}: ${analysis.problems[at].kind}`) : [],
      ),
    );
    expect(problems).toEqual([]);
  });

  test("it has what people need, and nothing of how it is made", () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "dist/main.js",
        "dist/index.d.ts",
        "docs/library.md",
      ]),
    );
    expect(paths.filter((path) => /\.map$|^test\/|^src\/|^\.|\.test\./.test(path))).toEqual([]);
    const size = packed.files.reduce((sum, file) => sum + file.size, 0);
    console.log(`package: ${packed.files.length} files, ${kib(size)} unpacked, ${kib(packed.tarball.length)} packed`);
    expect(packed.tarball.length).toBeLessThan(1 << 20);
  });

  test("package.json: ESM only, no side effects, provenance, and no script that runs on whoever installs it", () => {
    const described = JSON.parse(readFileSync(join(packed.folder, "package.json"), "utf8"));
    expect(described).toMatchObject({
      type: "module",
      sideEffects: false,
      license: "Apache-2.0",
      publishConfig: { access: "public", provenance: true },
    });
    expect(described.main).toBeUndefined();
    expect(JSON.stringify(described.exports)).not.toContain('"require"');
    for (const hook of ["preinstall", "install", "postinstall", "prepare"])
      expect(described.scripts[hook]).toBeUndefined();
    // The demo's client is what weighs most, and whoever does without it leaves it out: npm install --omit=optional.
    expect(Object.keys(described.optionalDependencies)).toEqual(["@grpc/grpc-js"]);
  });

  test("jsr.json says the same as package.json", () => {
    const read = (name: string) => JSON.parse(readFileSync(name, "utf8"));
    const { version, exports, dependencies, optionalDependencies } = read("package.json");
    const jsr = read("jsr.json");
    expect(jsr.version).toBe(version);
    expect(jsr.license).toBe("Apache-2.0");
    const sources = Object.entries(exports as Record<string, string | { types: string }>).flatMap(([path, target]) =>
      typeof target === "string" ? [] : [[path, target.types.replace("./dist/", "./src/").replace(".d.ts", ".ts")]],
    );
    expect(jsr.exports).toEqual(Object.fromEntries(sources));
    const imports = Object.entries({ ...dependencies, ...optionalDependencies }).flatMap(([name, wanted]) => [
      [name, `npm:${name}@${wanted}`],
      [`${name}/`, `npm:/${name}@${wanted}/`],
    ]);
    expect(jsr.imports).toEqual(Object.fromEntries(imports));
  });

  test("JSR would take it: types that it can read without a compiler, and nothing missing", () => {
    const deno = findTool("deno");
    if ("missing" in deno) {
      console.log(`skipped: JSR's own check: ${deno.missing}`);
      return;
    }
    const args = ["publish", "--dry-run", "--allow-dirty", "--no-lock", "--config", "jsr.json"];
    const said = spawnSync(deno.path, args, { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
    expect([said.status, said.stderr]).toEqual([0, expect.stringContaining("Simulating publish")]);
    expect(said.stderr).not.toMatch(/slow type.*(?:error|warning)|\[unsupported/i);
    // It checks types with a compiler of its own.
  }, 120_000);
});

describe("package: in somebody's project", () => {
  const runtimes = [
    ["this one", null],
    ["Deno", "deno"],
    ["Bun", "bun"],
  ] as const;

  test.each(runtimes)("every entry is imported on %s", (_name, tool) => {
    const file = join(packed.project, "use.mjs");
    const lines = Object.entries(ENTRIES).map(
      ([entry, name]) => `if (typeof (await import("${entry}")).${name} !== "function") throw new Error("${entry}");`,
    );
    writeFileSync(file, [...lines, 'console.log("all there");'].join("\n"));
    if (tool === null) {
      expect(runNode([file], packed.project)).toBe("all there\n");
      return;
    }
    const found = findTool(tool);
    if ("missing" in found) {
      console.log(`skipped: the package on ${tool}: ${found.missing}`);
      return;
    }
    const args = tool === "deno" ? ["run", "-A", "--node-modules-dir=manual", file] : [file];
    const said = execFileSync(found.path, args, {
      cwd: packed.project,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    expect(said).toBe("all there\n");
  });

  test("every program of docs/library.md compiles", () => {
    mkdirSync(join(packed.project, "gen"), { recursive: true });
    cpSync("src/gen/fairlead/demo/v1/echo_pb.ts", join(packed.project, "gen/echo_pb.ts"));
    writeFileSync(join(packed.project, "package.json"), '{ "type": "module" }');
    const programs = [...readFileSync("docs/library.md", "utf8").matchAll(/^```ts\n(.*?)^```/gms)].map(
      ([, code]) => code,
    );
    expect(programs.length).toBeGreaterThan(5);
    const files = programs.map((code, at) => {
      writeFileSync(join(packed.project, `program-${at}.ts`), code);
      return `program-${at}.ts`;
    });
    const args = ["--strict", "--target", "es2022", "--skipLibCheck", "--types", "node", "--module", "nodenext"];
    expect(complaints(packed.project, [...args, ...files])).toBe("");
  });

  test.each([
    ["nodenext", []],
    ["bundler", ["--module", "esnext"]],
  ] as const)("TypeScript takes the types, resolution %s", (resolution, args) => {
    writeFileSync(join(packed.project, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(packed.project, "use.ts"),
      `import { createGateway, type GatewayEvents } from "fairlead";
import { createTransport } from "fairlead/transport";
import { fairlead as hono } from "fairlead/hono";
import { fairlead as connect } from "fairlead/connect";
const gateway = createGateway({ backends: [{ target: "dns:///echo:50051", dns: { period: "5s" } }] });
gateway.on("callFinished", ({ code, ms }) => code.toFixed() + ms.toFixed());
const event: GatewayEvents["stateChanged"] = { state: "ready", before: "starting" };
export const all = [hono(gateway), connect(gateway), event, createTransport({ target: "dns:///echo:50051" }).close()];
// @ts-expect-error: policies are named
createTransport({ target: "dns:///echo:50051", policy: "fastest" });
// @ts-expect-error: fields are those of the configuration
createGateway({ backend: [] });
`,
    );
    // The package's own declarations are checked, too: no skipLibCheck for them would check all others besides.
    const strict = ["--strict", "--target", "es2022", "--skipLibCheck", "--types", "node"];
    const made = resolution === "nodenext" ? ["--module", "nodenext"] : args;
    expect(complaints(packed.project, [...strict, ...made, "--moduleResolution", resolution, "use.ts"])).toBe("");
  });
});

describe("package: tree-shaking", () => {
  const bundle = async (code: string): Promise<{ readonly inputs: readonly string[]; readonly bytes: Uint8Array }> => {
    const options: BuildOptions = {
      stdin: { contents: code, resolveDir: packed.project },
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      metafile: true,
      write: false,
      preserveSymlinks: true,
      logLevel: "silent",
    };
    const { metafile, outputFiles = [] } = await build(options);
    const [output] = Object.values(metafile?.outputs ?? {});
    // Those of which something is left, and not those that were looked at.
    const left = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
    return { inputs: left.map(([path]) => path.replace(/^.*node_modules\//, "")), bytes: outputFiles[0].contents };
  };

  test("fairlead/transport: no listener, no other protocol, no JSON, no admin page, no library of theirs", async () => {
    const { inputs, bytes } = await bundle('export { createTransport } from "fairlead/transport";');
    console.log(`fairlead/transport, bundled: ${kib(bytes.length)} minified, ${kib(gzipSync(bytes).length)} gzipped`);
    const foreign =
      /^(?:hono|@hono|yaml|pino|prom-client|@grpc|@connectrpc\/connect-node)|dist\/(?:admin|demo|json|http1|routing|library|fetch|gen|entrance|create-gateway|runtime\/(?:listen|serve|sniff|inflate)|http2\/server-connection|protocols\/(?:connect|grpc-web|cors))/;
    expect(inputs.filter((path) => foreign.test(path))).toEqual([]);
    expect(inputs).toEqual(
      expect.arrayContaining(["fairlead/dist/transport/create-transport.js", "fairlead/dist/balancing/backend.js"]),
    );
    expect(gzipSync(bytes).length).toBeLessThan(80 << 10);
  });

  test("fairlead: no demo, no admin page, no log of a process's", async () => {
    const { inputs, bytes } = await bundle('export { createGateway } from "fairlead";');
    console.log(`fairlead, bundled: ${kib(bytes.length)} minified, ${kib(gzipSync(bytes).length)} gzipped`);
    const foreign =
      /^(?:hono|@hono|pino|prom-client|@grpc|@connectrpc\/connect-node)|dist\/(?:admin|demo|transport|middleware)/;
    expect(inputs.filter((path) => foreign.test(path))).toEqual([]);
  });

  test("an import that is not used leaves nothing", async () => {
    for (const entry of Object.keys(ENTRIES)) {
      const { inputs } = await bundle(
        `import "${entry}"; import { ${ENTRIES[entry]} } from "${entry}"; export const a = 1;`,
      );
      expect(inputs, entry).toEqual(["<stdin>"]);
    }
  });
});

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(0)} KiB`;
}
