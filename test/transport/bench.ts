/**
 * `npm run bench:transport`: what a unary call costs its caller, over fairlead/transport and over connect-node's own transport, in turns
 * in one process, against one pod in another. Prints CPU time per call, and puts it into docs/library.md with `--write`.
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { EchoService } from "../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { createTransport } from "../../src/transport/create-transport.ts";
import { onNode, ROOT } from "../e2e/support/runtimes.ts";

const ROUNDS = 7;
const CALLS = 4_000;
const AT_ONCE = 32;
const TEXT = "x".repeat(64);

const { program, args } = onNode("test/transport/support/bench-pod.ts");
const pod = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
const port = await new Promise<number>((resolve) => pod.stdout.once("data", (bytes: Buffer) => resolve(Number(bytes))));
const ours = createTransport({ target: `ipv4:127.0.0.1:${port}` });
const stock = createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` });
const contestants: readonly (readonly [string, Transport])[] = [
  ["fairlead/transport", ours],
  ["connect-node", stock],
];

/** Microseconds of this process's CPU per call. */
async function round(transport: Transport): Promise<number> {
  const client = createClient(EchoService, transport);
  const before = process.cpuUsage();
  let left = CALLS;
  const loop = async (): Promise<void> => {
    while (left-- > 0) await client.echo({ text: TEXT });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, loop));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CALLS;
}

for (const [, transport] of contestants) await round(transport);
const costs = new Map<string, number[]>(contestants.map(([name]) => [name, []]));
for (let at = 0; at < ROUNDS; at++) {
  for (const [name, transport] of contestants) costs.get(name)?.push(await round(transport));
}
await ours.close();
pod.stdin.end();

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
const peer = median(costs.get("connect-node") ?? []);
const rows = contestants.map(([name]) => {
  const cost = median(costs.get(name) ?? []);
  return `| ${name} | ${cost.toFixed(0)} us | ${(cost / peer).toFixed(2)} |`;
});
const table = `A unary call of ${TEXT.length} bytes, ${AT_ONCE} at a time, Node ${process.versions.node}, median of ${ROUNDS} rounds in turns
(\`npm run bench:transport\`):

| | CPU of the caller, per call | ratio |
|---|--:|--:|
${rows.join("\n")}`;
process.stdout.write(`${table}\n`);
if (process.argv.includes("--write")) {
  const page = join(ROOT, "docs/library.md");
  const text = readFileSync(page, "utf8");
  const marks = ["<!-- bench:transport -->", "<!-- /bench:transport -->"] as const;
  const [start, end] = marks.map((mark) => text.indexOf(mark));
  if (start < 0 || end < start) throw new Error(`${page}: the marks ${marks.join(" and ")} are missing`);
  writeFileSync(page, `${text.slice(0, start)}${marks[0]}\n${table}\n${text.slice(end)}`);
}
// connect-node keeps its connection for a quarter of an hour.
process.exit(0);
