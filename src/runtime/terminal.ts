import process from "node:process";

/** Where a command writes for people. */
export interface Terminal {
  write(text: string): void;
  /** True for a screen that understands cursor movements; false for a file, a pipe, or TERM=dumb. */
  readonly isTTY: boolean;
  /** Width now, in characters; 80 when unknown. Read it anew for each drawing: windows are resized. */
  readonly columns: number;
}

/** The process's standard output. */
export function standardTerminal(): Terminal {
  const out = process.stdout;
  return {
    write: (text) => {
      out.write(text);
    },
    isTTY: out.isTTY === true && process.env.TERM !== "dumb",
    get columns() {
      return out.isTTY === true && out.columns > 0 ? out.columns : 80;
    },
  };
}

export interface Interrupts {
  /** Aborted by the first SIGINT or SIGTERM; a second one ends the process at once, as without us. */
  readonly signal: AbortSignal;
  /** Gives the signals back to whoever handled them before. */
  release(): void;
}

/** Turns SIGINT and SIGTERM into an AbortSignal, for commands that must put the terminal in order before they end. */
export function listenForInterrupts(): Interrupts {
  const controller = new AbortController();
  const release = () => {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
  };
  const interrupted = () => {
    release();
    controller.abort();
  };
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", interrupted);
  return { signal: controller.signal, release };
}
