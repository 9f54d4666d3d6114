import { describe, expect, test } from "vitest";
import { message, okHead, okTrailers } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { POD, startTriple } from "./support/world.ts";

/** Whether a promise has settled, and with what. */
function watch<T>(promise: Promise<T>): { value: T | "open" } {
  const state: { value: T | "open" } = { value: "open" };
  void promise.then((value) => {
    state.value = value;
  });
  return state;
}

describe("drain", () => {
  test("order: readiness fails, then after drainDelay the first GOAWAY and no new connections", async () => {
    const { world, client } = await startTriple({ settings: { drainDelay: 5_000 } });
    expect(world.gateway.view.state()).toBe("ready");
    const drained = watch(world.gateway.drain());
    expect(world.gateway.view.state()).toBe("draining");
    await world.settle();
    expect(client.link.fromServer.goaways()).toEqual([]);
    expect(world.accepting).toBe(true);
    // Load balancers that have not noticed yet may still send.
    const late = await world.client();
    expect(late.events).toContain("ready");
    await world.advance(5_000);
    expect(world.accepting).toBe(false);
    await world.advance(5_000, 500);
    expect(drained.value).toBe(true);
    expect(world.gateway.view.state()).toBe("stopped");
    expect(client.link.fromServer.goaways().length).toBeGreaterThanOrEqual(1);
  });

  test("double GOAWAY: 2^31-1, then the last stream that was taken; calls in between are served", async () => {
    const { world, pod, client } = await startTriple();
    const open = client.open().send(message(1));
    await world.settle();
    const drained = watch(world.gateway.drain());
    // The first GOAWAY and a call cross on the wire.
    const crossing = client.open().send(message(2)).finish();
    await world.settle();
    expect(client.link.fromServer.goaways()).toEqual([
      { last: 0x7fffffff, code: 0 },
      { last: crossing.stream.id, code: 0 },
    ]);
    expect(drained.value).toBe("open");
    expect(pod.calls).toHaveLength(2);
    answerOk(pod.calls[1], message(2));
    await world.settle();
    expect(crossing.status.code).toBe(0);
    expect(drained.value).toBe("open");
    open.send(message(1)).finish();
    await world.settle();
    answerOk(pod.calls[0], message(3));
    await world.settle();
    expect(open.status.code).toBe(0);
    await world.advance(3_000, 500);
    expect(drained.value).toBe(true);
    expect(world.net.open).toBe(0);
  });

  test("drainTimeout: what is left is ended, and the answer is false", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.open().send(message(1));
    await world.settle();
    pod.last.sendHead(okHead);
    const drained = watch(world.gateway.drain());
    await world.settle();
    await world.advance(9_900, 100);
    expect(drained.value).toBe("open");
    await world.advance(200, 100);
    expect(drained.value).toBe(false);
    expect(call.aborted).not.toBeNull();
    expect(pod.last.aborted).not.toBeNull();
    expect(world.net.open).toBe(0);
    expect(world.outstanding).toBe(0);
  });

  test("clients that only stay connected: are no reason for false", async () => {
    const { world, client } = await startTriple({ settings: { drainTimeout: 1_500 } });
    // Reads nothing any more, so it never sees the GOAWAY and never closes.
    client.link.client.paused = true;
    const drained = watch(world.gateway.drain());
    await world.settle();
    await world.advance(1_600, 100);
    expect(drained.value).toBe(true);
  });

  test("twice: both wait for the same end", async () => {
    const { world, pod, client } = await startTriple();
    client.unary();
    await world.settle();
    const first = watch(world.gateway.drain());
    const second = watch(world.gateway.drain());
    await world.settle();
    expect([first.value, second.value]).toEqual(["open", "open"]);
    answerOk(pod.last);
    await world.settle();
    await world.advance(3_000, 500);
    expect([first.value, second.value]).toEqual([true, true]);
  });

  test("streams that take their time: finish within drainTimeout", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.unary();
    await world.settle();
    pod.last.sendHead(okHead);
    const drained = watch(world.gateway.drain());
    for (let i = 0; i < 5; i++) {
      pod.last.send(message(1));
      await world.advance(1_000, 500);
    }
    pod.last.finish(okTrailers);
    await world.settle();
    expect(call.size).toBe(30);
    expect(call.status.code).toBe(0);
    await world.advance(3_000, 500);
    expect(drained.value).toBe(true);
  });
});

describe("close", () => {
  test("with calls, queues, waiting calls and deadlines: leaves nothing", async () => {
    const { world, pod, client } = await startTriple({ backend: { maxTimeout: 60_000 } });
    const reading = client.unary(message(1));
    reading.pause();
    await world.settle();
    pod.last.sendHead(okHead).send(message(400_000));
    client.open().send(message(100_000));
    for (let i = 0; i < 20; i++) client.unary(message(10));
    await world.settle();
    expect(world.held).toBeGreaterThan(0);
    expect(world.deadlines).toBe(22);
    expect(world.outstanding).toBe(22);
    const closed = world.gateway.close();
    await world.settle();
    await closed;
    expect([world.held, world.deadlines, world.outstanding, world.net.open]).toEqual([0, 0, 0, 0]);
    expect(world.gateway.view.state()).toBe("stopped");
  });

  test("while an endpoint connects and calls wait: they end, nothing dials again", async () => {
    const { world, client, upstream } = await startTriple();
    await world.advance(2_000);
    world.net.hosts.set(POD, { kind: "silent" });
    upstream.break();
    await world.settle();
    const call = client.unary(message(1));
    await world.settle();
    expect(world.backend.pending).toBe(1);
    const closed = world.gateway.close();
    await world.settle();
    await closed;
    expect(call.over).toBe(true);
    const { length } = world.net.dialled;
    await world.advance(200_000, 1_000);
    expect(world.net.dialled).toHaveLength(length);
    expect(world.clock.pending).toBe(0);
  });

  test("resolves only when no connection to a pod is open", async () => {
    const { world, upstream } = await startTriple();
    let open: number | null = null;
    const closed = world.gateway.close().then(() => {
      open = Number(!upstream.client.isClosed);
    });
    await world.settle();
    await closed;
    expect(open).toBe(0);
  });

  test("twice: is once", async () => {
    const { world } = await startTriple();
    const both = Promise.all([world.gateway.close(), world.gateway.close()]);
    await world.settle();
    await both;
  });
});
