import { describe, expect, test } from "vitest";
import { type Cell, renderLine, renderTable, type TableState, time } from "../../src/demo/table.ts";

const idle: Cell = { outstanding: 0, calls: 0, p50: null, p99: null };

const state: TableState = {
  seconds: 12.4,
  rows: [
    {
      pod: "pod-1",
      slow: false,
      dns: "in",
      fairlead: { outstanding: 1, calls: 60, p50: 20.4, p99: 41.6 },
      pinned: { outstanding: 130, calls: 90, p50: 1200, p99: 12_345 },
    },
    {
      pod: "pod-2",
      slow: false,
      dns: "out",
      fairlead: { outstanding: 0, calls: 30, p50: 21, p99: 40 },
      pinned: idle,
    },
    {
      pod: "pod-3",
      slow: true,
      dns: "in",
      fairlead: { outstanding: 2, calls: 10, p50: 101, p99: 140 },
      pinned: idle,
    },
  ],
  total: {
    fairlead: { outstanding: 3, calls: 100, p50: 21, p99: 120 },
    pinned: { outstanding: 130, calls: 90, p50: 1200, p99: 12_345 },
  },
};

describe("table", () => {
  test("drawing: both sides stand beside each other, each with its shares", () => {
    expect(renderTable(state, 80)).toEqual([
      "12 s                through Fairlead         |    without: pinned to one pod",
      "pod           open calls share    p50    p99 |   open calls share    p50    p99",
      "pod-1            1    60   60%  20 ms  42 ms |    130    90  100%  1.2 s 12.3 s",
      "pod-2 (out)      0    30   30%  21 ms  40 ms |               idle",
      "pod-3 (slow)     2    10   10% 101 ms 140 ms |               idle",
      "all              3   100  100%  21 ms 120 ms |    130    90  100%  1.2 s 12.3 s",
    ]);
  });

  test("drawing: no line is wider than the terminal, or the redrawing would count wrong", () => {
    for (const line of renderTable(state, 40)) expect(line.length).toBeLessThanOrEqual(40);
  });

  test("drawing: before the first call there are dashes, not zeros", () => {
    const rows = [{ pod: "pod-1", slow: false, dns: "in" as const, fairlead: idle, pinned: idle }];
    const lines = renderTable({ seconds: 0, rows, total: { fairlead: idle, pinned: idle } }, 80);
    expect(lines[2]).toBe("pod-1            0     0     -      -      - |               idle");
  });

  test("plain line: a pod that left is not named", () => {
    expect(renderLine(state)).toBe(
      " 12 s  Fairlead: pod-1 60%, pod-3 10%; 3 open, p99 120 ms | pinned: 130 open, p99 12.3 s",
    );
  });

  test.each([
    [null, "-"],
    [0.4, "0 ms"],
    [999.4, "999 ms"],
    [999.5, "1.0 s"],
    [12_345, "12.3 s"],
  ])("time: %s is %s", (ms, text) => {
    expect(time(ms)).toBe(text);
  });
});
