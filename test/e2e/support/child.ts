import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** One line of JSON that a child printed. */
export type Report = Readonly<Record<string, unknown>>;

/** A child process that speaks JSON lines both ways. Other output is kept for messages only. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Everything it has reported so far, in order. */
  readonly reports: readonly Report[];
  /**
   * The first report, past or future, that `match` accepts.
   * @param from reports before this index are not looked at
   * @throws (rejects) when the child ends before that; its last output is in the message
   */
  report(match: (report: Report) => boolean, from?: number): Promise<Report>;
  /** Writes one JSON line to its input. */
  tell(command: Report): void;
  /** Sends the signal (SIGTERM by default) and waits for the end. Does nothing when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  readonly exited: Promise<Exit>;
  /** Everything printed, both outputs, for messages. */
  output(): string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const living = new Set<ChildProcess>();
function killLiving(): void {
  for (const child of living) child.kill("SIGKILL");
}
process.once("exit", killLiving);
// A test runner that gives up on this process ends it by signal, and `exit` is not heard then.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.once(signal, () => {
    killLiving();
    process.exit(1);
  });
}

/** Bytes of output kept for messages. */
const KEEP = 64 * 1024;

export function startChild(
  name: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Child {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
  living.add(child);
  const reports: Report[] = [];
  const waiters = new Set<() => void>();
  let printed = "";
  let over: Exit | null = null;

  const wake = (): void => {
    for (const waiter of [...waiters]) waiter();
  };
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on("line", (line) => {
      printed = `${printed}${line}\n`.slice(-KEEP);
      const report = parse(line);
      if (report === null) return;
      reports.push(report);
      wake();
    });
  }
  // A child that is already gone cannot be told anything; its end is reported by `exited`.
  child.stdin.on("error", () => {});

  const exited = new Promise<Exit>((resolve) => {
    const end = (exit: Exit): void => {
      living.delete(child);
      over ??= exit;
      wake();
      resolve(over);
    };
    child.once("error", (error) => {
      printed += `${error.message}\n`;
      end({ code: null, signal: null });
    });
    // `close` comes after the last line of output, `exit` may come before it.
    child.once("close", (code, signal) => end({ code, signal }));
  });

  return {
    name,
    pid: child.pid ?? 0,
    reports,
    exited,
    output: () => printed,
    tell: (command) => {
      child.stdin.write(`${JSON.stringify(command)}\n`);
    },
    report: (match, from = 0) =>
      new Promise((resolve, reject) => {
        let next = from;
        const look = (): void => {
          for (; next < reports.length; next++) {
            const report = reports[next];
            if (report === undefined || !match(report)) continue;
            waiters.delete(look);
            resolve(report);
            return;
          }
          if (over === null) return;
          waiters.delete(look);
          reject(
            new Error(`${name} ended (code ${over.code}, signal ${over.signal}) while awaited; it said:\n${printed}`),
          );
        };
        waiters.add(look);
        look();
      }),
    stop: async (signal = "SIGTERM") => {
      // Not child.kill: after it Deno reports the signal, whatever the process did with it.
      if (over === null && child.pid !== undefined) process.kill(child.pid, signal);
      return exited;
    },
  };
}

function parse(line: string): Report | null {
  if (!line.startsWith("{")) return null;
  try {
    return JSON.parse(line) as Report;
  } catch {
    return null;
  }
}
