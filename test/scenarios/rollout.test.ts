import { describe, expect, test, vi } from "vitest";
import { type GatewayProcess, startGatewayProcess } from "../e2e/support/gateway.ts";
import type { Pod } from "../e2e/support/pods.ts";
import { expectQuiet } from "../e2e/support/quiet.ts";
import { firstCall, hostsOf, startFleet } from "./support/fleet.ts";
import { startLoad } from "./support/load.ts";
import { type Names, REFRESH, startNames } from "./support/names.ts";
import { createStage } from "./support/stage.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** What happens to the set of pods under load: a stock client with its single connection must not notice. */

const stage = createStage();
const NAME = "echo.default.svc.cluster.local";
/** Long enough that a busy machine's delays are short beside a refresh; the TTL of one second shortens it. */
const PERIOD = ["--dns-period", "1s"];

async function start(names: Names, pods: readonly Pod[]): Promise<GatewayProcess> {
  names.publish(NAME, hostsOf(pods));
  const target = `dns://${names.address}/${NAME}:${pods[0]?.port}`;
  return stage.add(await startGatewayProcess({ target, args: PERIOD }), (gateway) => gateway.child.stop("SIGKILL"));
}

const fleet = async (count: number): Promise<Pod[]> =>
  stage.add(await startFleet("connect-node", count, { work: 20 }), (pods) =>
    Promise.all(pods.map((pod) => pod.stop("SIGKILL"))),
  );

describe("rollout", () => {
  test("scale-up from 2 to 10: every new pod has its first call within one refresh, and no call fails", async () => {
    const names = stage.add(await startNames(), (server) => server.close());
    const pods = await fleet(10);
    const gateway = await start(names, pods.slice(0, 2));
    const load = startLoad(gateway.address, 12);
    await load.more(200);
    expect(pods.slice(2).map((pod) => pod.calls())).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);

    const asked = names.zone.queries;
    names.publish(NAME, hostsOf(pods));
    const refreshes = await Promise.all(
      pods.slice(2).map(async (pod) => {
        await firstCall(pod);
        return Math.ceil((names.zone.queries - asked) / REFRESH);
      }),
    );
    console.log(`scale-up 2 -> 10: refreshes until the first call on each new pod: ${refreshes.join(" ")}`);
    // The refresh that finds them is the first or, when it was under way already, the second.
    expect(Math.max(...refreshes)).toBeLessThanOrEqual(2);

    await load.more(300);
    await load.stop();
    expect(load.failures).toEqual(new Map());
    await expectQuiet(gateway);
  });

  test("rolling update, pod by pod: no call fails, and none goes to a pod later than one refresh after it left DNS", async () => {
    const names = stage.add(await startNames(), (server) => server.close());
    const pods = await fleet(8);
    const [old, fresh] = [pods.slice(0, 4), pods.slice(4)];
    const gateway = await start(names, old);
    const load = startLoad(gateway.address, 12);
    await load.more(100);

    let serving = [...old];
    for (const [index, leaving] of old.entries()) {
      const coming = fresh[index] as Pod;
      serving = [...serving.filter((pod) => pod !== leaving), coming];
      names.publish(NAME, hostsOf(serving));
      // One refresh may be under way with the old answer; the next one has the new answer.
      await names.asked(REFRESH);
      await firstCall(coming);
      await names.asked(REFRESH);
      await load.more(32);
      const then = leaving.calls();
      await load.more(100);
      expect(leaving.calls(), `calls of ${leaving.host}, which has left DNS`).toBe(then);
      // It is told to end only now, so it was alive and well all the time in which it got nothing.
      await leaving.stop("SIGTERM");
    }
    await load.more(100);
    await load.stop();
    const shares = pods.map((pod) => `${pod.host} ${pod.calls()}`).join(", ");
    console.log(`rolling update: ${load.done()} calls, ${load.failed()} failed; ${shares}`);
    expect(load.failures).toEqual(new Map());
    await expectQuiet(gateway);
  });

  test("pods that get SIGTERM the moment they leave DNS: no call fails", async () => {
    const names = stage.add(await startNames(), (server) => server.close());
    const pods = await fleet(6);
    const gateway = await start(names, pods.slice(0, 3));
    const load = startLoad(gateway.address, 12);
    for (const [index, leaving] of pods.slice(0, 3).entries()) {
      await load.more(100);
      names.publish(NAME, hostsOf(pods.slice(index + 1, index + 4)));
      await Promise.all([leaving.stop("SIGTERM"), firstCall(pods[index + 3] as Pod)]);
    }
    await load.more(100);
    await load.stop();
    console.log(`pods ended at once: ${load.done()} calls, ${load.failed()} failed`);
    expect(load.failures).toEqual(new Map());
    await expectQuiet(gateway);
  });
});
