import { describe, expect, test } from "vitest";
import { createScreen } from "../../src/demo/screen.ts";
import type { Cell, TableState } from "../../src/demo/table.ts";
import type { Terminal } from "../../src/runtime/terminal.ts";

const idle: Cell = { outstanding: 0, calls: 0, p50: null, p99: null };

function state(...pods: readonly string[]): TableState {
  return {
    seconds: 1,
    rows: pods.map((pod) => ({ pod, slow: false, dns: "in", fairlead: idle, pinned: idle })),
    total: { fairlead: idle, pinned: idle },
  };
}

interface FakeTerminal extends Terminal {
  readonly written: string;
}

function fakeTerminal(isTTY: boolean): FakeTerminal {
  let written = "";
  return {
    isTTY,
    columns: 100,
    write: (text) => {
      written += text;
    },
    get written() {
      return written;
    },
  };
}

/** What a person sees in the end, by a terminal that knows just the sequences that the screen uses and refuses all others. */
function shown(written: string): { lines: string[]; cursorShown: boolean } {
  const lines: string[] = [""];
  let row = 0;
  let column = 0;
  let cursorShown = true;
  for (const [i, part] of written.split("\x1b").entries()) {
    const [, sequence = "?", text = ""] = i === 0 ? ["", "", part] : (/^\[(\??\d*[A-Za-z])(.*)$/s.exec(part) ?? []);
    if (sequence === "K") lines[row] = lines[row].slice(0, column);
    else if (sequence === "J") {
      lines[row] = lines[row].slice(0, column);
      lines.length = row + 1;
    } else if (sequence === "?25l") cursorShown = false;
    else if (sequence === "?25h") cursorShown = true;
    else if (sequence.endsWith("A")) row -= Number.parseInt(sequence, 10);
    else if (sequence !== "" && sequence !== "?2026h" && sequence !== "?2026l") throw new Error(`unknown: ${part}`);
    if (row < 0) throw new Error("moved above what was drawn");
    for (const character of text) {
      if (character === "\n") {
        row++;
        column = 0;
        if (row === lines.length) lines.push("");
      } else if (character === "\r") column = 0;
      else {
        lines[row] = lines[row].slice(0, column).padEnd(column) + character + lines[row].slice(column + 1);
        column++;
      }
    }
  }
  return { lines, cursorShown };
}

const firstWords = (lines: readonly string[]) => lines.map((line) => line.split(" ")[0]);

describe("screen", () => {
  test("terminal: the table is redrawn in place, and what is said stays above it", () => {
    const terminal = fakeTerminal(true);
    const screen = createScreen(terminal);
    screen.say("hello");
    screen.draw(state("a", "b"));
    screen.say("c joins", "for good");
    screen.draw(state("a", "b", "c"));
    screen.draw(state("a", "c"));
    const { lines, cursorShown } = shown(terminal.written);
    expect(firstWords(lines)).toEqual(["hello", "c", "for", "", "1", "pod", "a", "c", "all", ""]);
    expect(cursorShown).toBe(false);
    screen.close();
    expect(shown(terminal.written)).toEqual({ lines, cursorShown: true });
  });

  test("terminal: each update is one write, so that nothing flickers", () => {
    let writes = 0;
    const screen = createScreen({ isTTY: true, columns: 80, write: () => writes++ });
    screen.draw(state("a"));
    screen.say("hello");
    expect(writes).toBe(2);
    screen.close();
    screen.close();
    expect(writes).toBe(3);
  });

  test("terminal: after closing, the next table is drawn below", () => {
    const terminal = fakeTerminal(true);
    const screen = createScreen(terminal);
    screen.draw(state("a"));
    screen.close();
    terminal.write("summary\n");
    screen.draw(state("b"));
    screen.close();
    const { lines, cursorShown } = shown(terminal.written);
    expect(firstWords(lines)).toEqual(["", "1", "pod", "a", "all", "summary", "", "1", "pod", "b", "all", ""]);
    expect(cursorShown).toBe(true);
  });

  test("no terminal: one plain line for each state, the whole table once at the end, and no sequences", () => {
    const terminal = fakeTerminal(false);
    const screen = createScreen(terminal);
    screen.say("hello");
    screen.draw(state("a"));
    screen.draw(state("a", "b"));
    screen.close();
    screen.close();
    expect(terminal.written).not.toContain("\x1b");
    const lines = terminal.written.split("\n");
    expect(lines.slice(0, 3).map((line) => line.slice(0, 15))).toEqual(["hello", "  1 s  Fairlead", "  1 s  Fairlead"]);
    expect(firstWords(lines.slice(3))).toEqual(["", "1", "pod", "a", "b", "all", ""]);
  });
});
