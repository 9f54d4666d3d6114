import { expect, test, vi } from "vitest";
import { type GatewayProcess, startGatewayProcess } from "../e2e/support/gateway.ts";
import { expectQuiet } from "../e2e/support/quiet.ts";
import { hostsOf, startFleet } from "./support/fleet.ts";
import { startLoad } from "./support/load.ts";
import { REFRESH, startNames } from "./support/names.ts";
import { createStage } from "./support/stage.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const stage = createStage();
const NAME = "echo.default.svc.cluster.local";

/** How DNS misbehaves, and the outcome that the gateway must count it as. */
const FAULTS = [
  ["nxdomain", "nxdomain"],
  ["servfail", "servfail"],
  ["empty", "nodata"],
  ["silent", "timeout"],
  ["garbage", "garbage"],
  ["refused", "refused"],
] as const;

async function outcomes(gateway: GatewayProcess): Promise<Map<string, number>> {
  const samples = await gateway.metrics(/resolutions/);
  return new Map(samples.map(({ labels, value }) => [labels.outcome ?? "", value]));
}

/** Resolves when the gateway has counted one more resolution with that outcome. */
async function counted(gateway: GatewayProcess, outcome: string): Promise<void> {
  const before = (await outcomes(gateway)).get(outcome) ?? 0;
  while (((await outcomes(gateway)).get(outcome) ?? 0) === before)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

test("DNS faults: whatever DNS answers, the last good set is kept, no call fails, and a metric says what happened", async () => {
  const names = stage.add(await startNames(), (server) => server.close());
  const pods = stage.add(await startFleet("connect-node", 3, { work: 10 }), (all) =>
    Promise.all(all.map((pod) => pod.stop("SIGKILL"))),
  );
  names.publish(NAME, hostsOf(pods));
  const target = `dns://${names.address}/${NAME}:${pods[0]?.port}`;
  const args = ["--dns-period", "1s", "--dns-timeout", "250ms"];
  const gateway = stage.add(await startGatewayProcess({ target, args }), (one) => one.child.stop("SIGKILL"));
  const load = startLoad(gateway.address, 8);
  await load.more(50);

  for (const [fault, outcome] of FAULTS) {
    names.zone.behave(fault);
    await counted(gateway, outcome);
    const before = pods.map((pod) => pod.calls());
    await load.more(100);
    for (const [index, pod] of pods.entries())
      expect(pod.calls(), `${pod.host} under ${fault}`).toBeGreaterThan(before[index] ?? 0);
    expect(load.failures, fault).toEqual(new Map());
    names.zone.behave("normal");
    await counted(gateway, "ok");
  }
  // One query set per refresh, whatever the number of calls.
  const from = names.zone.queries;
  const calls = load.done();
  await names.asked(2 * REFRESH);
  console.log(
    `DNS faults: ${load.done()} calls, ${load.failed()} failed; the last ${load.done() - calls} calls cost ${names.zone.queries - from} questions`,
  );

  await load.stop();
  await expectQuiet(gateway);
});
