import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescMessage } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ConfigSchema } from "../../src/gen/fairlead/config/v1/config_pb.ts";
import { ROOT } from "../e2e/support/runtimes.ts";
import { pages } from "./pages.ts";

/** Paths of the configuration: `limits`, `limits.maxHeaderFields`, and those within backends also without `backends`. */
function pathsOf(message: DescMessage, prefix = ""): string[] {
  return message.fields.flatMap((field) => {
    const path = `${prefix}${field.jsonName}`;
    const within = field.message === undefined ? [] : pathsOf(field.message, `${path}.`);
    const alone = field.message === undefined || prefix !== "" ? [] : pathsOf(field.message);
    return [path, ...within, ...alone];
  });
}

function keysOf(value: unknown, prefix = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => [`${prefix}${key}`, ...keysOf(inner, `${prefix}${key}.`)]);
}

const values = parse(readFileSync(join(ROOT, "deploy/helm/fairlead/values.yaml"), "utf8"));
const known = new Set([...pathsOf(ConfigSchema), ...keysOf(values)]);
const tops = new Set([...known].map((path) => path.split(".")[0]));

test("documentation: every field of the configuration and of the chart that the text names is there", () => {
  const named = pages
    // These speak of programs, and of what Node and others call so.
    .filter(({ path }) => !/^docs\/(?:api\/|decisions\/|library\.md|compare\.md)/.test(path))
    .flatMap(({ path, text }) =>
      [...text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/`([a-z]\w*(?:\.[a-z]\w*)+)`/g)].map(
        ([, span]) => [path, span] as const,
      ),
    )
    // Others with a dot are names of files, packages and methods.
    .filter(([, span]) => tops.has(span.split(".")[0]) && !/\.(?:ts|js|json|yaml|crt|key|md)$/.test(span));
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter(([, span]) => !known.has(span)).map(([path, span]) => `${path}: ${span}`)).toEqual([]);
});
