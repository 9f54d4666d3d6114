import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { FrameType } from "../../src/http2/frame.ts";
import { Status } from "../../src/protocols/status.ts";
import { message, okHead, requestFields } from "./support/fields.ts";
import type { Party } from "./support/party.ts";
import { answerOk, type Pod } from "./support/pod.ts";
import { POD, startTriple, startWorld, type World, type WorldOptions } from "./support/world.ts";

const labels = ["10.0.0.1:9000", "10.0.0.2:9000", "10.0.0.3:9000", "10.0.0.4:9000", "10.0.0.5:9000", "10.0.0.6:9000"];

/** So many pods, and a client. */
async function startPods(count: number, backend: WorldOptions["backend"] = {}) {
  const pods: Pod[] = [];
  const target = `ipv4:${labels.slice(0, count).join(",")}`;
  const world = await startWorld({ backend: { ...backend, target } }, (made) => {
    for (const label of labels.slice(0, count)) pods.push(made.pod(label));
  });
  return { world, pods, client: await world.client() };
}

const refuse = (call: Party) => call.reset(ErrorCode.REFUSED_STREAM);

/** The pod that has had a call, and the other one. */
function served(pods: readonly Pod[]): readonly [Pod, Pod] {
  return pods[0].calls.length > 0 ? [pods[0], pods[1]] : [pods[1], pods[0]];
}

