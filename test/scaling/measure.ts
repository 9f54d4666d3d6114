import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { firstCall } from "../bench/call.ts";
import { type Child, openWorkshop } from "../bench/children.ts";
import { usage } from "../bench/proc.ts";
import { createAuthority } from "../support/certs.ts";
import { type CallCost, callCosts } from "./call-cost.ts";
import { clientsOf } from "./clients.ts";
import { type Gateways, gateway, pause } from "./gateway.ts";
import { manyPods } from "./pods.ts";

/** What one gateway process costs on this machine. Bytes are resident memory, garbage not yet collected included. */
export interface Constants {
  /** With two pods, after one call. */
  readonly base: number;
  readonly perClient: number;
  readonly perTlsClient: number;
  readonly perPod: number;
  readonly perHeldCall: number;
  /** Milliseconds of CPU. */
  readonly perTlsHandshake: number;
  /** Milliseconds of CPU a second while nothing happens, for each thousand connections. */
  readonly idleClients: number;
  readonly idlePods: number;
  /** Without h2load and nghttpd only those of "one by one". */
  readonly calls: readonly CallCost[];
  /** File descriptors of a gateway beside its connections, and for each. */
  readonly descriptors: number;
  readonly perConnection: number;
}

export interface Sizes {
  readonly clients: readonly [number, number];
  readonly tlsClients: readonly [number, number];
  readonly pods: readonly [number, number];
  readonly held: readonly [number, number];
  /** Milliseconds in which nothing happens, before memory is read and for CPU at rest. */
  readonly rest: number;
  /** Calls of a run at full speed, and numbers of pods to take it with. */
  readonly calls: number;
  readonly callPods: readonly number[];
  readonly trickleMs: number;
}

export const SIZES: Sizes = {
  clients: [1_000, 4_000],
  tlsClients: [500, 2_000],
  pods: [100, 1_000],
  held: [10, 50],
  rest: 3_000,
  calls: 10_000,
  callPods: [2, 50, 200, 1_000],
  trickleMs: 4_000,
};

/** For a test that the measuring itself works: the figures mean nothing. */
export const TINY: Sizes = {
  clients: [10, 20],
  tlsClients: [5, 10],
  pods: [2, 4],
  held: [1, 2],
  rest: 100,
  calls: 200,
  callPods: [2],
  trickleMs: 300,
};

/** @param root of the repository; dist/ must be built */
export async function measure(root: string, sizes: Sizes, say: (line: string) => void): Promise<Constants> {
  const main = join(root, "dist/main.js");
  if (!existsSync(main)) throw new Error("dist/main.js is not built (npm run build)");
  const workshop = openWorkshop();
  try {
    const gateways = { workshop, main };
    const clients = await ofClients(gateways, sizes);
    say(`an idle client connection: ${kib(clients.bytes)}`);
    const tls = await ofTlsClients(gateways, sizes);
    say(`with TLS: ${kib(tls.bytes)}, ${tls.cpu.toFixed(2)} ms of CPU to open`);
    const pods = await ofPods(gateways, sizes);
    say(`a pod connection: ${kib(pods.bytes)}`);
    const perHeldCall = await ofHeldCalls(gateways, sizes);
    say(`a call that is held: ${kib(perHeldCall)}`);
    return {
      base: clients.base,
      perClient: clients.bytes,
      perTlsClient: tls.bytes,
      perPod: pods.bytes,
      perHeldCall,
      perTlsHandshake: tls.cpu,
      idleClients: clients.idle,
      idlePods: pods.idle,
      calls: await callCosts(gateways, sizes, say),
      descriptors: clients.descriptors,
      perConnection: clients.perConnection,
    };
  } finally {
    await workshop.close();
  }
}

