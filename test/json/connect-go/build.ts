import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const FOLDER = import.meta.dirname;
const TOOLS = resolve(FOLDER, "../../../.ci/tools/mirror");
const PROGRAM = join(TOOLS, "mirror");

/** Builds the mirror when it is missing or its sources have changed: seconds, and some more the first time. */
export function buildMirror(): { readonly program: string } | { readonly missing: string } {
  const stamp = join(TOOLS, "sources");
  const sources = ["main.go", "go.mod", "go.sum"].map((name) => readFileSync(join(FOLDER, name), "utf8")).join("\n");
  if (existsSync(PROGRAM) && existsSync(stamp) && readFileSync(stamp, "utf8") === sources) return { program: PROGRAM };
  mkdirSync(TOOLS, { recursive: true });
  try {
    execFileSync("go", ["build", "-o", PROGRAM, "."], {
      cwd: FOLDER,
      env: { ...process.env, GOFLAGS: "-mod=readonly" },
      stdio: ["ignore", "ignore", "pipe"],
    });
  } catch (error) {
    const { code, stderr } = error as { readonly code?: string; readonly stderr?: Uint8Array };
    if (code === "ENOENT") return { missing: "it needs Go, which is not installed" };
    return {
      missing: `go build failed: ${
        String(stderr ?? error)
          .trim()
          .split("\n")[0]
      }`,
    };
  }
  writeFileSync(stamp, sources);
  return { program: PROGRAM };
}

export interface Mirror {
  readonly port: number;
  stop(): Promise<void>;
}

/** @param descriptors a file */
export async function startMirror(program: string, descriptors: string): Promise<Mirror> {
  const child = spawn(program, [descriptors], { stdio: ["pipe", "pipe", "inherit"] });
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  for await (const line of createInterface({ input: child.stdout })) {
    return {
      port: Number(line),
      stop: () => {
        child.stdin.end();
        return gone;
      },
    };
  }
  throw new Error("the mirror ended before it listened");
}
