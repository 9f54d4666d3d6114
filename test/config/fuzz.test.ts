import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { rules } from "../../src/config/defaults.ts";
import { loadText } from "../../src/config/load.ts";
import { access, command, files } from "./load.ts";

/** Words that are likely to get far into the reader. */
const fieldNames = [
  ...new Set([
    ...Object.keys(rules).map((name) => name.split(".")[1]),
    ...["listeners", "routes", "backends", "admin", "drain", "log", "limits", "tls", "dns", "matches", "method"],
    ...["headers", "backend_refs", "__proto__", "constructor", "<<", "a.b", "x[0]", ""],
  ]),
];
const scalar = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    8080,
    1e300,
    Number.NaN,
    "",
    "5s",
    "dns:///echo:1",
    "Exact",
    "RegularExpression",
  ),
  fc.constantFrom(...Object.keys(files)),
  fc.string(),
  fc.double(),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, depthSize: "medium" },
    scalar,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...fieldNames), tie("tree"), { maxKeys: 6 }),
  ),
}));

async function holds(text: string): Promise<void> {
  const loaded = await loadText("f.yaml", text, [], access);
  if ("settings" in loaded) return;
  expect(loaded.problems.length).toBeGreaterThan(0);
  for (const { where, what } of loaded.problems) {
    expect(where).toMatch(/^f\.yaml:[1-9]\d*:[1-9]\d*(: [\s\S]+)?$/);
    expect(what).not.toBe("");
  }
}

describe("the reader, given anything", () => {
  test("text: settings, or problems with a place; never thrown", async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .array(fc.constantFrom(..."{}[]:-,&*!|>'\"#%@`? \n\tab0~".split("")), { maxLength: 60 })
        .map((parts) => parts.join("")),
    );
    await fc.assert(fc.asyncProperty(text, holds), { numRuns: 300 });
  });

  test("trees of known fields: settings, or problems with a place; never thrown", async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...fieldNames), tree, { maxKeys: 7 }), (value) =>
        holds(stringify(value)),
      ),
      { numRuns: 300 },
    );
  });

  test("a file with one letter changed: settings, or problems with a place; never thrown", async () => {
    const good =
      "listeners:\n  - port: 8080\n    tls: { certFile: /tls/cert.pem, keyFile: /tls/key.pem }\nbackends:\n  - &b { target: 'dns:///echo:1', dns: { period: 5s } }\nlog: { level: info }\n";
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.string({ maxLength: 2 }), (at, text) =>
        holds(good.slice(0, at) + text + good.slice(at + 1)),
      ),
      { numRuns: 300 },
    );
  });

  test("arguments: a command, or problems; never thrown", () => {
    const words = fc.oneof(
      fc.constantFrom("--listen", "--config", "--", "-", "demo", "check", "--admin=", "-c", "-hV", "--keep", ":80"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 5 }), (args) => {
        expect(command(...args).kind).toMatch(/^(run|check|demo|help|version|wrong)$/);
      }),
      { numRuns: 500 },
    );
  });
});
