import { parseArgs } from "node:util";
import type { RuntimeName } from "../e2e/support/runtimes.ts";

export const PARTS = [
  "server",
  "server-proto",
  "server-reflection",
  "client-grpc",
  "client-connect",
  "client-grpc-web",
  "web-text",
] as const;
export type PartName = (typeof PARTS)[number];

export const RUNTIMES = ["node", "deno", "bun"] as const satisfies readonly RuntimeName[];

export interface Planned {
  readonly part: PartName;
  readonly runtime: RuntimeName;
  /** Left out aloud when CI's time is over. */
  readonly whenTimeAllows: boolean;
}

export interface Options {
  /** What is run, in this order. */
  readonly plan: readonly Planned[];
  /** Installs and builds what is missing, and runs nothing. */
  readonly install: boolean;
  /** Patterns of the suite. */
  readonly run: readonly string[];
  readonly protocols: readonly string[];
  readonly http: readonly string[];
  readonly codecs: readonly string[];
  readonly compressions: readonly string[];
  readonly tls: boolean;
  readonly head: boolean;
  readonly parallel: number | null;
  /** Groups of failures printed per run. */
  readonly groups: number;
  /** No cases of the chosen parts were left out: what they show may go to the page. */
  readonly whole: boolean;
}

const PROTOCOLS = ["connect", "grpc", "grpc-web"];

export const USAGE = `npm run conformance -- [OPTIONS]      everything, and writes docs/conformance.md

  --part NAME          ${PARTS.join(", ")}
  --runtime NAME       node, deno, bun: what the gateway runs on
  --run PATTERN        cases by name; * is one component, ** any number: "Errors/**/unary/*"
  --protocol NAME      ${PROTOCOLS.join(", ")} (server mode)
  --http N             1, 2 (server mode)
  --codec NAME         proto, json
  --compression NAME   identity, gzip
  --no-tls             plaintext cases only
  --ci                 what four minutes allow: server mode on Node; the client modes and grpc-web-text on Node
                       and Deno; server-reflection on Node; server mode on Deno. The page is left alone
  --install            installs and builds what is missing, and no more
  --parallel N         calls at a time (server mode; four times the processors)
  --head               measures the last commit and not the working tree
  --groups N           groups of failures printed per run (15)

All but --ci, --install, --no-tls and the last three may be given several times. The page is written from
the last results of all parts and runtimes, when there is one of each with no case left out.
`;

/** @throws with a message for people when the arguments are wrong */
export function readOptions(args: readonly string[]): Options | "help" {
  const list = { type: "string", multiple: true } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      part: list,
      runtime: list,
      run: list,
      protocol: list,
      http: list,
      codec: list,
      compression: list,
      "no-tls": { type: "boolean" },
      ci: { type: "boolean" },
      install: { type: "boolean" },
      head: { type: "boolean" },
      parallel: { type: "string" },
      groups: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return "help";
  const ci = values.ci === true;
  const filters = ["ci", "run", "protocol", "http", "codec", "compression", "no-tls"];
  const parts = choose("part", values.part, PARTS, ci ? PARTS.filter((part) => !part.startsWith("server-")) : PARTS);
  const runtimes = choose("runtime", values.runtime, RUNTIMES, ci ? ["node"] : RUNTIMES);
  const plan = runtimes.flatMap((runtime) =>
    parts.map((part) => ({ part, runtime, whenTimeAllows: ci && part !== "server" })),
  );
  if (ci && values.runtime === undefined && values.part === undefined) {
    // Those that take seconds first.
    const more = parts.filter((part) => part !== "server").map((part) => ({ part, runtime: "deno" }) as const);
    const large = [
      { part: "server-reflection", runtime: "node" } as const,
      { part: "server", runtime: "deno" } as const,
    ];
    plan.push(...[...more, ...large].map((planned) => ({ ...planned, whenTimeAllows: true })));
  }
  return {
    plan,
    install: values.install === true,
    run: values.run ?? [],
    protocols: choose("protocol", values.protocol, PROTOCOLS, PROTOCOLS),
    http: choose("http", values.http, ["1", "2"], ["1", "2"]),
    codecs: choose("codec", values.codec, ["proto", "json"], ["proto", "json"]),
    compressions: choose("compression", values.compression, ["identity", "gzip"], ["identity", "gzip"]),
    tls: values["no-tls"] !== true,
    head: values.head === true,
    parallel: values.parallel === undefined ? null : Number(values.parallel),
    groups: Number(values.groups ?? 15),
    whole: Object.keys(values).every((name) => !filters.includes(name)),
  };
}

function choose<T extends string>(
  name: string,
  given: readonly string[] | undefined,
  of: readonly T[],
  usual: readonly T[],
): readonly T[] {
  if (given === undefined) return usual;
  const wrong = given.find((value) => !of.includes(value as T));
  if (wrong !== undefined) throw new Error(`--${name}: ${wrong} is not one of ${of.join(", ")}`);
  return given as readonly T[];
}
