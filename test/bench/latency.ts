import { readFileSync } from "node:fs";
import type { Workshop } from "./children.ts";
import { load, PATH } from "./load.ts";
import { quantile } from "./stats.ts";

/** 8 clients: enough that no connection is the bottleneck, few enough that each one's timer fires often. */
const CLIENTS = 8;

/**
 * An open loop: calls leave at times of a Poisson process, whether or not earlier ones have come back, as the calls of many
 * independent users do. (h2load's `--rps` sends in bursts every 10 ms, which would measure the bursts.)
 * @param rate calls per second, all clients together
 * @returns the 99th percentile in milliseconds
 */
export async function p99AtRate(
  workshop: Workshop,
  port: number,
  rate: number,
  seconds: number,
  random: () => number,
): Promise<number> {
  const perClient = rate / CLIENTS;
  const lines: string[] = [];
  for (let at = 0; at < seconds * 1000; at += (-Math.log(1 - random()) * 1000) / perClient) {
    lines.push(`${at.toFixed(3)}\thttp://127.0.0.1:${port}${PATH}`);
  }
  const script = workshop.file("arrivals.tsv", `${lines.join("\n")}\n`);
  const log = workshop.file("latency.tsv", "");
  const staggerMs = 17;
  await load(workshop, port, {
    calls: lines.length * CLIENTS,
    callsPerClient: lines.length,
    connections: CLIENTS,
    streams: 100,
    // All clients follow the same script, so they must not start together: one every 17 ms (a number without a beat).
    more: [`--timing-script-file=${script}`, "-r", "1", `--rate-period=${staggerMs}ms`, `--log-file=${log}`],
  });
  // Columns: start in microseconds since the epoch, status, microseconds until the end of the response.
  const calls = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split("\t").map(Number));
  const starts = calls.map(([start]) => start);
  const first = starts.reduce((least, start) => Math.min(least, start), Number.POSITIVE_INFINITY);
  // Left out: the time in which the clients come one by one.
  const settled = calls.filter(([start]) => start - first > CLIENTS * staggerMs * 1000);
  return quantile(
    settled.map(([, , us]) => us / 1000),
    0.99,
  );
}
