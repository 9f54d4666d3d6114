import { spawn } from "node:child_process";
import { pin, type Workshop } from "./children.ts";

/** How the load arrives: `streams` calls at a time on each of `connections` connections. */
export interface Shape {
  readonly connections: number;
  readonly streams: number;
}

/** The four of the tables: one busy client, a few, many, and many that make one call at a time. */
export const SHAPES: readonly Shape[] = ["1x100", "8x16", "32x4", "100x1"].map(parseShape);

/** @throws on anything but `CONNECTIONSxSTREAMS`, each from 1 to 1000 */
export function parseShape(text: string): Shape {
  const parts = /^(\d{1,4})x(\d{1,4})$/.exec(text);
  const connections = Number(parts?.[1]);
  const streams = Number(parts?.[2]);
  if (!(connections >= 1 && connections <= 1000 && streams >= 1 && streams <= 1000)) {
    throw new Error(`shape "${text}": expected connections x streams, for example 8x16`);
  }
  return { connections, streams };
}

export function shapeName(shape: Shape): string {
  return `${shape.connections}x${shape.streams}`;
}

/** A gRPC message of 64 bytes behind its 5-byte prefix: not compressed, length 64. The bytes are printable, but not all the same. */
export const BODY: Uint8Array = Uint8Array.from([
  0,
  0,
  0,
  0,
  64,
  ...Array.from({ length: 64 }, (_, i) => 97 + (i % 26)),
]);

/** What a stock client sends; h2load adds :method, :scheme, :authority and content-length. */
export const HEADERS: readonly (readonly [string, string])[] = [
  ["content-type", "application/grpc"],
  ["te", "trailers"],
  ["grpc-timeout", "10S"],
  ["user-agent", "grpc-go/1.60.0"],
];

export const PATH = "/echo.v1.Echo/Unary";

/** What every call sends, and how many body bytes each brings back. */
export interface LoadRequest {
  readonly http: "2" | "1.1";
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  readonly answerBytes: number;
}

const grpcEcho: LoadRequest = { http: "2", path: PATH, headers: HEADERS, body: BODY, answerBytes: BODY.length };

export interface LoadResult {
  readonly callsPerSecond: number;
  readonly seconds: number;
}

/**
 * One run of h2load. Every call must succeed and bring its body back; otherwise it throws and says what was missing.
 * h2load counts HTTP statuses and bytes, it does not look at trailers: `call.ts` does that.
 */
export async function load(
  workshop: Workshop,
  port: number,
  options: {
    /** All clients together. */
    readonly calls: number;
    /** With a timing script h2load counts per client. */
    readonly callsPerClient?: number;
    readonly connections: number;
    readonly streams: number;
    readonly more?: readonly string[];
    /** A gRPC call that is echoed, unless said otherwise. */
    readonly request?: LoadRequest;
  },
): Promise<LoadResult> {
  const request = options.request ?? grpcEcho;
  const body = workshop.file("body.bin", request.body);
  const argv = [
    ...pin("load", workshop.pinned),
    "h2load",
    ...[
      "-n",
      String(options.callsPerClient ?? options.calls),
      "-c",
      String(options.connections),
      "-m",
      String(options.streams),
      "-t",
      "1",
    ],
    ...["-d", body, ...request.headers.flatMap(([name, value]) => ["-H", `${name}: ${value}`])],
    ...(request.http === "1.1" ? ["--h1"] : []),
    ...(options.more ?? []),
    `http://127.0.0.1:${port}${request.path}`,
  ];
  // The slowest peer makes 5,000 calls a second; a run that takes ten times that and a minute is hung.
  const text = await run(argv, 60_000 + options.calls * 2);
  return readLoad(text, options.calls, request.answerBytes);
}

/** Reads h2load's report. @throws when fewer than `calls` succeeded or bytes are missing. */
export function readLoad(text: string, calls: number, answerBytes = BODY.length): LoadResult {
  const finished = /^finished in ([\d.]+)(us|ms|s|m), ([\d.]+) req\/s/m.exec(text);
  if (finished === null) throw new Error(`h2load gave no result: ${text.trim().split("\n").slice(-3).join(" | ")}`);
  const requests = /^requests: .*$/m.exec(text)?.[0] ?? "";
  const statuses = /^status codes: .*$/m.exec(text)?.[0] ?? "";
  const succeeded = Number(/(\d+) succeeded/.exec(requests)?.[1]);
  const ok = Number(/(\d+) 2xx/.exec(statuses)?.[1]);
  const bytes = Number(/\((\d+)\) data/.exec(text)?.[1]);
  if (succeeded !== calls || ok !== calls) throw new Error(`not every call succeeded: ${requests}; ${statuses}`);
  if (bytes !== calls * answerBytes) throw new Error(`${bytes} body bytes came back, ${calls * answerBytes} were sent`);
  const unit = { us: 1e-6, ms: 1e-3, s: 1, m: 60 }[finished[2]] ?? 1;
  return { seconds: Number(finished[1]) * unit, callsPerSecond: Number(finished[3]) };
}

function run(argv: readonly string[], timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`h2load was ended after ${timeoutMs} ms without a result`));
    }, timeoutMs);
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}