describe("retry", () => {
  test("REFUSED_STREAM: goes to another pod, head, body and trailers replayed exactly", async () => {
    const { world, pods, client } = await startPods(2);
    const fields = requestFields(["x-b", "1", "x-a", "2", "x-b", "3"]);
    const call = client.open(fields).send(message(3, 1)).send(message(20_000, 2));
    await world.settle();
    const [first, second] = served(pods);
    call.send(message(5, 3)).finish(["x-sum", "9"]);
    await world.settle();
    second.onCall = (again) => answerOk(again, message(1));
    refuse(first.last);
    await world.settle();
    expect(second.calls).toHaveLength(1);
    expect(second.last.fields).toEqual(first.last.fields);
    expect(second.last.body).toEqual(first.last.body);
    expect(second.last.trailers?.fields).toEqual(["x-sum", "9"]);
    expect(call.body).toEqual(message(1));
    expect(call.status.code).toBe(0);
    expect(world.backend.retries).toBe(1);
    expect(world.backend.calls.reduce((sum, count) => sum + count)).toBe(1);
  });

  test("half-sent request: the second pod gets what was sent, and then the rest from the client", async () => {
    const { world, pods, client } = await startPods(2);
    const call = client.open().send(message(10, 1));
    await world.settle();
    const [first, second] = served(pods);
    refuse(first.last);
    await world.settle();
    expect(second.last.body).toEqual(message(10, 1));
    expect(second.last.ended).toBe(false);
    call.send(message(10, 2)).finish();
    await world.settle();
    expect(second.last.body).toEqual(new Uint8Array([...message(10, 1), ...message(10, 2)]));
    expect(second.last.ended).toBe(true);
    answerOk(second.last);
    await world.settle();
    expect(call.status.code).toBe(0);
  });

  test("GOAWAY: calls above its last-stream-id go to another pod, those at or below it finish", async () => {
    const { world, pods, client } = await startPods(2);
    const calls = Array.from({ length: 6 }, (_, i) => client.unary(message(i, i)));
    await world.settle();
    const [left] = pods;
    const stay = left.calls[0];
    const before = left.calls.length;
    expect(before).toBe(3);
    for (const pod of pods) pod.onCall = (call) => answerOk(call, call.body);
    left.goaway(stay.stream.id);
    await world.settle();
    // The pod forgets those that it has refused.
    answerOk(stay, stay.body);
    for (const call of pods[1].calls) if (!call.stream.closed) answerOk(call, call.body);
    await world.settle();
    expect(calls.map((call) => call.status.code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(calls.map((call) => call.size)).toEqual([5, 6, 7, 8, 9, 10]);
    expect(world.backend.retries).toBe(before - 1);
  });

  test("graceful GOAWAY: the double one costs nothing, and the next call has a new connection", async () => {
    const { world, pod, client } = await startTriple();
    await world.advance(1_500);
    const call = client.unary(message(1));
    await world.settle();
    pod.connections[0].drain();
    await world.settle();
    pod.onCall = (served) => answerOk(served);
    const next = client.unary(message(2));
    await world.settle();
    expect(next.status.code).toBe(0);
    expect(world.net.linksTo(POD)).toHaveLength(2);
    answerOk(pod.calls[0]);
    await world.settle();
    expect(call.status.code).toBe(0);
    expect(world.net.linksTo(POD).filter((link) => link.open)).toHaveLength(1);
  });

  test("GOAWAY on two connections younger than a second: the third waits, and calls hear why", async () => {
    const { world, pod, client } = await startTriple();
    pod.connections[0].drain();
    await world.settle();
    // The second is made at once.
    expect(pod.connections).toHaveLength(2);
    pod.connections[1].drain();
    await world.settle();
    pod.onCall = (served) => answerOk(served);
    const call = client.unary(message(2));
    await world.settle();
    expect(call.status.code).toBe(Status.UNAVAILABLE);
    expect(call.status.message).toMatch(/none of 1 can be connected, last error: GOAWAY NO_ERROR$/);
    await world.advance(2_000);
    const next = client.unary(message(2));
    await world.settle();
    expect(next.status.code).toBe(0);
  });

  test("connection refused while the call waits: another pod takes it", async () => {
    const { world, pods, client } = await startPods(2);
    // The first pod goes away between the pick and the new connection.
    const [left, right] = pods;
    world.net.hosts.delete(labels[0]);
    right.onCall = (call) => answerOk(call);
    for (const link of world.net.linksTo(labels[0])) link.break();
    const calls = Array.from({ length: 10 }, () => client.unary(message(1)));
    await world.settle();
    expect(calls.map((call) => call.status.code)).toEqual(new Array(10).fill(0));
    expect(left.calls).toEqual([]);
  });

  test("other resets: never retried", async () => {
    const { world, pods, client } = await startPods(2);
    for (const code of [ErrorCode.CANCEL, ErrorCode.INTERNAL_ERROR, ErrorCode.NO_ERROR, ErrorCode.ENHANCE_YOUR_CALM]) {
      const call = client.unary(message(1));
      await world.settle();
      const [pod] = pods.filter(({ calls }) => calls.length > 0 && !calls[calls.length - 1].over);
      const before = pods[0].calls.length + pods[1].calls.length;
      for (const { calls } of pods) for (const one of calls) if (!one.stream.closed) one.reset(code);
      await world.settle();
      expect(call.status.code).toBeGreaterThan(0);
      expect(pods[0].calls.length + pods[1].calls.length, String(pod?.kind)).toBe(before);
    }
    expect(world.backend.retries).toBe(0);
  });

  test("after the answer's head: never, the client hears the reset", async () => {
    const { world, pods, client } = await startPods(2);
    for (const pod of pods) pod.onCall = (call) => refuse(call.sendHead(okHead));
    const call = client.unary(message(1));
    await world.settle();
    // Head and reset in one turn, so the pod's engine may have sent both.
    expect(call.aborted?.code).toBe(ErrorCode.REFUSED_STREAM);
    expect(world.backend.retries).toBe(0);
  });

  test("at most five attempts: then unavailable, with the pod's reason", async () => {
    const { world, pods, client } = await startPods(6);
    for (const pod of pods) pod.onHead = refuse;
    const call = client.unary(message(1));
    await world.settle();
    expect(pods.reduce((sum, pod) => sum + pod.calls.length, 0)).toBe(5);
    expect(call.status.code).toBe(Status.UNAVAILABLE);
    expect(call.status.message).toMatch(
      /^upstream head, backend echo, endpoint 10\.0\.0\.\d:9000: stream reset with REFUSED_STREAM, tried 5 times$/,
    );
    expect(world.backend.retries).toBe(4);
  });

  test("never the pod that has just refused, while there is another", async () => {
    const { world, pods, client } = await startPods(3);
    for (const pod of pods) pod.onHead = refuse;
    for (let i = 0; i < 20; i++) {
      const order: Pod[] = [];
      for (const pod of pods) {
        pod.onHead = (call) => {
          order.push(pod);
          refuse(call);
        };
      }
      client.unary(message(1));
      await world.settle();
      expect(order).toHaveLength(5);
      order.forEach((pod, at) => {
        if (at > 0) expect(pod).not.toBe(order[at - 1]);
      });
    }
  });

  test("five pods that refuse: each is asked once", async () => {
    const { world, pods, client } = await startPods(5);
    for (const pod of pods) pod.onHead = refuse;
    for (let round = 1; round <= 20; round++) {
      const call = client.unary(message(4));
      await world.settle();
      expect(call.status.code).toBe(Status.UNAVAILABLE);
      expect(pods.map(({ calls }) => calls.length)).toEqual([round, round, round, round, round]);
    }
  });

  test("only one pod: it is asked again", async () => {
    const { world, pod, client } = await startTriple();
    let asked = 0;
    pod.onCall = (call) => (++asked < 3 ? refuse(call) : answerOk(call));
    const call = client.unary(message(1));
    await world.settle();
    expect(asked).toBe(3);
    expect(call.status.code).toBe(0);
  });

  test("client's cancel between two attempts: ends the call", async () => {
    const { world, pod, client } = await startTriple();
    await world.advance(1_500);
    const call = client.unary(message(1));
    await world.settle();
    pod.delay = 1_000;
    pod.goaway(0);
    await world.settle();
    expect(world.backend.pending).toBe(1);
    call.reset(ErrorCode.CANCEL);
    await world.settle();
    expect(world.backend.pending).toBe(0);
    await world.advance(5_000);
    expect(pod.calls).toHaveLength(1);
  });
});

describe("retry buffer", () => {
  /** A client stream of so many bytes in messages of 1000. */
  async function sendMany(world: World, call: Party, bytes: number) {
    for (let sent = 0; sent < bytes; sent += 1_000) call.send(message(995));
    await world.settle();
  }

  test("up to its size: the request can be repeated", async () => {
    const { world, pods, client } = await startPods(2, { retryBuffer: 10_000 });
    const call = client.open();
    await sendMany(world, call, 10_000);
    const [first, second] = served(pods);
    refuse(first.last);
    await world.settle();
    expect(second.last.size).toBe(10_000);
    call.finish();
    await world.settle();
    answerOk(second.last);
    await world.settle();
    expect(call.status.code).toBe(0);
  });

  test("above its size: not repeated, and the message says why", async () => {
    const { world, pods, client } = await startPods(2, { retryBuffer: 10_000 });
    const call = client.open();
    await sendMany(world, call, 11_000);
    const [first, second] = served(pods);
    expect(world.held).toBe(0);
    refuse(first.last);
    await world.settle();
    expect(second.calls).toEqual([]);
    expect(call.status.code).toBe(Status.UNAVAILABLE);
    expect(call.status.message).toMatch(
      /: stream reset with REFUSED_STREAM, not repeated: the request is larger than retryBuffer$/,
    );
  });

  test("held while the call is open, and counted against the budget; free when the answer begins", async () => {
    const { world, pod, client } = await startTriple();
    const calls = Array.from({ length: 10 }, () => client.unary(message(995)));
    await world.settle();
    expect(world.held).toBe(10_000);
    pod.calls[0].sendHead(okHead);
    await world.settle();
    expect(world.held).toBe(9_000);
    pod.calls[0].finish(["grpc-status", "0"]);
    for (const call of pod.calls.slice(1)) answerOk(call);
    await world.settle();
    expect(calls.every((call) => call.status.code === 0)).toBe(true);
  });

  test("window credit: the second attempt gives the client none that it has had", async () => {
    // A retry buffer larger than the window, and messages that have left for the first pod.
    const { world, pods, client } = await startPods(2, { retryBuffer: 1_000_000 });
    const call = client.open();
    await sendMany(world, call, 400_000);
    const [first, second] = served(pods);
    expect(first.last.size).toBe(400_000);
    const credit = () =>
      client.link.fromServer
        .of(FrameType.WINDOW_UPDATE, call.stream.id)
        .reduce((sum, { payload }) => sum + new DataView(payload.buffer, payload.byteOffset).getUint32(0), 0);
    const before = credit();
    expect(before).toBeGreaterThanOrEqual(262_144);
    refuse(first.last);
    await world.settle();
    expect(second.last.size).toBe(400_000);
    expect(credit()).toBe(before);
    await sendMany(world, call, 400_000);
    expect(second.last.size).toBe(800_000);
    expect(credit()).toBeLessThanOrEqual(800_000);
    expect(credit()).toBeGreaterThan(before);
    call.finish();
    await world.settle();
    answerOk(second.last);
    await world.settle();
    expect(call.status.code).toBe(0);
  });

  test("before a pod has it: the client's window is the bound, not the buffer", async () => {
    const world = await startWorld({ backend: { retryBuffer: 1_000 } }, (made) => {
      made.pod().delay = 2_000;
    });
    const client = await world.client();
    const call = client.open();
    await sendMany(world, call, 500_000);
    expect(call.left).toBe(262_144);
    expect(world.held).toBe(262_144);
    await world.advance(2_000);
    call.finish();
    await world.settle();
    const pod = world.net.hosts.get(POD) as Pod;
    expect(pod.last.size).toBe(500_000);
    answerOk(pod.last);
    await world.settle();
    expect(call.status.code).toBe(0);
  });

  test("many tiny pieces: memory is of the order of the bytes", async () => {
    const { world, pods, client } = await startPods(2, { retryBuffer: 65_536 });
    const call = client.open();
    for (let i = 0; i < 20_000; i++) {
      call.send(new Uint8Array([i & 0xff]));
      if (i % 100 === 0) await world.settle();
    }
    call.finish();
    await world.settle();
    const [first, second] = served(pods);
    second.onCall = (again) => answerOk(again);
    refuse(first.last);
    await world.settle();
    expect(Buffer.compare(first.last.body, second.last.body)).toBe(0);
    expect(second.last.size).toBe(20_000);
    // Joined on the way: what is replayed needs no frame per byte.
    const [link] = world.net.linksTo(labels[pods.indexOf(second)]);
    expect(link.fromClient.of(FrameType.DATA).length).toBeLessThan(20);
  });
});
