import type { LookupFunction } from "node:net";
import { type ConnectRouter, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { EchoService } from "../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { startNames } from "../scenarios/support/names.ts";
import { deferred } from "../support/deferred.ts";
import { track } from "../support/harness.ts";
import { startFleet, startTestPod, type TestPod } from "./support/pods.ts";
import { trackTransport } from "./support/transport.ts";

const PODS = 10;
/** Calls that each side has open at a time. */
const AT_ONCE = 40;

/** Calls without a pause over a transport until it is told to stop, counted by the pod that answered. */
function load(transport: Transport): { readonly counts: Map<string, number>; stop(): Promise<void> } {
  const client = createClient(EchoService, transport);
  const counts = new Map<string, number>();
  let stopping = false;
  const loop = async (): Promise<void> => {
    while (!stopping) {
      const { pod } = await client.echo({});
      counts.set(pod, (counts.get(pod) ?? 0) + 1);
    }
  };
  const loops = Promise.all(Array.from({ length: AT_ONCE }, loop));
  return {
    counts,
    stop: async () => {
      stopping = true;
      await loops;
    },
  };
}

test("scale-up 2 -> 10: fairlead/transport takes the new pods by the next refresh, connect-node's stays where it is", async () => {
  const names = track(await startNames());
  const arrivals = new Map<string, () => void>();
  const arrived = (pod: string): Promise<void> => new Promise((resolve) => arrivals.set(pod, resolve));
  const pods: readonly TestPod[] = await startFleet(PODS, (pod) => (router) => {
    router.service(EchoService, {
      echo: async (_request, { requestHeader }) => {
        if (requestHeader.get("user-agent") === "ours") arrivals.get(pod)?.();
        await new Promise((resolve) => setTimeout(resolve, 2));
        return { pod };
      },
    });
  });
  const hosts = pods.map(({ host }) => host);
  let published = hosts.slice(0, 2);
  names.publish("echo.example", published);

  const ours = trackTransport({
    target: `dns://${names.address}/echo.example:${pods[0].port}`,
    dns: { periodMs: 1_000 },
    interceptors: [
      (next) => (request) => {
        request.header.set("user-agent", "ours");
        return next(request);
      },
    ],
  });
  // The system's resolver, as it would be asked: it knows what the name server does. Connections try addresses in their order.
  let lookups = 0;
  const lookup: LookupFunction = (_host, options, answer) => {
    lookups++;
    if (options.all !== true) answer(null, published[0], 4);
    else
      answer(
        null,
        published.map((address) => ({ address, family: 4 })),
      );
  };
  const stock = createGrpcTransport({
    baseUrl: `http://echo.example:${pods[0].port}`,
    nodeOptions: { lookup },
  });
  await ours.connect();
  const [oursLoad, stockLoad] = [load(ours), load(stock)];
  await Promise.all(["pod 1", "pod 2"].map(arrived));

  // Nobody restarts anything: eight pods more come into DNS.
  published = hosts;
  names.publish("echo.example", published);
  await Promise.all(pods.map((_, at) => arrived(`pod ${at + 1}`)));
  oursLoad.counts.clear();
  stockLoad.counts.clear();
  await expect.poll(() => sum(oursLoad.counts), { timeout: 15_000 }).toBeGreaterThan(1_000);
  await Promise.all([oursLoad.stop(), stockLoad.stop()]);

  const shares = [...oursLoad.counts.values()].map((count) => count / sum(oursLoad.counts));
  console.log(`fairlead/transport: ${describe(oursLoad.counts)}; connect-node: ${describe(stockLoad.counts)}`);
  expect(oursLoad.counts.size).toBe(PODS);
  // The first pod has all of the stock client's calls besides.
  expect(Math.max(...shares)).toBeLessThan(2 / PODS);
  expect([...stockLoad.counts.keys()]).toEqual(["pod 1"]);
  expect(lookups).toBe(1);
  for (const pod of pods) expect(pod.connections(), pod.name).toBe(pod === pods[0] ? 2 : 1);
});

test("scale-down: pods that leave DNS finish their calls and get no new ones", async () => {
  const names = track(await startNames());
  const { promise: held, resolve: release } = deferred();
  const { promise: first, resolve: began } = deferred();
  const leaving = await startTestPod((router) => {
    router.service(EchoService, {
      echo: async () => {
        began();
        await held;
        return { pod: "leaving" };
      },
    });
  }, "127.0.0.41");
  const staying = await startTestPod(
    (router) => {
      router.service(EchoService, { echo: () => ({ pod: "staying" }) });
    },
    "127.0.0.42",
    leaving.port,
  );
  names.publish("echo.example", [leaving.host]);
  const transport = trackTransport({
    target: `dns://${names.address}/echo.example:${leaving.port}`,
    dns: { periodMs: 1_000 },
  });
  const client = createClient(EchoService, transport);
  const open = client.echo({});
  await first;
  names.publish("echo.example", [staying.host]);
  const others = (): readonly string[] => transport.view().endpoints.map(({ state }) => state);
  await expect.poll(others, { timeout: 5_000 }).toEqual(expect.arrayContaining(["draining", "ready"]));
  expect((await client.echo({})).pod).toBe("staying");
  release();
  expect((await open).pod).toBe("leaving");
  await expect.poll(() => transport.view().endpoints.map(({ address }) => address)).toEqual([staying.name]);
});

test("scale to none and back: an open call finishes, others fail with the reason, and the next pod is found by itself", async () => {
  const names = track(await startNames());
  const { promise: held, resolve: release } = deferred();
  const { promise: first, resolve: began } = deferred();
  const routes = (name: string): ((router: ConnectRouter) => void) => {
    return (router) => {
      router.service(EchoService, {
        echo: async ({ text }) => {
          if (text === "slow") {
            began();
            await held;
          }
          return { pod: name };
        },
      });
    };
  };
  const before = await startTestPod(routes("before"), "127.0.0.43");
  names.publish("echo.example", [before.host]);
  const transport = trackTransport({
    target: `dns://${names.address}/echo.example:${before.port}`,
    dns: { periodMs: 1_000, holdMs: 0 },
  });
  const client = createClient(EchoService, transport);
  const slow = client.echo({ text: "slow" });
  await first;
  names.publish("echo.example", []);
  const failure = (): Promise<string> =>
    client.echo({}).then(
      ({ pod }) => pod,
      (reason: Error) => reason.message,
    );
  await expect
    .poll(failure, { timeout: 10_000 })
    .toMatch(/^\[unavailable\] upstream pick, backend transport: no endpoints: echo\.example: .*neither A nor AAAA/);
  release();
  expect((await slow).pod).toBe("before");
  const after = await startTestPod(routes("after"), "127.0.0.44", before.port);
  names.publish("echo.example", [after.host]);
  await expect.poll(failure, { timeout: 10_000 }).toBe("after");
  expect(transport.view().endpoints.map(({ address }) => address)).toEqual([after.name]);
});

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}

function describe(counts: ReadonlyMap<string, number>): string {
  return `${counts.size} pods, ${[...counts.values()].sort((a, b) => b - a).join(" ")}`;
}
