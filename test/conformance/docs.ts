import type { RuntimeName } from "../e2e/support/runtimes.ts";
import { PARTS, type PartName } from "./options.ts";
import { knownOf, TITLES } from "./parts.ts";
import { formatTable, type Table } from "./report.ts";
import { VERSION } from "./tools.ts";

/** What one part showed on one runtime. */
export interface PartResult {
  readonly part: PartName;
  readonly runtime: RuntimeName;
  readonly table: Table;
  readonly passed: number;
  readonly known: number;
  readonly total: number;
  /** Lines of what the pods saw: verdict, HTTP version, method, content-type. */
  readonly seen: readonly string[];
  /** How long it took. */
  readonly seconds: number;
}

/** Measured by the project on the same cases, with gRPC pods behind, before this page was first written. */
const OTHERS = `| proxy | server mode, pods of gRPC alone (3,620) | client mode, gRPC over h2c (605) |
|---|--:|--:|
| Envoy 1.40, gRPC-Web and Connect bridges on | 2,807 | 592 to 605 |
| vanguard-go, with the schema | 3,024 | - |
| HAProxy 2.6 | 524 (gRPC over h2c) | 596 |
| Caddy 2.6 | 524 (gRPC over h2c) | 602 |`;

/**
 * docs/conformance.md.
 * @param versions what each runtime calls itself
 * @param skipped runtimes that are not installed here, with why
 */
export function writePage(
  results: readonly PartResult[],
  versions: ReadonlyMap<RuntimeName, string>,
  skipped: readonly string[],
): string {
  const runtimes = [...versions.keys()];
  const find = (part: PartName, runtime: RuntimeName): PartResult | undefined =>
    results.find((result) => result.part === part && result.runtime === runtime);
  const overview = PARTS.map((part) => {
    const cells = runtimes.map((runtime) => {
      const result = find(part, runtime);
      return result === undefined ? "-" : describeCount(result);
    });
    return `| ${TITLES[part]} | ${cells.join(" | ")} |`;
  });
  const sections = PARTS.flatMap((part) => {
    const shown = runtimes.map((runtime) => find(part, runtime)).filter((result) => result !== undefined);
    return shown.length === 0 ? [] : [writeSection(part, shown)];
  });
  return `# Conformance

<!-- Written by \`npm run conformance\`. Do not edit. -->

The [Connect conformance suite](https://github.com/connectrpc/conformance) ${VERSION}, taken through Fairlead. The suite is made for
clients and servers. Here a gateway stands between them, and each case holds only if the client gets from the pod, by way of
the gateway, exactly what its own protocol promises.

- **Server mode.** The suite's clients call the gateway in gRPC, gRPC-Web and Connect. The pods behind it speak gRPC over h2c
  and nothing else: they are the suite's reference server, patched so that it refuses whatever is not \`application/grpc*\` over
  HTTP/2, because by itself it speaks all three protocols and would let a gateway pass that hands everything on. What the pods
  saw is printed below. The suite has 3,620 cases for its own client and 180 more for grpc-go's.
- **Client mode.** The suite's server misbehaves in every way that it knows: resets, missing trailers, wrong content-types,
  HTTP errors. The suite's reference client calls it through the gateway in gRPC, and again with each gRPC case spoken in
  Connect and in gRPC-Web. The expectations stay those of the gRPC case. 605 cases are over h2c, 431 over TLS on both sides.
- **grpc-web-text** is not known to the suite. Its gRPC-Web cases are taken with a small program before the gateway that turns
  the client's binary form into text, padded and cut in changing places, and the answer back.

| cases | ${runtimes.map((runtime) => versions.get(runtime)).join(" | ")} |
|---|${runtimes.map(() => "--:|").join("")}
${overview.join("\n")}
| all | ${runtimes.map((runtime) => describeSum(results.filter((result) => result.runtime === runtime))).join(" | ")} |

A case is passed, failed, or known: it cannot pass with these pods, for a reason that stands below, and is not counted as passed.
${skipped.map((line) => `\nNot measured: ${line}\n`).join("")}
Every row counts HTTP/1.1 and HTTP/2, protobuf and JSON, identity and gzip, plaintext, TLS and client certificates, Connect GET
and the receive limit, as far as they go together.

## What others reach

${OTHERS}

${sections.join("\n\n")}

## To repeat it

\`\`\`sh
npm run conformance                                  # everything; needs Go once, to install the suite; writes this page
npm run conformance -- --ci                          # what CI does: Node and parts on Deno, in 4 minutes
npm run conformance -- --part server --protocol connect --http 1 --run '**/unary/*'
npm run conformance -- --help
\`\`\`

Failing cases are printed in groups, with where they fail and the first lines of why.
`;
}

function describeCount({ passed, known, total }: Pick<PartResult, "passed" | "known" | "total">): string {
  return passed === total ? `${passed} passed` : `${passed} passed, ${known} known, ${total - passed - known} failed`;
}

function describeSum(results: readonly PartResult[]): string {
  const sum = (of: (result: PartResult) => number): number => results.reduce((all, result) => all + of(result), 0);
  return describeCount({
    passed: sum(({ passed }) => passed),
    known: sum(({ known }) => known),
    total: sum(({ total }) => total),
  });
}

/** One table for all runtimes that agree. */
function writeSection(part: PartName, results: readonly PartResult[]): string {
  const tables = new Map<string, RuntimeName[]>();
  for (const { table, runtime } of results) {
    const text = formatTable(table);
    tables.set(text, [...(tables.get(text) ?? []), runtime]);
  }
  const parts = [`## ${TITLES[part]}`];
  for (const [text, runtimes] of tables) parts.push(`On ${join(runtimes.map((name) => NAMES[name]))}:`, text);
  const seen = [...new Set(results.flatMap((result) => result.seen))].sort();
  if (seen.length > 0) {
    const lines = seen.map((line) => `${line.replaceAll("\t", "  ")}`).join("\n");
    parts.push("What arrived, by HTTP version, method and content-type:", `\`\`\`text\n${lines}\n\`\`\``);
  }
  const known = knownOf(part);
  if (known.length > 0) {
    const rows = known.map(({ pattern, reason }) => `| \`${pattern}\` | ${reason} |`);
    parts.push("Known:", `| cases | why |\n|---|---|\n${rows.join("\n")}`);
  }
  return parts.join("\n\n");
}

const NAMES: Readonly<Record<RuntimeName, string>> = { node: "Node", deno: "Deno", bun: "Bun" };

function join(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}
