import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { createLog, type FlushingLog } from "../../src/admin/log.ts";
import type { LogSettings } from "../../src/config/settings.ts";
import { FakeClock } from "../support/fake-clock.ts";

interface Recorded {
  readonly log: FlushingLog;
  /** What was written, one item a write. */
  readonly writes: string[];
  /** Ends the turn of the event loop. */
  turn(): void;
}

function record(settings: Partial<LogSettings> = {}, isTTY = false): Recorded {
  const writes: string[] = [];
  let waiting: (() => void)[] = [];
  const log = createLog(
    { level: "info", format: "auto", access: false, ...settings },
    { write: (text) => writes.push(text), isTTY },
    new FakeClock(),
    (run) => waiting.push(run),
  );
  const turn = () => {
    const due = waiting;
    waiting = [];
    for (const run of due) run();
  };
  return { log, writes, turn };
}

describe("log", () => {
  test("not on a terminal: one JSON line per event", () => {
    const { log, writes, turn } = record();
    log.info("listening", { port: 8080, tls: false, names: ["a", "b"], none: null });
    turn();
    expect(writes).toHaveLength(1);
    expect(writes[0].endsWith("}\n")).toBe(true);
    expect(JSON.parse(writes[0])).toEqual({
      level: "info",
      time: "2026-01-01T00:00:00.000Z",
      port: 8080,
      tls: false,
      names: ["a", "b"],
      none: null,
      event: "listening",
    });
  });

  test("on a terminal: a readable line", () => {
    const { log, writes, turn } = record({}, true);
    log.info("endpoint added", { backend: "echo", endpoint: "10.0.0.1:50051" });
    turn();
    const plain = stripVTControlCharacters(writes.join(""));
    expect(plain).toMatch(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: endpoint added \{"backend":"echo","endpoint":"10\.0\.0\.1:50051"\}\n$/,
    );
    expect(writes.join("")).toContain("\u001b[");
  });

  test("text, but not on a terminal: without colours", () => {
    const { log, writes, turn } = record({ format: "text" });
    log.info("ready");
    turn();
    expect(writes.join("")).toMatch(/INFO: ready\n$/);
    expect(writes.join("")).not.toContain("\u001b");
  });

  test("json on a terminal: JSON", () => {
    const { log, writes, turn } = record({ format: "json" }, true);
    log.info("ready");
    turn();
    expect(JSON.parse(writes[0])).toMatchObject({ event: "ready" });
  });

  test.each([
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
  ] as const)("level %s: those lines and worse", (level, wanted) => {
    const { log, writes, turn } = record({ level });
    log.debug("a");
    log.info("a");
    log.warn("a");
    log.error("a");
    turn();
    const lines = writes.join("").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(wanted);
  });

  test("lines of one turn: one write", () => {
    const { log, writes, turn } = record();
    log.info("a");
    log.info("b");
    expect(writes).toEqual([]);
    turn();
    expect(writes).toHaveLength(1);
    log.info("c");
    turn();
    expect(
      writes.map((text) =>
        text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line).event),
      ),
    ).toEqual([["a", "b"], ["c"]]);
  });

  test("a warning: written at once, after what came before it", () => {
    const { log, writes, turn } = record();
    log.info("a");
    log.warn("b");
    expect(writes.join("").match(/"event":"."/g)).toEqual(['"event":"a"', '"event":"b"']);
    turn();
    expect(writes).toHaveLength(1);
  });

  test("flush: nothing is lost at the end, and nothing is written twice", () => {
    const { log, writes, turn } = record();
    log.info("a");
    log.flush();
    log.flush();
    turn();
    expect(writes).toHaveLength(1);
  });
});
