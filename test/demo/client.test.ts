import { describe, expect, test } from "vitest";
import { createLoadClient, loadGrpc } from "../../src/demo/client.ts";
import { startPod } from "../../src/demo/pods.ts";
import { startNodeHttp2Server } from "../../src/runtime/http2-server.ts";
import { createTestMachine, track } from "../support/harness.ts";
import { mulberry32 } from "../support/mulberry32.ts";

const grpc = await loadGrpc();

/** Waits for something of the client's doing, one turn of the event loop after the other. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function setup(work: number) {
  const { clock } = createTestMachine();
  const pod = await startPod({ name: "pod-1", work, workers: 4 }, "127.0.0.1", 0, clock, startNodeHttp2Server);
  track({ close: () => pod.destroy() });
  const client = track(createLoadClient(grpc, `${pod.host}:${pod.port}`, 500, clock, mulberry32(1)));
  return { pod, client };
}

describe("load client", () => {
  test("load: calls are answered by the pod over one connection, and settle after the stop", async () => {
    const { pod, client } = await setup(1);
    client.start();
    await until(() => client.sent >= 20);
    client.stop();
    expect(await client.settled(10_000)).toBe(true);
    expect(client.failures).toEqual([]);
    expect(client.log.pod("pod-1", 0).calls).toBe(client.sent);
    expect(pod.calls).toBe(client.sent);
    expect(pod.firstCall).toBeLessThanOrEqual(pod.lastCall!);
    expect(client.states.at(-1)).toBe("READY");
    expect(client.states.filter((state) => state === "READY")).toHaveLength(1);
  });

  test("closing: calls that are given up are no failures, and the pod stops working on them", async () => {
    const { pod, client } = await setup(60_000);
    client.start();
    await until(() => pod.calls >= 3);
    client.stop();
    expect(client.outstanding).toBeGreaterThanOrEqual(3);
    expect(await client.settled(0)).toBe(false);
    client.close();
    await until(() => client.outstanding === 0);
    expect(client.failures).toEqual([]);
    // In order, which a pod can only do when no call is open any more.
    await pod.close();
  });

  test("a server that goes away: the failure is counted, and so is the change of state", async () => {
    const { pod, client } = await setup(60_000);
    client.start();
    await until(() => pod.calls >= 1);
    client.stop();
    await pod.destroy();
    await until(() => client.outstanding === 0);
    expect(client.failures).toHaveLength(client.sent);
    expect(client.states.slice(0, 3)).not.toContain("SHUTDOWN");
    await until(() => client.states.at(-1) !== "READY");
  });
});
