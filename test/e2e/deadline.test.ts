import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { connectNode } from "./clients/connect-node.ts";
import { grpcJs } from "./clients/grpc-js.ts";
import { grpcio } from "./clients/grpcio.ts";
import type { Client } from "./support/call.ts";
import { DEADLINE_CASES } from "./support/cases.ts";
import { type GatewayProcess, startGatewayProcess } from "./support/gateway.ts";
import { type Pod, startPod } from "./support/pods.ts";
import { NO_PYTHON, python } from "./support/python.ts";
import { expectQuiet } from "./support/quiet.ts";

// Many processes start and work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Invariant 8: what the deadline cuts off ends for the client as its deadline, and for the pod as a cancel. */

const hasPython = python() !== null;
if (!hasPython) console.warn(`skipped: grpcio's deadlines: ${NO_PYTHON}`);
const clients: readonly Client[] = [grpcJs, connectNode, ...(hasPython ? [grpcio] : [])];

describe("deadline", () => {
  let pod: Pod;
  let gateway: GatewayProcess | undefined;

  beforeAll(async () => {
    pod = await startPod("grpc-js");
    gateway = await startGatewayProcess({ target: `ipv4:${pod.address}` });
  });
  afterAll(async () => {
    await pod?.stop("SIGKILL");
    if (gateway !== undefined) expect(await gateway.stop()).toBe(0);
  });

  test("passes: the client has the code and what came before, the pod hears of a cancel", async () => {
    const address = gateway?.address ?? "";
    // All at once: each waits for its deadline.
    const calls = clients.flatMap((client) => DEADLINE_CASES.map((call) => ({ client, call })));
    const seen = await Promise.all(
      calls.map(async ({ client, call }) => {
        const [one] = await client.observe(address, [call]);
        return `${client.name}, ${call.what}: code ${one?.code}, ${one?.answers.length} answers`;
      }),
    );
    const wanted = calls.map(
      ({ client, call }) => `${client.name}, ${call.what}: code ${call.expect.code}, ${call.expect.answers} answers`,
    );
    expect(seen).toEqual(wanted);

    let ends = 0;
    await pod.child.report(({ event }) => event === "end" && ++ends === calls.length);
    const how = pod.child.reports.filter(({ event }) => event === "end").map((report) => report.how);
    expect(how).toEqual(calls.map(() => "cancelled"));
    await expectQuiet(gateway as GatewayProcess);
  });
});
