import { join } from "node:path";
import { type Child, type Report, startChild } from "./child.ts";
import { NO_PYTHON, python } from "./python.ts";
import { type Command, onNode, ROOT } from "./runtimes.ts";

/** Libraries that pods of the suite are written with. */
export type PodKind = "grpc-js" | "connect-node" | "grpcio";

export interface Pod {
  readonly kind: PodKind;
  readonly host: string;
  readonly port: number;
  readonly address: string;
  readonly child: Child;
  /** Calls that have reached a handler. */
  calls(): number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface PodStart {
  readonly host?: string;
  readonly port?: number;
  readonly maxConcurrentStreams?: number;
  readonly maxConnectionAge?: number;
  readonly work?: number;
}

function commandOf(kind: PodKind): Command {
  if (kind === "grpc-js") return onNode("test/e2e/pods/grpc-js-pod.ts");
  if (kind === "connect-node") return onNode("test/e2e/pods/connect-pod.ts");
  const program = python();
  if (program === null) throw new Error(NO_PYTHON);
  return { program, args: [join(ROOT, "test/e2e/pods/pod.py")] };
}

export async function startPod(kind: PodKind, start: PodStart = {}): Promise<Pod> {
  const { program, args } = commandOf(kind);
  const flags = ["--host", start.host ?? "127.0.0.1", "--port", String(start.port ?? 0)];
  if (start.maxConcurrentStreams !== undefined)
    flags.push("--max-concurrent-streams", String(start.maxConcurrentStreams));
  if (start.maxConnectionAge !== undefined) flags.push("--max-connection-age", String(start.maxConnectionAge));
  if (start.work !== undefined) flags.push("--work", String(start.work));
  const child = startChild(`${kind} pod`, program, [...args, ...flags]);
  const { host, port } = await child.report((report) => report.event === "listening");
  return {
    kind,
    host: String(host),
    port: Number(port),
    address: `${host}:${port}`,
    child,
    calls: () => child.reports.filter((report) => report.event === "call").length,
    stop: async (signal) => {
      await child.stop(signal);
    },
  };
}

/** The reports of a pod from an index on, of one event. */
export function reportsOf(pod: Pod, event: string, from = 0): readonly Report[] {
  return pod.child.reports.slice(from).filter((report) => report.event === event);
}
