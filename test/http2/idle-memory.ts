/**
 * What an idle connection costs in memory: `npx tsx test/http2/idle-memory.ts [connections]`. The engine serves real sockets in
 * this process, a child process holds the other ends; each connection makes a few calls and then stays idle.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Budget } from "../../src/http2/budget.ts";
import { Flusher } from "../../src/http2/flusher.ts";
import { defaultHttp2Limits } from "../../src/http2/limits.ts";
import { ServerConnection } from "../../src/http2/server-connection.ts";
import { Sweeper } from "../../src/http2/sweeper.ts";
import { createMachine } from "../../src/runtime/create-machine.ts";
import { noHttp1 } from "../support/http1-answers.ts";
import { concat } from "../support/memory-stream.ts";
import * as f from "./support/frames.ts";

const count = Number(process.argv[2] ?? 1_000);
const CALLS = 4;
const answer = new Uint8Array(20_000);

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

async function memory(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
  }
  return process.memoryUsage();
}

const machine = createMachine();
const options = { flusher: new Flusher(machine.soon), budget: new Budget(1 << 30), limits: defaultHttp2Limits };
const sweeper = new Sweeper(machine.clock);
let calls = 0;
const listening = await machine.listen(
  { host: "127.0.0.1", port: 0 },
  {
    http2: (stream) => {
      const connection = new ServerConnection(stream, options, {
        request: (one) => ({
          head: () => {},
          data: () => {},
          end: () => {
            calls++;
            one.head({
              fields: [":status", "200", "content-type", "application/grpc"],
              neverIndexed: null,
              memo: undefined,
            });
            one.data(answer, 0, answer.length);
            one.end({ fields: ["grpc-status", "0"], neverIndexed: null, memo: undefined });
          },
          abort: () => {},
        }),
        closed: () => sweeper.delete(connection),
      });
      sweeper.add(connection);
      return connection;
    },
    http1: noHttp1,
  },
);

const fields = [":method", "POST", ":scheme", "http", ":path", "/a.B/C", ":authority", "a", "te", "trailers"];
const script = concat([
  f.preface,
  f.settings([4, 1 << 20]),
  f.settingsAck,
  f.windowUpdate(0, 1 << 20),
  ...Array.from({ length: CALLS }, (_, i) => f.headers(2 * i + 1, fields, { end: true })),
]);
const client = `
  const net = require("node:net");
  const bytes = Buffer.from("${Buffer.from(script).toString("base64")}", "base64");
  let left = ${count};
  // One after the other, so that what is measured is not the memory of a thousand answers at once.
  const next = () => {
    if (left-- <= 0) return;
    let received = 0;
    const socket = net.connect(${listening.port}, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (chunk) => {
      const before = received;
      received += chunk.length;
      if (before < ${CALLS * answer.length} && received >= ${CALLS * answer.length}) next();
    });
  };
  for (let i = 0; i < 8; i++) next();
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
`;

const before = await memory();
const child = spawn(process.execPath, ["-e", client], { stdio: ["pipe", "inherit", "inherit"] });
while (calls < count * CALLS) await new Promise((resolve) => setTimeout(resolve, 50));
const after = await memory();
const perConnection = (key: "rss" | "heapUsed" | "external") => ((after[key] - before[key]) / count / 1024).toFixed(1);
console.log(
  `${count} idle connections after ${CALLS} calls each: RSS ${((after.rss - before.rss) / 1e6).toFixed(1)} MB more, ` +
    `per connection ${perConnection("rss")} KiB (heap ${perConnection("heapUsed")}, outside of it ${perConnection("external")})`,
);
child.stdin.end();
await once(child, "exit");
await listening.close();
