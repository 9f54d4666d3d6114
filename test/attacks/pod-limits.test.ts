import { describe, expect, test } from "vitest";
import { Status } from "../../src/protocols/status.ts";
import { message, requestFields } from "../gateway/support/fields.ts";
import { answerOk } from "../gateway/support/pod.ts";
import { startTriple } from "../gateway/support/world.ts";

describe("what one client must not do to the connection of all", () => {
  test("a head larger than the pod's SETTINGS_MAX_HEADER_LIST_SIZE does not reach it", async () => {
    const { world, pod, client } = await startTriple({}, { maxHeaderListBytes: 8_192 });
    const neighbour = client.open().send(message(3));
    await world.settle();
    const poison = client.open(requestFields(["x-large", "v".repeat(8_100)])).finish();
    await world.settle();
    expect(pod.calls).toHaveLength(1);
    expect(poison.status.code).toBe(Status.RESOURCE_EXHAUSTED);
    expect(poison.status.message).toMatch(/request head of 8\d{3} bytes, the endpoint takes 8192/);
    neighbour.finish();
    await world.settle();
    answerOk(pod.last);
    await world.settle();
    expect(neighbour.status.code).toBe(Status.OK);
    expect(pod.connections).toHaveLength(1);
  });

  test("a head that just fits reaches the pod", async () => {
    const { world, pod, client } = await startTriple({}, { maxHeaderListBytes: 8_192 });
    client.open(requestFields(["x-large", "v".repeat(7_700)])).finish();
    await world.settle();
    expect(pod.calls).toHaveLength(1);
    answerOk(pod.last);
    await world.settle();
  });
});
