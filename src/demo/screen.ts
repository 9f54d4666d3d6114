import type { Terminal } from "../runtime/terminal.ts";
import { renderLine, renderTable, type TableState } from "./table.ts";

/** Where the demo shows itself: a table that is redrawn in place on a terminal, plain lines anywhere else. */
export interface Screen {
  /** Shows the state of things; on a terminal in place of the last one. */
  draw(state: TableState): void;
  /** Prints lines that stay, above the table. */
  say(...lines: readonly string[]): void;
  /** Leaves the last table standing and gives the cursor back. To be called whatever happens. */
  close(): void;
}

const hideCursor = "\x1b[?25l";
const showCursor = "\x1b[?25h";
// Synchronized output: terminals that know it show the whole update at once, the others ignore it.
const beginUpdate = "\x1b[?2026h";
const endUpdate = "\x1b[?2026l";
const eraseToEndOfLine = "\x1b[K";
const eraseBelow = "\x1b[J";

export function createScreen(terminal: Terminal): Screen {
  return terminal.isTTY ? liveScreen(terminal) : plainScreen(terminal);
}

function liveScreen(terminal: Terminal): Screen {
  /** The lines of the table that stand at the bottom now. */
  let table: readonly string[] = [];
  let hidden = false;

  // Everything goes out in one write, and each line is overwritten before its rest is erased: so nothing flickers.
  const update = (said: readonly string[], lines: readonly string[]) => {
    const up = table.length > 0 ? `\x1b[${table.length}A\r` : "";
    const all = [...said, ...lines].map((line) => `${line}${eraseToEndOfLine}\n`).join("");
    terminal.write(`${beginUpdate}${hidden ? "" : hideCursor}${up}${all}${eraseBelow}${endUpdate}`);
    hidden = true;
    table = lines;
  };

  return {
    // One column is left free: a full last column makes some terminals break the line.
    draw: (state) => update([], ["", ...renderTable(state, terminal.columns - 1)]),
    say: (...lines) => update(lines, table),
    close() {
      if (hidden) terminal.write(showCursor);
      hidden = false;
      table = [];
    },
  };
}

function plainScreen(terminal: Terminal): Screen {
  let last: TableState | null = null;
  const print = (lines: readonly string[]) => terminal.write(lines.map((line) => `${line}\n`).join(""));
  return {
    draw(state) {
      last = state;
      print([renderLine(state)]);
    },
    say: (...lines) => print(lines),
    close() {
      if (last !== null) print(["", ...renderTable(last, Number.POSITIVE_INFINITY)]);
      last = null;
    },
  };
}
