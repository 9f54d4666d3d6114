import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../e2e/support/runtimes.ts";
import { BUILT, type ClientTool, PROGRAMS } from "./tools.ts";

/**
 * Builds the client programs that are not TypeScript into .ci/tools, from package registries: tsx test/clients/build.ts [TOOL]...
 * What is built already from the same sources is left alone. What cannot be had is named, and the exit code is 1; its tests skip.
 */

const SOURCES = join(ROOT, "test/clients");
const TARGET = join(ROOT, ".ci/tools/target");
const GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4";
const PYTHON = ["connectrpc==0.13.0", "grpcio==1.85.1"];

function run(
  folder: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): void {
  execFileSync(command, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
}

function has(command: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

interface Recipe {
  readonly needs: readonly string[];
  /** What its sources are: their hash tells whether it is built already. */
  readonly from: string;
  build(): void;
}

const recipes: Readonly<Record<ClientTool, Recipe>> = {
  go: {
    needs: ["go"],
    from: hash(join(SOURCES, "go")),
    build: () => run(join(SOURCES, "go"), "go", ["build", "-o", PROGRAMS.go, "."], { GOFLAGS: "-mod=readonly" }),
  },
  grpcurl: {
    needs: ["go"],
    from: GRPCURL,
    build: () => run(BUILT, "go", ["install", GRPCURL], { GOBIN: BUILT, GOFLAGS: "-mod=mod" }),
  },
  java: {
    needs: ["mvn", "javac"],
    from: hash(join(SOURCES, "java")),
    build: () => {
      // Maven writes beside its pom.xml.
      const folder = mkdtempSync(join(tmpdir(), "fairlead-java-"));
      try {
        cpSync(join(SOURCES, "java"), folder, { recursive: true });
        const [lib, classes] = [join(BUILT, "java/lib"), join(BUILT, "java/classes")];
        run(folder, "mvn", ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${lib}`]);
        run(folder, "javac", ["-d", classes, "-cp", join(lib, "*"), "Main.java"]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  },
  rust: {
    needs: ["cargo"],
    from: hash(join(SOURCES, "rust")),
    build: () => {
      run(join(SOURCES, "rust"), "cargo", ["build", "--quiet", "--locked"], { CARGO_TARGET_DIR: TARGET });
      copyFileSync(join(TARGET, "debug/fairlead-clients"), PROGRAMS.rust);
    },
  },
  python: {
    needs: ["python3"],
    from: PYTHON.join(" "),
    build: () => {
      run(BUILT, "python3", ["-m", "venv", "venv"]);
      run(BUILT, PROGRAMS.python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...PYTHON]);
    },
  },
};

/** Of all files below the folder. */
function hash(folder: string): string {
  const sum = createHash("sha256");
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    if (/\.\w+$/.test(name)) sum.update(name).update(readFileSync(join(folder, name)));
  }
  return sum.digest("hex");
}

/** @returns why it could not be built; null when it is there */
function build(tool: ClientTool): string | null {
  const { needs, from, build: make } = recipes[tool];
  const stamp = join(BUILT, `${tool}.stamp`);
  if (existsSync(PROGRAMS[tool]) && existsSync(stamp) && readFileSync(stamp, "utf8") === from) return null;
  const absent = needs.filter((command) => !has(command));
  if (absent.length > 0) return `needs ${absent.join(" and ")}, which is not installed`;
  try {
    make();
  } catch (error) {
    const output = (error as { readonly stderr?: Uint8Array }).stderr;
    // The first lines say what is wrong; Maven and Cargo go on at length.
    return `the build failed: ${String(output ?? error)
      .trim()
      .split("\n")
      .slice(0, 5)
      .join(" ")}`;
  }
  writeFileSync(stamp, from);
  console.log(`installed: client ${tool}`);
  return null;
}

mkdirSync(BUILT, { recursive: true });
const all = Object.keys(recipes) as ClientTool[];
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !all.includes(name as ClientTool));
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(" ")}; there are ${all.join(" ")}`);
  process.exit(2);
}
for (const tool of asked.length > 0 ? (asked as ClientTool[]) : all) {
  const problem = build(tool);
  if (problem === null) continue;
  console.log(`not installed: client ${tool}: ${problem}`);
  process.exitCode = 1;
}