async function ofClients(gateways: Gateways, { clients: [few, many], rest }: Sizes) {
  const pods = await manyPods(2);
  const { child, port } = await gateway(gateways, pods.target);
  const clients = clientsOf(`http://127.0.0.1:${port}`);
  try {
    await firstCall(child, port, performance.now());
    const base = usage(child.pid).rssBytes;
    const noDescriptors = descriptors(child);
    await clients.open(few);
    const before = await atRest(child, rest);
    const descriptorsBefore = descriptors(child);
    await clients.open(many - few);
    const after = await atRest(child, rest);
    return {
      base,
      bytes: (after.rss - before.rss) / (many - few),
      idle: after.cpu / (many / 1_000),
      // The first call's connection may still be open or not, hence from the second count on.
      perConnection: (descriptors(child) - descriptorsBefore) / (many - few),
      descriptors: noDescriptors,
    };
  } finally {
    await over(child, clients, pods);
  }
}

async function ofTlsClients(gateways: Gateways, { tlsClients: [few, many], rest }: Sizes) {
  const pods = await manyPods(2);
  const { cert, key } = createAuthority().issue(["127.0.0.1"]);
  const { workshop } = gateways;
  const files = ["--tls-cert", workshop.file("cert.pem", cert), "--tls-key", workshop.file("key.pem", key)];
  const { child, port } = await gateway(gateways, pods.target, files);
  const clients = clientsOf(`https://127.0.0.1:${port}`);
  try {
    await listening(child, () => clients.open(1));
    await clients.open(few - 1);
    const before = await atRest(child, rest);
    const cpuBefore = usage(child.pid).cpuNs;
    await clients.open(many - few);
    const cpu = (usage(child.pid).cpuNs - cpuBefore) / 1e6 / (many - few);
    const after = await atRest(child, rest);
    return { bytes: (after.rss - before.rss) / (many - few), cpu };
  } finally {
    await over(child, clients, pods);
  }
}

async function ofPods(gateways: Gateways, { pods: counts, rest }: Sizes) {
  const found = [];
  for (const count of counts) {
    const pods = await manyPods(count);
    const { child, port } = await gateway(gateways, pods.target);
    const clients = clientsOf(`http://127.0.0.1:${port}`);
    try {
      await firstCall(child, port, performance.now());
      while (pods.connections < count) await pause(20);
      // Every connection has been in use, about four times.
      await clients.open(16);
      await clients.call(4 * count);
      const { rss, cpu } = await atRest(child, rest);
      found.push({ count, rss, cpu });
    } finally {
      await over(child, clients, pods);
    }
  }
  const [few, many] = found;
  return { bytes: (many.rss - few.rss) / (many.count - few.count), idle: many.cpu / (many.count / 1_000) };
}

async function ofHeldCalls(gateways: Gateways, { held: [few, many], rest }: Sizes) {
  const pods = await manyPods(10);
  const { child, port } = await gateway(gateways, pods.target);
  const clients = clientsOf(`http://127.0.0.1:${port}`);
  try {
    await firstCall(child, port, performance.now());
    await clients.open(200);
    clients.hold(few);
    while (pods.held < few * clients.size) await pause(20);
    const before = await atRest(child, rest);
    clients.hold(many - few);
    while (pods.held < many * clients.size) await pause(20);
    const after = await atRest(child, rest);
    return (after.rss - before.rss) / ((many - few) * clients.size);
  } finally {
    await over(child, clients, pods);
  }
}

/** Waits for so long, then reads memory; and how many milliseconds of CPU a second it took meanwhile. */
async function atRest(child: Child, rest: number): Promise<{ readonly rss: number; readonly cpu: number }> {
  // Right after the last call there is work left to do that is none of an idle process.
  await pause(rest / 3);
  const before = usage(child.pid).cpuNs;
  const since = performance.now();
  await pause(rest);
  const { rssBytes, cpuNs } = usage(child.pid);
  return { rss: rssBytes, cpu: ((cpuNs - before) / 1e6 / (performance.now() - since)) * 1_000 };
}

async function listening(child: Child, call: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    if (child.ended() !== null) throw new Error(`${child.name} ended (${child.ended()}): ${child.tail()}`);
    try {
      await call();
      return;
    } catch (error) {
      if (tries === 500) throw error;
    }
    await pause(20);
  }
}

async function over(child: Child, clients: { close(): void }, pods: { close(): void }): Promise<void> {
  clients.close();
  await child.stop();
  pods.close();
}

function descriptors(child: Child): number {
  return readdirSync(`/proc/${child.pid}/fd`).length;
}

export function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
