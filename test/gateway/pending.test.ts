import { describe, expect, test } from "vitest";
import { Status } from "../../src/protocols/status.ts";
import { message, requestFields } from "./support/fields.ts";
import { answerOk, type Pod } from "./support/pod.ts";
import { routeSettings } from "./support/settings.ts";
import { POD, startTriple, startWorld } from "./support/world.ts";

describe("while endpoints connect", () => {
  test("calls wait in order, and go on when the first endpoint is ready", async () => {
    const order: number[] = [];
    const world = await startWorld({}, (made) => {
      const pod = made.pod();
      pod.delay = 2_000;
      pod.onCall = (call) => {
        order.push(call.size);
        answerOk(call);
      };
    });
    const client = await world.client();
    const calls = [1, 2, 3, 4, 5].map((size) => client.unary(message(size)));
    await world.settle();
    expect(world.backend.pending).toBe(5);
    expect(world.outstanding).toBe(0);
    await world.advance(2_000);
    expect(order).toEqual([6, 7, 8, 9, 10]);
    expect(calls.map((call) => call.status.code)).toEqual([0, 0, 0, 0, 0]);
    expect(world.backend.pending).toBe(0);
  });

  test("one ready endpoint is enough: nobody waits for the others", async () => {
    const world = await startWorld({ backend: { target: "ipv4:10.0.0.1:9000,10.0.0.2:9000" } }, (made) => {
      made.net.hosts.set("10.0.0.1:9000", { kind: "silent" });
      made.pod("10.0.0.2:9000").onCall = (call) => answerOk(call);
    });
    const client = await world.client();
    const calls = Array.from({ length: 20 }, () => client.unary());
    await world.settle();
    expect(calls.every((call) => call.status.code === 0)).toBe(true);
  });

  test("maxPending: the next call is refused as resource_exhausted and the others go on waiting", async () => {
    const world = await startWorld({ backend: { maxPending: 3 } }, (made) => {
      const pod = made.pod();
      pod.delay = 1_000;
      pod.onCall = (call) => answerOk(call);
    });
    const client = await world.client();
    const calls = Array.from({ length: 4 }, () => client.unary());
    await world.settle();
    expect(calls.map((call) => call.over)).toEqual([false, false, false, true]);
    expect(calls[3].status).toEqual({
      code: Status.RESOURCE_EXHAUSTED,
      message: "upstream pick, backend echo: 3 calls wait for an endpoint already",
    });
    await world.advance(1_000);
    expect(calls.slice(0, 3).map((call) => call.status.code)).toEqual([0, 0, 0]);
  });

  test("maxPending 0: no call waits", async () => {
    const world = await startWorld({ backend: { maxPending: 0 } }, (made) => {
      made.pod().delay = 1_000;
    });
    const client = await world.client();
    const call = client.unary();
    await world.settle();
    expect(call.status.code).toBe(Status.RESOURCE_EXHAUSTED);
  });

  test("the attempt fails: those that wait fail with the reason, and so do new calls, at once", async () => {
    const world = await startWorld({}, ({ net }) => net.hosts.set(POD, { kind: "silent" }));
    const client = await world.client();
    const waiting = client.unary();
    await world.settle();
    await world.advance(5_000);
    const expected = {
      code: Status.UNAVAILABLE,
      message:
        "upstream pick, backend echo: no ready endpoint: none of 1 can be connected, last error: " +
        `connect ${POD}: not established within 5000 ms`,
    };
    expect(waiting.status).toEqual(expected);
    const next = client.unary();
    await world.settle();
    expect(next.status).toEqual(expected);
    expect(world.endpoint.state).toBe("backoff");
  });
});

