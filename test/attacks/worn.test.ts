import { describe, expect, test } from "vitest";
import { Status } from "../../src/protocols/status.ts";
import { message } from "../gateway/support/fields.ts";
import { answerOk } from "../gateway/support/pod.ts";
import { startTriple } from "../gateway/support/world.ts";

describe("a connection to a pod on which many calls are cancelled", () => {
  test("is replaced after 100, keeps the calls that it has, and ends with them", async () => {
    const { world, pod, client } = await startTriple();
    const old = client.open().send(message(3));
    await world.settle();
    const oldAtPod = pod.last;
    // Fewer of each client than its own limits allow.
    for (let clients = 0; clients < 3; clients++) {
      const canceller = await world.client();
      const calls = Array.from({ length: 40 }, () => canceller.unary());
      await world.settle();
      for (const call of calls) call.reset(8);
      await world.settle();
    }
    expect(pod.connections).toHaveLength(2);
    const next = client.unary();
    await world.settle();
    expect(pod.last.stream.connection).toBe(pod.connections[1]);
    answerOk(pod.last);
    old.finish();
    await world.settle();
    answerOk(oldAtPod);
    await world.settle();
    expect(next.status.code).toBe(Status.OK);
    expect(old.status.code).toBe(Status.OK);
    expect(pod.connections[0].over).toBe(true);
    expect(pod.connections[1].over).toBe(false);
  });
});
