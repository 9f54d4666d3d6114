import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { connectNode } from "./clients/connect-node.ts";
import { grpcJs } from "./clients/grpc-js.ts";
import { grpcio } from "./clients/grpcio.ts";
import type { Client, Observation } from "./support/call.ts";
import { CASES } from "./support/cases.ts";
import { type GatewayProcess, startGatewayProcess } from "./support/gateway.ts";
import { type Pod, type PodKind, startPod } from "./support/pods.ts";
import { NO_PYTHON, python } from "./support/python.ts";
import { expectQuiet } from "./support/quiet.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/**
 * Invariant 10 on real input: every client makes every call to every pod twice, directly and through the gateway, and neither
 * end may see a difference.
 */

const hasPython = python() !== null;
if (!hasPython) console.warn(`skipped: grpcio as client and as pod: ${NO_PYTHON}`);

const clients: readonly Client[] = [grpcJs, connectNode, grpcio];
const kinds: readonly PodKind[] = ["grpc-js", "connect-node", "grpcio"];

/** How each call ends for the pod, of those that reach one. */
const ENDS = CASES.flatMap((call) => call.podEnd ?? []);

/** What the client saw, and what the pod said, of one run of all cases. */
interface Run {
  readonly seen: readonly Observation[];
  readonly calls: readonly unknown[];
  readonly ends: readonly unknown[];
}

async function run(client: Client, address: string, pod: Pod): Promise<Run> {
  const from = pod.child.reports.length;
  const seen = await client.observe(address, CASES);
  // A cancel is heard of later than its call is over for the client.
  let ends = 0;
  await pod.child.report((report) => report.event === "end" && ++ends === ENDS.length, from);
  const reports = pod.child.reports.slice(from);
  const of = (event: string) => reports.filter((report) => report.event === event);
  return { seen, calls: of("call"), ends: of("end") };
}

describe.each(kinds)("end to end: a %s pod", (kind) => {
  const skipPod = kind === "grpcio" && !hasPython;
  let pod: Pod;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    if (skipPod) return;
    pod = await startPod(kind);
    gateway = await startGatewayProcess({ target: `ipv4:${pod.address}` });
  });
  afterAll(async () => {
    if (skipPod) return;
    await pod?.stop("SIGKILL");
    if (gateway === undefined) return;
    await expectQuiet(gateway);
    expect(await gateway.stop()).toBe(0);
  });

  describe.each(clients.map((client) => [client.name, client] as const))("%s as client", (name, client) => {
    const skip = skipPod || (name === "grpcio" && !hasPython);
    let direct: Run;
    let through: Run;
    beforeAll(async () => {
      if (skip) return;
      direct = await run(client, pod.address, pod);
      through = await run(client, gateway.address, pod);
    });

    const cases = CASES.map((call, index) => [call.what, call.expect, index] as const);
    test.skipIf(skip).each(cases)("%s", (_what, wanted, index) => {
      const seen = through.seen[index];
      expect(seen).toEqual(direct.seen[index]);
      expect(seen).toMatchObject({ code: wanted.code });
      expect(seen?.answers).toHaveLength(wanted.answers);
    });

    test.skipIf(skip)("the pod saw the same calls, and every one ended as it did directly", () => {
      expect(through.calls).toEqual(direct.calls);
      expect(through.ends).toEqual(direct.ends);
      expect(through.ends.map((end) => (end as { how: string }).how)).toEqual(ENDS);
    });
  });
});
