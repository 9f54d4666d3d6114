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
