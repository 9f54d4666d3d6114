import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Backend } from "../../src/balancing/backend.ts";
import { Status } from "../../src/protocols/status.ts";
import { message, okHead, requestFields } from "../gateway/support/fields.ts";
import { startTriple } from "../gateway/support/world.ts";

/** What the pod is told to have taken, milliseconds: negative when the call says nothing about it. */
async function startWatched() {
  const { world, pod, client } = await startTriple();
  const done = vi.spyOn(Backend.prototype, "done");
  onTestFinished(() => done.mockRestore());
  return { world, pod, client, times: () => done.mock.calls.map(([, , elapsed, fault]) => ({ elapsed, fault })) };
}

describe("what clients do is not held against pods", () => {
  test("a request that does not end before its deadline: says nothing about the pod", async () => {
    const { world, client, times } = await startWatched();
    const call = client.open(requestFields(["grpc-timeout", "500m"])).send(message(100).subarray(0, 20));
    await world.settle();
    await world.advance(1_000);
    expect(call.status.code).toBe(Status.DEADLINE_EXCEEDED);
    expect(times()).toEqual([{ elapsed: -1, fault: false }]);
  });

  test("a request that came whole and is not answered in time: the pod took that long at least", async () => {
    const { world, client, times } = await startWatched();
    client.unary(message(3), requestFields(["grpc-timeout", "500m"]));
    await world.settle();
    await world.advance(1_000);
    expect(times()).toHaveLength(1);
    expect(times()[0].elapsed).toBeGreaterThanOrEqual(500);
  });

  test("a method that does not exist: teaches nothing, however many clients make up", async () => {
    const { world, pod, client, times } = await startWatched();
    pod.onCall = (call) => call.sendHead(okHead).finish(["grpc-status", String(Status.UNIMPLEMENTED)]);
    client.unary(null, requestFields([], "/made.Up/Method"));
    await world.settle();
    expect(times()).toEqual([{ elapsed: -1, fault: false }]);
  });
});
