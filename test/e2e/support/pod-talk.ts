import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

/** What a pod's process and its parent say to each other: JSON lines, see child.ts. Used by the pods that run on Node. */

export interface PodOptions {
  readonly host: string;
  readonly port: number;
  /** SETTINGS_MAX_CONCURRENT_STREAMS; null: the library's own default. */
  readonly maxConcurrentStreams: number | null;
  /** Milliseconds after which a connection is closed by GOAWAY; null: never. */
  readonly maxConnectionAge: number | null;
  /** Milliseconds that a call takes at least; 0: none. */
  readonly work: number;
}

export function readPodOptions(): PodOptions {
  const { values } = parseArgs({
    options: {
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "0" },
      "max-concurrent-streams": { type: "string" },
      "max-connection-age": { type: "string" },
      work: { type: "string", default: "0" },
    },
  });
  const optional = (text: string | undefined): number | null => (text === undefined ? null : Number(text));
  return {
    host: values.host,
    port: Number(values.port),
    maxConcurrentStreams: optional(values["max-concurrent-streams"]),
    maxConnectionAge: optional(values["max-connection-age"]),
    work: Number(values.work),
  };
}

export function say(report: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** Runs `run` for each command that the parent sends; ends the process when the parent is gone. */
export function onCommand(run: (command: Readonly<Record<string, unknown>>) => void): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => run(JSON.parse(line) as Record<string, unknown>));
  lines.on("close", () => process.exit(0));
}

/** Metadata as both sides of a comparison write it down: sorted by key, values of a key in order, binary ones as base64. */
export type Written = readonly (readonly [key: string, value: string])[];

/**
 * Left out of comparisons: what the HTTP/2 libraries consume or add themselves, and the deadline, which shrinks on its way.
 */
const NOT_COMPARED = new Set(["grpc-timeout", "date", "te", "content-type", "content-length", "host"]);

export function write(entries: Iterable<readonly [string, string | Uint8Array]>): Written {
  return [...entries]
    .filter(([key]) => !key.startsWith(":") && !NOT_COMPARED.has(key))
    .map(([key, value]) => [key, typeof value === "string" ? value : Buffer.from(value).toString("base64")] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
