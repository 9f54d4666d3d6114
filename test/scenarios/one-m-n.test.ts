import { describe, expect, test, vi } from "vitest";
import { observeByGrpcio } from "../e2e/clients/grpcio.ts";
import type { CallCase } from "../e2e/support/call.ts";
import { type GatewayProcess, startGatewayProcess } from "../e2e/support/gateway.ts";
import { noInterop, runInterop, startInteropServer, UNHURRIED } from "../e2e/support/interop.ts";
import type { Pod } from "../e2e/support/pods.ts";
import { NO_PYTHON, python } from "../e2e/support/python.ts";
import { expectQuiet } from "../e2e/support/quiet.ts";
import { connectionsOf, firstCall, hostsOf, startFleet } from "./support/fleet.ts";
import { type Load, ROUND_ROBIN, startLoad } from "./support/load.ts";
import { type Names, startNames } from "./support/names.ts";
import { createStage, type Stage } from "./support/stage.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

// grpc-js asks the DNS server that its target names only when told so, and it looks when it is loaded.
vi.hoisted(() => {
  process.env.GRPC_NODE_USE_ALTERNATIVE_RESOLVER = "true";
});

/** 1-M-N: stock clients with `dns:///` and `round_robin` over M gateways over N pods, and both layers grow. */

const stage: Stage = createStage();
const PODS = "pods.test";
const GATEWAYS = "gateways.test";
const hasPython = python() !== null;
if (!hasPython) console.warn(`skipped: 1-M-N with grpcio: ${NO_PYTHON}`);
if (noInterop !== "") console.warn(`skipped: 1-M-N with grpc-go: ${noInterop}`);

/** Gateways with an address each and one port, as their own headless Service has them. @param hosts the last bytes */
async function startGateways(target: string, hosts: readonly number[], port = 0): Promise<GatewayProcess[]> {
  const gateways: GatewayProcess[] = [];
  for (const host of hosts) {
    const listen = `127.0.0.${host}:${gateways[0]?.port ?? port}`;
    const gateway = await startGatewayProcess({ target, listen, args: ["--dns-period", "1s"] });
    gateways.push(stage.add(gateway, (one) => one.child.stop("SIGKILL")));
  }
  return gateways;
}

const hosts = (gateways: readonly GatewayProcess[]): string[] => gateways.map(({ host }) => host);

async function total(gateway: GatewayProcess, metric: RegExp): Promise<number> {
  return (await gateway.metrics(metric)).reduce((sum, { value }) => sum + value, 0);
}

async function print(title: string, gateways: readonly GatewayProcess[], pods: readonly Pod[]): Promise<void> {
  const lines = [title];
  for (const gateway of gateways) {
    const connections = await total(gateway, /^fairlead_connections$/);
    const upstream = await gateway.metrics(/^fairlead_upstream_connections$/);
    const picks = await total(gateway, /^fairlead_picks_total$/);
    const each = upstream.map(({ value }) => value).join(" ");
    lines.push(`  gateway ${gateway.host}: ${connections} from clients; to its pods: ${each}; ${picks} calls`);
  }
  for (const pod of pods) {
    const { accepted, open } = connectionsOf(pod);
    lines.push(`  pod ${pod.host}: ${open} open, ${accepted} in its life; ${pod.calls()} calls`);
  }
  console.log(lines.join("\n"));
}

function startClients(names: Names, port: number, count: number): Load[] {
  const target = `dns://${names.address}/${GATEWAYS}:${port}`;
  // A client asks DNS again only when a connection ends, and by default no more than every 30 s.
  const options = { ...ROUND_ROBIN, "grpc.dns_min_time_between_resolutions_ms": 200 };
  return Array.from({ length: count }, () => startLoad(target, 4, options));
}

async function more(loads: readonly Load[], calls: number): Promise<void> {
  await Promise.all(loads.map((load) => load.more(calls)));
}

