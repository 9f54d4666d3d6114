import * as grpc from "@grpc/grpc-js";
import { describe, expect, test, vi } from "vitest";
import { pathOf } from "../e2e/support/echo.ts";
import { startGatewayProcess } from "../e2e/support/gateway.ts";
import { type Pod, type PodStart, startPod } from "../e2e/support/pods.ts";
import { expectQuiet } from "../e2e/support/quiet.ts";
import { connectionsOf, firstCall, startFleet } from "./support/fleet.ts";
import { startLoad } from "./support/load.ts";
import { createStage } from "./support/stage.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** What pods do to their connections while calls are open. */

const stage = createStage();

async function start(count: number, options: PodStart) {
  const pods = stage.add(await startFleet("connect-node", count, options), (all) =>
    Promise.all(all.map((pod) => pod.stop("SIGKILL"))),
  );
  const target = `ipv4:${pods.map((pod) => pod.address).join(",")}`;
  const gateway = stage.add(await startGatewayProcess({ target }), (one) => one.child.stop("SIGKILL"));
  return { pods, gateway };
}

async function command(pod: Pod, what: Readonly<Record<string, unknown>>): Promise<void> {
  const from = pod.child.reports.length;
  pod.child.tell(what);
  await pod.child.report((report) => report.event === "done", from);
}

const bytes = (message: Buffer): Buffer => message;

/** Makes so many unary calls at once; each gives its status code when it is over. */
function callsAtOnce(client: grpc.Client, count: number): { readonly codes: number[]; readonly all: Promise<unknown> } {
  const codes: number[] = [];
  const calls = Array.from(
    { length: count },
    () =>
      new Promise<void>((resolve) => {
        client.makeUnaryRequest(pathOf("Unary"), bytes, bytes, Buffer.alloc(0), (error) => {
          codes.push(error === null ? 0 : error.code);
          resolve();
        });
      }),
  );
  return { codes, all: Promise.all(calls) };
}

function connect(address: string): grpc.Client {
  const options = { "grpc.use_local_subchannel_pool": 1, "grpc.enable_retries": 0 };
  return stage.add(new grpc.Client(address, grpc.credentials.createInsecure(), options), (client) => client.close());
}

/** Resolves when the pods together have been given so many calls. */
async function given(pods: readonly Pod[], calls: number): Promise<void> {
  while (pods.reduce((sum, pod) => sum + pod.calls(), 0) < calls) await new Promise((resolve) => setImmediate(resolve));
}

describe("connections", () => {
  test.each([1, 10, 100])("pods that allow %i streams at a time: no call fails, none waits for ever", async (limit) => {
    const { pods, gateway } = await start(3, { maxConcurrentStreams: limit, work: 5 });
    const load = startLoad(gateway.address, 80);
    await load.more(1000);
    await load.stop();
    const connections = pods.map((pod) => connectionsOf(pod).accepted);
    console.log(
      `${limit} streams at a time: ${load.done()} calls, ${load.failed()} failed; connections: ${connections.join(" ")}`,
    );
    expect(load.failures).toEqual(new Map());
    await expectQuiet(gateway);
  });

  test("GOAWAY with calls open: those it covers finish there, the others finish elsewhere, none fails", async () => {
    const { pods, gateway } = await start(2, {});
    const [held, free] = pods as [Pod, Pod];
    await command(held, { do: "hold" });
    const { codes, all } = callsAtOnce(connect(gateway.address), 12);
    await given(pods, 12);
    const atHeld = held.calls();
    // Of the streams 1, 3, 5… the first two are covered.
    expect(atHeld).toBeGreaterThan(2);
    await command(held, { do: "goaway", last: 3 });
    await given(pods, 12 + atHeld - 2);
    while (codes.length < 10) await new Promise((resolve) => setImmediate(resolve));
    expect(codes).toHaveLength(10);
    expect(held.calls()).toBe(atHeld);
    expect(free.calls()).toBe(12 - 2);

    await command(held, { do: "release" });
    await all;
    console.log(`GOAWAY: 12 calls, ${atHeld} of them at the pod, 2 finished there, ${atHeld - 2} moved`);
    expect(codes).toEqual(Array.from({ length: 12 }, () => 0));
    await expectQuiet(gateway);
  });

  test("GOAWAY and the end of the connection: those it covered fail as unavailable, the others finish elsewhere", async () => {
    const { pods, gateway } = await start(2, {});
    const [held] = pods as [Pod, Pod];
    await command(held, { do: "hold" });
    const { codes, all } = callsAtOnce(connect(gateway.address), 12);
    await given(pods, 12);
    const atHeld = held.calls();
    expect(atHeld).toBeGreaterThan(2);
    await command(held, { do: "abort", last: 3 });
    await all;
    expect(codes.filter((code) => code === 0)).toHaveLength(10);
    expect(codes.filter((code) => code === grpc.status.UNAVAILABLE)).toHaveLength(2);
    await expectQuiet(gateway);
  });

  test("pods that close every connection at a certain age: no call fails", async () => {
    const { pods, gateway } = await start(3, { maxConnectionAge: 1500, work: 5 });
    const load = startLoad(gateway.address, 16);
    const ended = (pod: Pod) => pod.child.reports.filter(({ event }) => event === "disconnection").length;
    while (pods.some((pod) => ended(pod) < 3)) await load.more(20);
    await load.stop();
    console.log(
      `connection age: ${load.done()} calls, ${load.failed()} failed; connections ended: ${pods.map(ended).join(" ")}`,
    );
    expect(load.failures).toEqual(new Map());
    await expectQuiet(gateway);
  });

  test("a pod that dies: calls go on at the others, and come back when it does", async () => {
    const { pods, gateway } = await start(3, { work: 5 });
    const load = startLoad(gateway.address, 8);
    await load.more(100);
    const [dying] = pods as [Pod];
    await dying.stop("SIGKILL");
    await load.more(100);
    const failed = load.failed();
    // Only what was open at that moment may have failed, and as the protocols page says.
    expect(failed).toBeLessThanOrEqual(8);
    expect([...load.failures.keys()].filter((said) => !said.startsWith(`${grpc.status.UNAVAILABLE}:`))).toEqual([]);
    await load.more(200);
    expect(load.failed()).toBe(failed);

    const again = await startPod("connect-node", { host: dying.host, port: dying.port, work: 5 });
    stage.add(again, (pod) => pod.stop("SIGKILL"));
    await firstCall(again);
    await load.stop();
    expect(load.failed()).toBe(failed);
    await expectQuiet(gateway);
  });
});