describe("no endpoint", () => {
  test("all refuse: unavailable at once, naming side, stage, backend, endpoint and reason", async () => {
    const world = await startWorld({ backend: { target: "ipv4:10.0.0.1:9000,10.0.0.2:9000" } });
    const client = await world.client();
    const call = client.unary();
    await world.settle();
    expect(call.status.code).toBe(Status.UNAVAILABLE);
    expect(call.status.message).toMatch(
      /^upstream pick, backend echo: no ready endpoint: none of 2 can be connected, last error: connect ECONNREFUSED 10\.0\.0\.[12]:9000$/,
    );
    expect(world.backend.calls[14]).toBe(1);
    expect(world.backend.endpoints.map(({ state, connectFailures }) => [state, connectFailures])).toEqual([
      ["backoff", 1],
      ["backoff", 1],
    ]);
  });

  test("the last connection is lost and refused again: the very next call fails at once", async () => {
    const { world, client, upstream } = await startTriple();
    await world.advance(2_000);
    world.net.hosts.delete(POD);
    upstream.break();
    // In the same turn, before anybody could be told.
    const call = client.unary();
    await world.settle();
    expect(call.status.code).toBe(Status.UNAVAILABLE);
    expect(call.status.message).toContain(`connect ECONNREFUSED ${POD}`);
  });

  test("lost within a second of being made: the next call fails at once and does not wait for the back-off", async () => {
    const { world, client, upstream } = await startTriple();
    upstream.break();
    const call = client.unary();
    await world.settle();
    expect(call.over).toBe(true);
    expect(call.status.message).toBe(
      "upstream pick, backend echo: no ready endpoint: none of 1 can be connected, last error: read ECONNRESET",
    );
    await world.advance(1_300);
    expect(world.endpoint.state).toBe("ready");
  });

  test("pod that closes without a word: the message says so", async () => {
    const { world, client, upstream } = await startTriple();
    upstream.server.end();
    await world.settle();
    const call = client.unary();
    await world.settle();
    expect(call.status.message).toMatch(/last error: the (?:pod|peer) closed the connection$/);
  });

  test("comes back: calls go through again as soon as a connection is made", async () => {
    const world = await startWorld();
    const client = await world.client();
    const pod = world.pod();
    pod.onCall = (call) => answerOk(call);
    await world.advance(1_300);
    const call = client.unary();
    await world.settle();
    expect(call.status.code).toBe(0);
  });
});

describe("no route", () => {
  test("unimplemented, naming method and authority", async () => {
    const world = await startWorld({
      settings: {
        routes: [routeSettings({ matches: [{ type: "Exact", service: "test.Echo", method: null, headers: [] }] })],
      },
    });
    const client = await world.client();
    const call = client.unary(message(1), requestFields([], "/other.Service/Method"));
    await world.settle();
    expect(call.status).toEqual({
      code: Status.UNIMPLEMENTED,
      message: "routing: no route takes /other.Service/Method for authority echo.test",
    });
    expect(call.trailers).toBeNull();
  });
});

