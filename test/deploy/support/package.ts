import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeProgram, ROOT } from "../../e2e/support/runtimes.ts";

/** The folder /app of the image, as far as running needs it: compiled sources, package.json, dependencies. */
export interface Package {
  readonly app: string;
  /** Puts files into a folder of it as Kubernetes mounts a ConfigMap: each is a link to a link to the content. */
  mountConfigMap(name: string, files: Readonly<Record<string, string>>): void;
  /** The same as a bind mount has them. */
  mountFolder(name: string, files: Readonly<Record<string, string>>): void;
  remove(): void;
}

/** Compiles the sources as they are; what others have left half done does not stop it. @throws Error when nothing comes out */
export function buildPackage(): Package {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-app-"));
  const app = join(folder, "app");
  mkdirSync(app);
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const args = ["-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(app, "dist")];
  const { stdout } = spawnSync(nodeProgram(), [tsc, ...args], { encoding: "utf8" });
  try {
    readFileSync(join(app, "dist/main.js"));
  } catch {
    throw new Error(`tsc has written no dist/main.js:\n${stdout}`);
  }
  cpSync(join(ROOT, "package.json"), join(app, "package.json"));
  symlinkSync(join(ROOT, "node_modules"), join(app, "node_modules"));
  return {
    app,
    mountConfigMap: (name, files) => {
      const target = join(app, name);
      mkdirSync(join(target, "..version"), { recursive: true });
      symlinkSync("..version", join(target, "..data"));
      for (const [file, text] of Object.entries(files)) {
        writeFileSync(join(target, "..version", file), text);
        symlinkSync(join("..data", file), join(target, file));
      }
    },
    mountFolder: (name, files) => {
      mkdirSync(join(app, name), { recursive: true });
      for (const [file, text] of Object.entries(files)) writeFileSync(join(app, name, file), text);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** All files of a folder of the repository, by name. */
export function filesOf(folder: string): Record<string, string> {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(entries.map(({ name }) => [name, readFileSync(join(ROOT, folder, name), "utf8")]));
}
