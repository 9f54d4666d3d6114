import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadText } from "../../../src/config/load.ts";
import { access } from "../load.ts";
import { renderDocs } from "./render.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

describe("docs/configuration.md", () => {
  test("is what `npm run docs:config` prints", () => {
    const printed = renderDocs(read("proto/fairlead/config/v1/config.proto"), read("test/config/docs/example.yaml"));
    expect(read("docs/configuration.md"), "run `npm run docs:config`").toBe(printed);
  });

  test("its example is right", async () => {
    const loaded = await loadText("example.yaml", read("test/config/docs/example.yaml"), [], access);
    expect("problems" in loaded ? loaded.problems : []).toEqual([]);
  });
});
