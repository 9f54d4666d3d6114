import { execFile } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "../e2e/support/runtimes.ts";

const run = promisify(execFile);

/** What `npm publish` would publish, built in the folder. @returns the tarball */
export async function pack(folder: string): Promise<string> {
  const stage = join(folder, "package");
  mkdirSync(stage);
  await run(
    process.execPath,
    [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json", "--outDir", join(stage, "dist")],
    { cwd: ROOT },
  );
  cpSync(join(ROOT, "src/demo/page"), join(stage, "dist/demo/page"), { recursive: true });
  for (const name of ["package.json", "proto", "LICENSE"]) {
    cpSync(join(ROOT, name), join(stage, name), { recursive: true });
  }
  const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder];
  const { stdout } = await run("npm", args, { cwd: stage });
  return join(folder, stdout.trim());
}

/**
 * The package in the `node_modules` of a folder, as `npm install TARBALL` would have put it there, but for what it depends on:
 * that comes from this checkout, so that no registry is asked.
 */
export async function installPacked(tarball: string, folder: string): Promise<void> {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "fairlead"), { recursive: true });
  mkdirSync(join(modules, ".bin"));
  await run("tar", ["-xzf", tarball, "-C", join(modules, "fairlead"), "--strip-components=1"]);
  for (const name of packagesOf(join(ROOT, "node_modules"))) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    if (!existsSync(join(modules, name))) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  for (const name of readdirSync(join(ROOT, "node_modules/.bin"))) {
    if (name !== "fairlead") symlinkSync(join(ROOT, "node_modules/.bin", name), join(modules, ".bin", name));
  }
  chmodSync(join(modules, "fairlead/dist/main.js"), 0o755);
  symlinkSync("../fairlead/dist/main.js", join(modules, ".bin/fairlead"));
}

/** Names, with their scopes. */
function packagesOf(modules: string): string[] {
  return readdirSync(modules)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
    );
}
