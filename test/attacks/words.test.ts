import { describe, expect, test } from "vitest";
import { createLog } from "../../src/admin/log.ts";
import { Status } from "../../src/protocols/status.ts";
import { requestFields } from "../gateway/support/fields.ts";
import { startTriple } from "../gateway/support/world.ts";

const clock = { wall: () => 0 };

function lineOf(format: "json" | "text", path: string): string {
  let written = "";
  const write = (text: string): void => {
    written += text;
  };
  const sink = { write, isTTY: false };
  const log = createLog({ level: "info", format, access: true }, sink, clock, (run) => run());
  log.info("call", { path });
  log.flush();
  return written;
}

describe("what clients say, in logs and answers", () => {
  test.each(["json", "text"] as const)(
    "%s log: controls in a path do not reach the terminal, and make no line",
    (format) => {
      const line = lineOf(format, '/a\x9b2J\x7f\x85\x1b[2J\n{"level":"info","event":"forged"}');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are the subject
      expect(line.trimEnd()).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
      expect(line).toContain("u009b");
    },
  );

  test("a path of 60 KB: cut in the access line", async () => {
    const { world, client } = await startTriple({ settings: { log: { level: "info", format: "auto", access: true } } });
    client.open(requestFields([], `/${"s".repeat(30_000)}/${"m".repeat(30_000)}`)).reset(8);
    await world.settle();
    const lines = world.log.lines.filter(({ event }) => event === "call");
    expect(lines).toHaveLength(1);
    expect(String(lines[0].fields.path)).toHaveLength(200);
  });

  test("no route: the answer is no longer than a line, whatever was asked for", async () => {
    const { world, client } = await startTriple({ settings: { routes: [] } });
    const call = client.unary(null, requestFields([], `/${"s".repeat(20_000)}/\xff`));
    await world.settle();
    expect(call.status.code).toBe(Status.UNIMPLEMENTED);
    expect(call.status.message.length).toBeLessThan(500);
  });
});
