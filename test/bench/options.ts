import { parseArgs } from "node:util";
import { parseShape, SHAPES, type Shape } from "./load.ts";

export const HELP = `What a call costs through Fairlead and its peers; writes docs/benchmarks/.
  npm run bench -- [options]
  --quick              Fairlead and HAProxy only, fewer calls, no p99, nothing written: under a minute
  --rounds N           interleaved rounds (7; quick 3)
  --calls N            calls per proxy, shape and round (30000; quick 15000)
  --warmup N           calls per proxy before the first round (20000)
  --starts N           starts per proxy for its ready time (3; quick 1)
  --shapes A,B         connections x streams (1x100,8x16,32x4,100x1)
  --only KEYS          these peers alone, and HAProxy as the yardstick: fairlead, haproxy, nghttpx, nginx, envoy, caddy, node-http2
  --protocols          the rows of gRPC-Web and Connect too, when --quick, --shapes or --only would leave them out
  --runtimes           Fairlead on every node, deno and bun below --tools as well
  --extra NAME=COMMAND one more proxy; {port}, {admin}, {a} and {b} (the pods' ports) are filled in; may be repeated.
                       One that is called "before", an older build, gives the mark that gRPC has not become slower by 3%
  --tools DIR          where Envoy is installed and other runtimes are looked for (.ci/tools)
  --seed N             of the order of the proxies (1)
  --json FILE          the results as JSON
  --write              writes docs/benchmarks/ even when options leave something out
  --assert             exit code 1 when a mark is missed`;

export interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  readonly calls: number;
  readonly warmup: number;
  readonly starts: number;
  readonly latencyRounds: number;
  readonly shapes: readonly Shape[];
  /** Null: all. */
  readonly only: readonly string[] | null;
  /** Whether the rows of the other protocols are run. */
  readonly protocols: boolean;
  readonly runtimes: boolean;
  readonly extra: readonly string[];
  readonly tools: string | null;
  readonly seed: number;
  readonly json: string | null;
  /** Whether docs/benchmarks/ is written. */
  readonly write: boolean;
  readonly assert: boolean;
}

/** @returns null when help was asked for. @throws on an unknown or malformed option */
export function parseOptions(argv: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      help: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      calls: { type: "string" },
      warmup: { type: "string" },
      starts: { type: "string" },
      shapes: { type: "string" },
      only: { type: "string" },
      protocols: { type: "boolean", default: false },
      runtimes: { type: "boolean", default: false },
      extra: { type: "string", multiple: true, default: [] },
      tools: { type: "string" },
      seed: { type: "string" },
      json: { type: "string" },
      write: { type: "boolean", default: false },
      assert: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const { quick } = values;
  // Bounds: a typing error must not make a run of hours.
  const whole = (name: "rounds" | "calls" | "warmup" | "starts" | "seed", fallback: number, most: number): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > most) {
      throw new Error(`--${name} ${text}: expected a whole number from 1 to ${most}`);
    }
    return Number(text);
  };
  const partial = quick || values.shapes !== undefined || values.only !== undefined;
  return {
    quick,
    rounds: whole("rounds", quick ? 3 : 7, 100),
    calls: whole("calls", quick ? 15_000 : 30_000, 1_000_000),
    warmup: whole("warmup", 20_000, 1_000_000),
    starts: whole("starts", quick ? 1 : 3, 20),
    latencyRounds: quick ? 0 : 3,
    shapes: values.shapes === undefined ? SHAPES : values.shapes.split(",").map(parseShape),
    only: values.only === undefined ? (quick ? ["fairlead"] : null) : values.only.split(","),
    protocols: values.protocols || !partial,
    runtimes: values.runtimes,
    extra: values.extra,
    tools: values.tools ?? null,
    seed: whole("seed", 1, 2 ** 32 - 1),
    json: values.json ?? null,
    write: values.write || !partial,
    assert: values.assert,
  };
}