describe("MAX_CONCURRENT_STREAMS of a pod", () => {
  /** Everything that `limit` streams a connection allow. */
  async function startLimited(limit: number) {
    const triple = await startTriple({}, { maxConcurrentStreams: limit });
    return { ...triple, links: () => triple.world.net.linksTo(POD).filter((link) => link.open) };
  }

  test("above it: another connection, and no error for anybody", async () => {
    const { world, pod, client, links } = await startLimited(10);
    const calls = Array.from({ length: 35 }, (_, i) => client.unary(message(i)));
    await world.settle();
    expect(links()).toHaveLength(4);
    expect(pod.calls).toHaveLength(35);
    expect(world.endpoint.connections).toBe(4);
    for (const connection of pod.connections) expect(connection.streams.size).toBeLessThanOrEqual(10);
    for (const call of pod.calls) answerOk(call, call.body);
    await world.settle();
    expect(calls.map((call) => call.size)).toEqual(Array.from({ length: 35 }, (_, i) => i + 5));
    expect(world.backend.retries).toBe(0);
  });

  test("the connections stay, and serve the next calls", async () => {
    const { world, pod, client, links } = await startLimited(10);
    pod.onCall = (call) => answerOk(call);
    for (let round = 0; round < 3; round++) {
      const calls = Array.from({ length: 30 }, () => client.unary());
      await world.settle();
      expect(calls.every((call) => call.status.code === 0)).toBe(true);
    }
    expect(links().length).toBeLessThanOrEqual(3);
  });

  test("at 64 connections: the others wait until a call ends", async () => {
    const { world, pod, links } = await startLimited(1);
    const client = await world.client();
    const calls = Array.from({ length: 80 }, () => client.unary());
    await world.settle();
    expect(links()).toHaveLength(64);
    expect(pod.calls).toHaveLength(64);
    expect(world.outstanding).toBe(80);
    while (pod.calls.some((call) => !call.stream.closed)) {
      for (const call of pod.calls) if (!call.stream.closed) answerOk(call);
      await world.settle();
    }
    expect(calls.every((call) => call.status.code === 0)).toBe(true);
    expect(links()).toHaveLength(64);
  });

  test("the further connection is refused: calls wait for the one that there is, and the pod is asked once a second", async () => {
    const { world, pod, client } = await startLimited(2);
    world.net.hosts.delete(POD);
    const calls = Array.from({ length: 10 }, () => client.unary());
    await world.settle();
    const dials = () => world.net.dialled.length;
    expect(dials()).toBe(2);
    client.unary().reset(8);
    await world.settle();
    expect(dials()).toBe(2);
    await world.advance(5_000, 100);
    expect(dials()).toBeGreaterThanOrEqual(6);
    expect(dials()).toBeLessThanOrEqual(9);
    while (pod.calls.some((call) => !call.stream.closed)) {
      for (const call of pod.calls) if (!call.stream.closed) answerOk(call);
      await world.settle();
    }
    expect(calls.every((call) => call.status.code === 0)).toBe(true);
    expect(world.endpoint.state).toBe("ready");
    const before = dials();
    await world.advance(10_000, 500);
    // Nobody waits any more: nothing is dialled.
    expect(dials()).toBeLessThanOrEqual(before + 1);
  });

  test("the only connection is lost while others wait for it: they fail over or fail, and none is left waiting", async () => {
    const { world, client, upstream } = await startLimited(1);
    world.net.hosts.delete(POD);
    const calls = Array.from({ length: 5 }, () => client.unary());
    await world.settle();
    upstream.break();
    await world.settle();
    expect(calls.map((call) => call.status.code)).toEqual(new Array(5).fill(Status.UNAVAILABLE));
    expect(world.outstanding).toBe(0);
  });

  test("lowered while calls are open: no stream more is opened than it allows", async () => {
    const { world, pod, client } = await startTriple();
    client.unary();
    await world.settle();
    const { outbound } = pod.connections[0];
    outbound.output.settings([[3, 2]]);
    outbound.wake();
    await world.settle();
    for (let i = 0; i < 3; i++) client.unary();
    await world.settle();
    expect(pod.connections.map((connection) => connection.streams.size)).toEqual([2, 2]);
    for (const call of pod.calls) answerOk(call);
    await world.settle();
  });

  test("0: one connection, calls wait or go to another pod, and come back when there is room again", async () => {
    const labels = ["10.0.0.1:9000", "10.0.0.2:9000"];
    const pods: Pod[] = [];
    const world = await startWorld({ backend: { target: `ipv4:${labels.join(",")}` } }, (made) => {
      for (const label of labels) pods.push(made.pod(label));
    });
    const client = await world.client();
    const say = async (pod: Pod, streams: number) => {
      const { outbound } = pod.connections[0];
      outbound.output.settings([[3, streams]]);
      outbound.wake();
      await world.settle();
    };
    await say(pods[0], 1);
    await say(pods[1], 1);
    const dialled = () => world.net.dialled.length;
    for (const label of labels) world.net.hosts.set(label, { kind: "refuse" });
    // Two are open, and two wait, one at each pod. The first pod shuts: the one that waits there goes to the other.
    const calls = Array.from({ length: 4 }, () => client.unary());
    await world.settle();
    await world.advance(2_000, 100);
    await say(pods[0], 0);
    expect(world.backend.endpoints.map(({ outstanding }) => outstanding)).toEqual([1, 3]);
    await say(pods[1], 0);
    expect(world.backend.pending).toBe(2);
    for (const [i, label] of labels.entries()) world.net.hosts.set(label, pods[i]);
    const before = dialled();
    await world.advance(10_000, 500);
    expect(dialled()).toBe(before);
    expect(world.outstanding).toBe(2);
    for (const pod of pods) pod.onCall = (call) => answerOk(call);
    for (const call of pods.flatMap((pod) => pod.calls)) answerOk(call);
    for (const pod of pods) await say(pod, 5);
    expect(calls.map((call) => call.status.code)).toEqual([0, 0, 0, 0]);
  });

  test("0 from the start: the pod is dialled once, whoever waits", async () => {
    const { world, pod, client, links } = await startLimited(0);
    pod.onCall = (call) => answerOk(call);
    const calls = Array.from({ length: 5 }, () => client.unary());
    const hasty = client.unary(null, requestFields(["grpc-timeout", "1S"]));
    await world.settle();
    await world.advance(5_000, 500);
    expect(links()).toHaveLength(1);
    expect(hasty.status.code).toBe(Status.DEADLINE_EXCEEDED);
    expect(world.backend.pending).toBe(5);
    expect(world.outstanding).toBe(0);
    Object.assign(pod.connections[0].limits, { maxConcurrentStreams: 5 });
    pod.connections[0].outbound.output.settings([[3, 5]]);
    pod.connections[0].outbound.wake();
    await world.settle();
    expect(calls.every((call) => call.status.code === 0)).toBe(true);
    expect(links()).toHaveLength(1);
  });

  test("unused endpoint: has its connection before the first call", async () => {
    const world = await startWorld({ backend: { target: "ipv4:10.0.0.1:9000,10.0.0.2:9000" } }, (made) => {
      made.pod("10.0.0.1:9000");
      made.pod("10.0.0.2:9000");
    });
    expect(world.backend.endpoints.map(({ state, connections }) => [state, connections])).toEqual([
      ["ready", 1],
      ["ready", 1],
    ]);
    expect((world.net.hosts.get("10.0.0.2:9000") as Pod).connections).toHaveLength(1);
  });
});