describe("1-M-N", () => {
  test("grpc-js over two gateways over six pods, then three over nine, and a gateway that is replaced", async () => {
    const names = stage.add(await startNames(), (server) => server.close());
    const pods = stage.add(await startFleet("connect-node", 9, { work: 20 }), (all) =>
      Promise.all(all.map((pod) => pod.stop("SIGKILL"))),
    );
    const six = pods.slice(0, 6);
    names.publish(PODS, hostsOf(six));
    const target = `dns://${names.address}/${PODS}:${pods[0]?.port}`;
    const [first, second] = (await startGateways(target, [101, 102])) as [GatewayProcess, GatewayProcess];
    names.publish(GATEWAYS, hosts([first, second]));

    const old = startClients(names, first.port, 3);
    await more(old, 100);
    await print("1-M-N: 3 clients, 2 gateways, 6 pods", [first, second], six);
    for (const gateway of [first, second]) {
      expect(await total(gateway, /^fairlead_connections$/)).toBe(3);
      expect((await gateway.metrics(/^fairlead_upstream_connections$/)).map(({ value }) => value)).toEqual(
        Array.from({ length: 6 }, () => 1),
      );
    }
    expect(six.map((pod) => connectionsOf(pod).open)).toEqual(Array.from({ length: 6 }, () => 2));

    // Both layers grow. The pods are found by every gateway; the gateway by clients that ask DNS now.
    const [third] = (await startGateways(target, [103], first.port)) as [GatewayProcess];
    names.publish(PODS, hostsOf(pods));
    names.publish(GATEWAYS, hosts([first, second, third]));
    await Promise.all(pods.slice(6).map((pod) => firstCall(pod)));
    const fresh = startClients(names, first.port, 2);
    await more([...old, ...fresh], 100);
    await print("1-M-N: 3 clients and 2 new ones, 3 gateways, 9 pods", [first, second, third], pods);
    expect(await total(third, /^fairlead_connections$/)).toBe(2);

    // The first gateway goes: its clients ask DNS again, and find the third.
    names.publish(GATEWAYS, hosts([second, third]));
    expect(await first.stop()).toBe(0);
    await more([...old, ...fresh], 100);
    while ((await total(third, /^fairlead_connections$/)) < 5) await more(old, 20);
    await print("1-M-N: one gateway replaced", [second, third], pods);
    for (const gateway of [second, third]) expect(await total(gateway, /^fairlead_connections$/)).toBe(5);

    const loads = [...old, ...fresh];
    await Promise.all(loads.map((load) => load.stop()));
    const done = loads.reduce((sum, load) => sum + load.done(), 0);
    expect(loads.map((load) => load.failures)).toEqual(loads.map(() => new Map()));
    // Every call was given to a pod exactly once.
    expect(pods.reduce((sum, pod) => sum + pod.calls(), 0)).toBe(done);
    expect(Math.min(...pods.map((pod) => pod.calls()))).toBeGreaterThan(0);
    await Promise.all([second, third].map(expectQuiet));
  });

  test.skipIf(!hasPython)("grpcio over two gateways over six pods", async () => {
    const names = stage.add(await startNames(), (server) => server.close());
    const pods = stage.add(await startFleet("connect-node", 6), (all) =>
      Promise.all(all.map((pod) => pod.stop("SIGKILL"))),
    );
    names.publish(PODS, hostsOf(pods));
    const gateways = await startGateways(`dns://${names.address}/${PODS}:${pods[0]?.port}`, [101, 102]);
    names.publish(GATEWAYS, hosts(gateways));

    const one: CallCase = { what: "unary", kind: "Unary", sends: [69], expect: { code: 0, answers: 1 } };
    const calls = Array.from({ length: 120 }, () => one);
    const config = '{"loadBalancingConfig":[{"round_robin":{}}]}';
    const address = `dns://${names.address}/${GATEWAYS}:${gateways[0]?.port}`;
    const seen = await observeByGrpcio(address, calls, { "grpc.service_config": config });
    await print("1-M-N: grpcio, 2 gateways, 6 pods", gateways, pods);
    expect(seen.map(({ code, message }) => `${code} ${message}`)).toEqual(calls.map(() => "0 "));
    expect(pods.reduce((sum, pod) => sum + pod.calls(), 0)).toBe(calls.length);
    for (const gateway of gateways) expect(await total(gateway, /^fairlead_picks_total$/)).toBeGreaterThan(0);
    await Promise.all(gateways.map(expectQuiet));
  });

  test.skipIf(noInterop !== "")("grpc-go over two gateways over six pods", async () => {
    const names = stage.add(await startNames(), (server) => server.close());
    const pods = await Promise.all(
      Array.from({ length: 6 }, async () =>
        stage.add(await startInteropServer(), ({ child }) => child.stop("SIGKILL")),
      ),
    );
    const gateways = await startGateways(`ipv4:${pods.map(({ port }) => `127.0.0.1:${port}`).join(",")}`, [101, 102]);
    names.publish(GATEWAYS, hosts(gateways));
    // With port 0 grpc-go's client takes the host as a whole target.
    const address = `dns://${names.address}/${GATEWAYS}:${gateways[0]?.port}`;
    const soak = ["--soak_iterations=120", "--soak_num_threads=6", ...UNHURRIED];
    const config = '--service_config_json={"loadBalancingConfig":[{"round_robin":{}}]}';
    const [code, output] = await runInterop("rpc_soak", address, 0, [...soak, config]);
    expect(code, output).toBe(0);
    await print("1-M-N: grpc-go, 2 gateways, 6 pods", gateways, []);
    const picks = await Promise.all(gateways.map((gateway) => gateway.metrics(/^fairlead_picks_total$/)));
    expect(picks.flat().reduce((sum, { value }) => sum + value, 0)).toBe(120);
    for (const gateway of picks)
      expect(gateway.map(({ value }) => value > 0)).toEqual(Array.from({ length: 6 }, () => true));
    await Promise.all(gateways.map(expectQuiet));
  });
});
