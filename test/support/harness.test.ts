import { describe, expect, it } from "vitest";
import type { GatewayView } from "../../src/admin/view.ts";
import { createHarness } from "./harness.ts";
import { noHttp1 } from "./http1-answers.ts";

/** The check gives up at once: these tests want it to fail. */
const IMPATIENT = 0;

function gatewayWith(outstanding: () => number, closed: string[] = []) {
  const view: GatewayView = {
    state: () => "ready",
    listeners: () => [],
    backends: () => [
      {
        name: "echo",
        target: "ipv4:127.0.0.1:9001",
        endpoints: [
          {
            address: "127.0.0.1:9001",
            state: "ready",
            outstanding: outstanding(),
            connections: 1,
            picks: 1,
            connectFailures: 0,
          },
        ],
        calls: [],
        pending: 0,
        retries: 0,
        resolutions: {
          ok: 0,
          nxdomain: 0,
          nodata: 0,
          servfail: 0,
          refused: 0,
          timeout: 0,
          garbage: 0,
          unreachable: 0,
        },
      },
    ],
  };
  return { view, close: () => Promise.resolve(void closed.push("gateway")) };
}

describe("harness", () => {
  it("fails a test that leaves a call outstanding, naming endpoint and backend", async () => {
    const harness = createHarness(IMPATIENT);
    harness.trackGateway(gatewayWith(() => 2));
    await expect(harness.check()).rejects.toThrow(
      "left over after the test: 2 outstanding calls at 127.0.0.1:9001 (backend echo)",
    );
  });

  it("fails a test that leaves a socket open", async () => {
    const harness = createHarness(IMPATIENT);
    const machine = harness.createTestMachine();
    const acceptor = {
      http2: () => ({ received: () => {}, drained: () => {}, ended: () => {}, closed: () => {} }),
      http1: noHttp1,
    };
    const listening = await machine.listen({ host: "127.0.0.1", port: 0 }, acceptor);
    await expect(harness.check()).rejects.toThrow("left over after the test: 1 open sockets");
    await listening.close();
  });

  it("fails a test whose things do not close, names them all, and closes the others all the same", async () => {
    const harness = createHarness(IMPATIENT);
    const closed: string[] = [];
    harness.track({ close: () => closed.push("first") });
    harness.track({ close: () => Promise.reject(new Error("stuck")) });
    harness.trackMachine({ openSockets: () => 3 });
    await expect(harness.check()).rejects.toThrow("closing failed: stuck; 3 open sockets");
    expect(closed).toEqual(["first"]);
  });

  it("passes a test that leaves nothing, closing last tracked first", async () => {
    const harness = createHarness(IMPATIENT);
    const closed: string[] = [];
    harness.track({ close: () => closed.push("first") });
    harness.trackGateway(gatewayWith(() => 0, closed));
    await harness.check();
    expect(closed).toEqual(["gateway", "first"]);
  });

  it("waits a while for calls that are about to end", async () => {
    const harness = createHarness();
    let reads = 0;
    harness.trackGateway(gatewayWith(() => (++reads < 3 ? 1 : 0)));
    await harness.check();
    expect(reads).toBe(3);
  });

  it("forgets what it has checked", async () => {
    const harness = createHarness(IMPATIENT);
    harness.trackMachine({ openSockets: () => 1 });
    await expect(harness.check()).rejects.toThrow();
    await harness.check();
  });
});
