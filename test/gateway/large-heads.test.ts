import { describe, expect, test } from "vitest";
import { message, requestFields } from "./support/fields.ts";
import { answerOk, type Pod } from "./support/pod.ts";
import { startWorld } from "./support/world.ts";

const labels = ["10.0.0.1:9000", "10.0.0.2:9000"];

describe("a head larger than a pod takes (SETTINGS_MAX_HEADER_LIST_SIZE)", () => {
  test("the next pod gets all of the request, also when it is larger than retryBuffer and has to wait", async () => {
    const world = await startWorld({ backend: { target: `ipv4:${labels.join(",")}`, retryBuffer: 100 } }, (made) => {
      made.pod(labels[0], { maxConcurrentStreams: 1, maxHeaderListBytes: 1_000 });
      made.pod(labels[1], { maxConcurrentStreams: 1 });
    });
    const pods = labels.map((label) => world.net.hosts.get(label) as Pod);
    for (const label of labels) world.net.hosts.set(label, { kind: "silent" });
    const client = await world.client();
    const busy = [client.unary(), client.unary()];
    await world.settle();
    // One of them waits at each pod.
    const large = requestFields(["x-large", "x".repeat(2_000)]);
    const calls = [1, 2].map((fill) => client.unary(message(5_000, fill), large));
    await world.settle();
    for (const pod of pods) pod.onCall = (call) => answerOk(call, call.body);
    answerOk(pods[0].last);
    await world.settle();
    answerOk(pods[1].last);
    await world.settle();
    expect(busy.map((call) => call.status.code)).toEqual([0, 0]);
    expect(calls.map((call) => call.status.code)).toEqual([0, 0]);
    expect(calls.map((call) => call.body)).toEqual([message(5_000, 1), message(5_000, 2)]);
    expect(pods[0].calls).toHaveLength(1);
  });
});
