import type { DescMessage } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { rules } from "../../src/config/defaults.ts";
import { flags } from "../../src/config/flags.ts";
import { ConfigSchema } from "../../src/gen/fairlead/config/v1/config_pb.ts";

describe("the table of defaults", () => {
  test("has every single value of the schema, and nothing else", () => {
    const names = [...new Set(messages(ConfigSchema))].flatMap((message) =>
      message.fields.flatMap((field) => (field.message === undefined ? [`${message.name}.${field.localName}`] : [])),
    );
    expect(Object.keys(rules).sort()).toEqual(names.sort());
  });

  test.each(Object.entries(rules))("%s: the default is within the bounds", (_name, rule) => {
    if (rule.kind === "count" || rule.kind === "duration") {
      expect(rule.default).toBeGreaterThanOrEqual(rule.min);
      expect(rule.default).toBeLessThanOrEqual(rule.max);
    }
    if (rule.kind === "choice") expect(rule.of).toContain(rule.default);
    if (rule.kind === "text" && rule.default !== null && "pattern" in rule) expect(rule.default).toMatch(rule.pattern);
  });

  test("drain: fits into the 30 s that Kubernetes gives", () => {
    expect(rules["Drain.delay"].default + rules["Drain.timeout"].default).toBeLessThan(30_000);
  });
});

describe("the table of flags", () => {
  test.each(flags.filter((flag) => flag.path !== null))("--$name: sets a field of the schema", ({ path, rule }) => {
    let message: DescMessage | undefined = ConfigSchema;
    let at = "";
    for (const step of path!.split(".")) {
      const field: DescMessage["fields"][number] | undefined = message?.fields.find(
        ({ localName }) => localName === step.replace("[]", ""),
      );
      expect(field, `${path}: ${step}`).toBeDefined();
      at = `${message!.name}.${field!.localName}`;
      message = field!.message;
    }
    if (rule !== undefined) expect(rule).toBe(at);
  });

  test("beside a file only fields that are spelled in one way only", () => {
    for (const { path, withConfig } of flags) if (withConfig) expect(path).toMatch(/^[a-z]+\.[a-z]+$/);
  });
});

function messages(message: DescMessage): DescMessage[] {
  return [message, ...message.fields.flatMap((field) => (field.message === undefined ? [] : messages(field.message)))];
}
