import { spawn } from "node:child_process";
import { createWriteStream, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { type KnownFailure, matches } from "./patterns.ts";

/** How one case ended. */
export type Outcome = "passed" | "failed" | "known" | "passed though known to fail";

export interface CaseResult {
  readonly name: string;
  readonly outcome: Outcome;
  /** What the suite says about a failure; empty for what passed. */
  readonly reason: string;
}

/** One start of the suite's runner. */
export interface Run {
  readonly title: string;
  readonly mode: "server" | "client";
  /** The suite's configuration, as JSON (which is YAML). */
  readonly features: object;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The file for everything that the runner prints. */
  readonly log: string;
  /** Patterns of the cases to run; empty for all. */
  readonly only: readonly string[];
  readonly known: readonly KnownFailure[];
  /** Calls at a time. Null: the suite's default, four times the processors. */
  readonly parallel: number | null;
}

export interface RunResult {
  readonly title: string;
  readonly cases: readonly CaseResult[];
  readonly seconds: number;
  /** What the runner said that is not about a case: it could not start, a pattern that matches nothing. */
  readonly trouble: readonly string[];
  /** Everything it said, kept in a file. */
  readonly log: string;
}

/** Runs the suite and reads what it prints. @param runner the program */
export async function runSuite(runner: string, run: Run, progress: (done: number) => void): Promise<RunResult> {
  const config = `${run.log}.yaml`;
  writeFileSync(config, JSON.stringify({ features: run.features }));
  const args = ["--mode", run.mode, "--conf", config, "--vv"];
  for (const pattern of run.only) args.push("--run", pattern);
  if (run.parallel !== null && run.mode === "server") args.push("--parallel", String(run.parallel));
  const started = performance.now();
  const child = spawn(runner, [...args, "--", ...run.command], {
    env: { ...process.env, ...run.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = createWriteStream(run.log);
  const reader = createReader(progress);
  const trouble: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    log.write(`${line}\n`);
    reader.line(line);
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    log.write(`${line}\n`);
    if (line.trim() !== "") trouble.push(line);
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  log.end();
  const failures = reader.failures();
  const names = new Set([...reader.sent, ...failures.keys()]);
  const cases = [...names].sort().map((name): CaseResult => {
    const reason = failures.get(name);
    const expected = run.known.some(({ pattern }) => matches(pattern, name));
    if (reason !== undefined) return { name, outcome: expected ? "known" : "failed", reason };
    return { name, outcome: expected ? "passed though known to fail" : "passed", reason: "" };
  });
  const passed = cases.filter(({ reason }) => reason === "").length;
  if (reader.passed() !== passed) {
    trouble.push(
      `the runner counts ${reader.passed()} passed cases and its output names ${passed} (exit code ${code})`,
    );
  }
  if (reader.notRun() > 0) trouble.push(`${reader.notRun()} cases could not be run`);
  return { title: run.title, cases, seconds: (performance.now() - started) / 1000, trouble, log: run.log };
}

/** Reads the runner's output, line by line. */
function createReader(progress: (done: number) => void) {
  const sent: string[] = [];
  const failures = new Map<string, string[]>();
  let current: string[] | null = null;
  let passed = -1;
  let notRun = 0;
  let done = 0;
  return {
    sent,
    failures: () => new Map([...failures].map(([name, lines]) => [name, lines.join("\n").trim() || "no reason given"])),
    passed: () => passed,
    notRun: () => notRun,
    line(line: string): void {
      const failed = /^FAILED: (.*):$/.exec(line);
      if (failed !== null) {
        current = [];
        failures.set(failed[1], current);
        return;
      }
      // The report of a case: lines that are indented, and empty ones between them.
      if (current !== null && (line.startsWith("\t") || line === "")) {
        current.push(line.replace(/^\t/, ""));
        return;
      }
      current = null;
      const name = /^Sending request for "(.*)"\.\.\.$/.exec(line)?.[1];
      if (name !== undefined) sent.push(name);
      else if (line.startsWith("Received response for")) progress(++done);
      passed = Number(/^(\d+) passed, \d+ failed/.exec(line)?.[1] ?? passed);
      notRun = Number(/^Another (\d+) could not be run/.exec(line)?.[1] ?? notRun);
    },
  };
}
