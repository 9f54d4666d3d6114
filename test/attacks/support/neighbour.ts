import http2 from "node:http2";
import { createInterface } from "node:readline";

/**
 * The well-behaved client, in a process of its own so that an attacker's work does not lengthen its times: some calls at once
 * over one connection, for as long as it is told. Each line of input ends a stretch, and is answered by what it has measured.
 */

/** Calls at once: enough to notice a stall of any kind, few enough to leave the gateway idle. */
const AT_ONCE = 4;
/** Milliseconds between a call's end and the next one, so that times are those of a gateway with room. */
const PAUSE = 4;

const body = Buffer.alloc(5 + 64);
body.writeUInt32BE(64, 1);

let session = connect();
let times: number[] = [];
let failures: string[] = [];
let connections = 1;

function connect(): http2.ClientHttp2Session {
  const made = http2.connect(process.argv[2]);
  made.on("error", (error) => failures.push(`connection: ${error.message}`));
  return made;
}

function call(): Promise<void> {
  if (session.closed || session.destroyed) {
    connections++;
    session = connect();
  }
  return new Promise((resolve) => {
    const start = performance.now();
    const stream = session.request({
      ":method": "POST",
      ":path": "/attack.Pod/Echo",
      "content-type": "application/grpc",
      te: "trailers",
    });
    let length = 0;
    let status: unknown = "none";
    stream.on("response", (headers) => {
      status = headers["grpc-status"] === undefined ? status : `${headers["grpc-status"]} ${headers["grpc-message"]}`;
    });
    stream.on("trailers", (headers) => {
      status = headers["grpc-status"];
    });
    stream.on("data", (part: Buffer) => {
      length += part.length;
    });
    stream.on("error", (error) => {
      status = error.message;
    });
    stream.on("close", () => {
      if (status === "0" && length === body.length) times.push(performance.now() - start);
      else failures.push(`call: ${status}, ${length} bytes`);
      resolve();
    });
    stream.end(body);
  });
}

/** While the client is paused: resolves when it goes on. */
let paused: Promise<void> | null = null;
let goOn = (): void => {};
let calling = 0;
let whenIdle = (): void => {};

async function callForEver(): Promise<void> {
  for (;;) {
    if (paused !== null) await paused;
    calling++;
    await call();
    if (--calling === 0) whenIdle();
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** Resolves when no call is open any more. */
async function pause(): Promise<void> {
  paused = new Promise((resolve) => {
    goOn = resolve;
  });
  if (calling === 0) return;
  await new Promise<void>((resolve) => {
    whenIdle = resolve;
  });
}

function resume(): void {
  paused = null;
  goOn();
}

/** What the calls since the last stretch were like. */
function stretch(id: string): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  const report = { event: "stretch", id, calls: times.length, p50: at(0.5), p99: at(0.99), connections };
  const line = JSON.stringify({ ...report, failures: failures.slice(0, 5), failed: failures.length });
  times = [];
  failures = [];
  return line;
}

for (let i = 0; i < AT_ONCE; i++) void callForEver();
console.log(JSON.stringify({ event: "calling" }));
createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const command = JSON.parse(line) as { readonly pause?: boolean };
    if (command.pause === true) await pause();
    if (command.pause === false) resume();
    console.log(command.pause === undefined ? stretch(line) : JSON.stringify({ event: "pause", id: line }));
  })
  .on("close", () => process.exit(0));
