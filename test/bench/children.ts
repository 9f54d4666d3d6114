import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { processTree } from "./proc.ts";

/** Which core a process is pinned to. The proxy that is measured has one to itself; load, pods and the bench share the other. */
export type Core = "proxy" | "load" | "any";

export interface Launch {
  /** For messages and file names. */
  readonly name: string;
  readonly argv: readonly string[];
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly core: Core;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Null while it runs, then how it ended. */
  ended(): string | null;
  /** The lines it wrote that tell most about its end, as one, for messages. */
  tail(): string;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL to whatever is left of its process tree after `graceMs`. Resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
}

/** Processes and files of one bench run: whatever was started here is ended here, however the run ends. */
export interface Workshop {
  /** A folder of its own, removed by `close`. */
  readonly folder: string;
  /** Whether processes are really pinned; false on one core or without `taskset`. */
  readonly pinned: boolean;
  file(name: string, content: string | Uint8Array): string;
  start(launch: Launch): Child;
  close(): Promise<void>;
}

export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-bench-"));
  const pinned = availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;
  // The bench itself goes to the load's core: reading results must not disturb the proxy's.
  if (pinned) spawnSync("taskset", ["-a", "-c", "-p", "0", String(process.pid)]);
  const children = new Set<Child>();
  const started = { count: 0 };

  const start = (launch: Launch): Child => {
    const child = startChild(launch, folder, pinned, started.count++);
    children.add(child);
    return child;
  };
  const close = async (): Promise<void> => {
    await Promise.all([...children].map((child) => child.stop()));
    rmSync(folder, { recursive: true, force: true });
    process.removeListener("exit", killAll);
  };
  // Last resort when the bench ends without `close`, by an uncaught error or process.exit: no process may outlive it.
  const killAll = (): void => {
    for (const child of children) killTree(child);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", killAll);
  // 130: what a shell gives for an interrupted command.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  return {
    folder,
    pinned,
    file: (name, content) => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    start,
    close,
  };
}

/** The words in front of a command that put it on its core: core 1 is the proxy's, core 0 everything else's. */
export function pin(core: Core, pinned: boolean): string[] {
  if (!pinned || core === "any") return pinned ? ["taskset", "-c", "0,1"] : [];
  return ["taskset", "-c", core === "proxy" ? "1" : "0"];
}

function startChild(launch: Launch, folder: string, pinned: boolean, number: number): Child {
  // Output goes to a file, not to a pipe: a proxy that logs must not wait for us, nor we wake up for it.
  const log = join(folder, `${number}-${launch.name.replaceAll(/[^\w.-]/g, "_")}.log`);
  const out = openSync(log, "w");
  const argv = [...pin(launch.core, pinned), ...launch.argv];
  const child = spawn(argv[0], argv.slice(1), {
    cwd: process.cwd(),
    env: { ...process.env, ...launch.env },
    stdio: ["ignore", out, out],
  });
  closeSync(out);
  let end: string | null = null;
  const gone = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      end = error.message;
      resolve();
    });
    child.once("exit", (code, signal) => {
      end = signal === null ? `exit code ${code}` : `signal ${signal}`;
      resolve();
    });
  });
  // A process that could not be started has no pid; it reports "error" on the next turn and is ended from then on.
  const pid = child.pid ?? 0;
  const self: Child = {
    name: launch.name,
    pid,
    ended: () => end,
    tail: () => telling(readFileSync(log, "utf8")),
    signal: (signal) => void child.kill(signal),
    stop: async (graceMs = 3_000) => {
      if (end !== null) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => killTree(self), graceMs);
      await gone;
      clearTimeout(timer);
    },
  };
  return self;
}

/** The last three lines that speak of an error (a stack trace ends in others), or just the last three. */
function telling(text: string): string {
  const lines = text.trim().split("\n");
  const errors = lines.filter((line) => /error|alert|emerg|fatal|could not|cannot/i.test(line));
  return (errors.length > 0 ? errors : lines).slice(-3).join(" | ").slice(0, 500);
}

function killTree(child: Child): void {
  if (child.ended() !== null || child.pid === 0) return;
  let pids = [child.pid];
  try {
    pids = processTree(child.pid);
  } catch {
    // It ended while its tree was read.
  }
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
}
