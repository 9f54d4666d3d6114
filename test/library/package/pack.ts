import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeProgram, ROOT } from "../../e2e/support/runtimes.ts";

/** The package as a registry would get it, made of the sources as they are now. */
export interface Packed {
  readonly tarball: Uint8Array;
  readonly files: readonly { readonly path: string; readonly size: number }[];
  /** A project that has the package and what it depends on in its node_modules. */
  readonly project: string;
  /** The unpacked package in it. */
  readonly folder: string;
  remove(): void;
}

interface NpmPacked {
  readonly filename: string;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** The compiler's program; not through a shell of npm's, which would take a second more. */
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

export function runNode(args: readonly string[], cwd: string): string {
  return execFileSync(nodeProgram(), args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Builds, packs and unpacks: some seconds. */
export function pack(): Packed {
  const work = mkdtempSync(join(tmpdir(), "fairlead-package-"));
  const source = join(work, "source");
  mkdirSync(source);
  runNode([TSC, "-p", "tsconfig.build.json", "--outDir", join(source, "dist")], ROOT);
  cpSync(join(ROOT, "src/demo/page"), join(source, "dist/demo/page"), { recursive: true });
  const { files: listed } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { files: string[] };
  const copied = listed.filter((name) => !name.startsWith("!") && name !== "dist");
  for (const name of [...copied, "package.json"]) cpSync(join(ROOT, name), join(source, name), { recursive: true });
  const printed = execFileSync("npm", ["pack", "--json", "--ignore-scripts"], {
    cwd: source,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ filename, files }] = Object.values(JSON.parse(printed) as Record<string, NpmPacked>);
  const project = join(work, "project");
  const modules = join(project, "node_modules");
  mkdirSync(modules, { recursive: true });
  execFileSync("tar", ["-xzf", join(source, filename), "-C", modules]);
  const folder = join(modules, "fairlead");
  cpSync(join(modules, "package"), folder, { recursive: true });
  rmSync(join(modules, "package"), { recursive: true });
  for (const name of [
    "@bufbuild",
    "@connectrpc",
    "@hono",
    "@types",
    "hono",
    "pino",
    "pino-pretty",
    "prom-client",
    "undici-types",
    "yaml",
  ]) {
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  const tarball = readFileSync(join(source, filename));
  return { tarball, files, project, folder, remove: () => rmSync(work, { recursive: true, force: true }) };
}

/** Compiles a project of the package's user. @returns what the compiler complains of; empty for nothing */
export function complaints(project: string, args: readonly string[]): string {
  try {
    return runNode([TSC, "--noEmit", ...args], project);
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
