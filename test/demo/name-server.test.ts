import { describe, expect, test } from "vitest";
import { deploy, type Layout } from "../../src/demo/deployment.ts";
import { startNameServer } from "../../src/demo/name-server.ts";
import type { PodSpec } from "../../src/demo/pods.ts";
import { createResolver } from "../../src/discovery/create-resolver.ts";
import { parseTarget } from "../../src/discovery/target.ts";
import { startNodeHttp2Server } from "../../src/runtime/http2-server.ts";
import type { Address } from "../../src/runtime/machine.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { createTestMachine, track } from "../support/harness.ts";

const SETTINGS = { period: 5_000, timeout: 2_000, hold: 30_000, family: "auto" } as const;
const specs: readonly PodSpec[] = ["pod-1", "pod-2", "pod-3"].map((name) => ({ name, work: 1, workers: 1 }));

describe.each<Layout>(["addresses", "ports"])("pods in DNS by %s", (layout) => {
  test("resolver: finds those that are named, in the words that the gateway is given", async () => {
    const machine = createTestMachine();
    const { pods } = await deploy(specs, machine.clock, startNodeHttp2Server, layout);
    for (const pod of pods) track({ close: () => pod.destroy() });
    const names = track(await startNameServer(layout, pods[0].port, 2));
    names.publish(pods.slice(1));

    const target = parseTarget(names.target, 80);
    if ("error" in target) throw new Error(target.error);
    const resolver = createResolver(target.value, SETTINGS, machine, collectingLog());
    const found = await new Promise<readonly Address[]>((resolved, failed) =>
      resolver.start({ resolved, emptied: failed, failed }),
    );
    resolver.stop();
    // A resolver sorts what it finds; free ports come in any order.
    const text = ({ host, port }: { host: string; port: number }) => `${host}:${port}`;
    const places = found.map((address) => (address.kind === "tcp" ? text(address) : address.path));
    expect(places.sort()).toEqual(pods.slice(1).map(text).sort());
  });

  test("pods: are told apart by that, and by nothing else", async () => {
    const { pods } = await deploy(specs, createTestMachine().clock, startNodeHttp2Server, layout);
    for (const pod of pods) track({ close: () => pod.destroy() });
    expect(new Set(pods.map((pod) => pod.host)).size).toBe(layout === "addresses" ? pods.length : 1);
    expect(new Set(pods.map((pod) => pod.port)).size).toBe(layout === "addresses" ? 1 : pods.length);
  });
});

describe("deployment", () => {
  test("loopback with one address only: ports take over, and nothing of the attempts is left", async () => {
    let running = 0;
    const { layout, pods } = await deploy(specs, createTestMachine().clock, async (_handler, host, port) => {
      if (host === "127.0.0.12") throw new Error("address not available");
      running++;
      const close = async () => void running--;
      return { port: port === 0 ? 5000 + running : port, close, destroy: close };
    });
    expect(layout).toBe("ports");
    expect(running).toBe(3);
    expect(pods.map((pod) => pod.host)).toEqual(["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
  });

  test("no port to be had: the error is the last one, and nothing is left running", async () => {
    let running = 0;
    const attempt = deploy(specs, createTestMachine().clock, async () => {
      if (running === 1) throw new Error("listen: too many open files");
      running++;
      const close = async () => void running--;
      return { port: 5000, close, destroy: close };
    });
    await expect(attempt).rejects.toThrow("listen: too many open files");
    expect(running).toBe(0);
  });
});
