import { describe, expect, test } from "vitest";
import { Status } from "../../src/protocols/status.ts";
import { message, okHead, okTrailers } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { limits } from "./support/settings.ts";
import { POD, startTriple } from "./support/world.ts";

const MIB = 1_048_576;
const STREAM_WINDOW = 262_144;

describe("back-pressure", () => {
  test("reader that stops: the gateway holds a window of its call at most, and the pod a stream's worth less", async () => {
    const { world, pod, client, upstream } = await startTriple();
    upstream.fromServer.keep = client.link.fromServer.keep = false;
    const call = client.unary(message(1));
    call.pause();
    call.keep = false;
    await world.settle();
    pod.last.sendHead(okHead).send(new Uint8Array(64 * MIB));
    await world.settle();
    expect(world.held).toBe(STREAM_WINDOW);
    expect(call.size).toBe(STREAM_WINDOW);
    // What has left the pod: two windows, and frame headers.
    expect(pod.last.left).toBe(2 * STREAM_WINDOW);
    expect(upstream.fromServer.bytes).toBeLessThan(2 * STREAM_WINDOW + 10_000);
    for (let i = 0; i < 10; i++) {
      call.read(MIB);
      await world.settle();
      expect(world.held).toBeLessThanOrEqual(STREAM_WINDOW);
    }
    call.resume();
    await world.settle();
    pod.last.finish(okTrailers);
    await world.settle();
    expect(call.size).toBe(64 * MIB);
    expect(call.status.code).toBe(0);
  });

  test("pod that stops reading: the gateway holds a window of its call at most, and the client is held back", async () => {
    const { world, pod, client, upstream } = await startTriple();
    upstream.fromClient.keep = client.link.fromClient.keep = false;
    pod.onHead = (call) => {
      call.pause();
      call.keep = false;
    };
    const call = client.open().send(new Uint8Array(64 * MIB));
    await world.settle();
    expect(world.held).toBe(STREAM_WINDOW);
    expect(call.left).toBe(2 * STREAM_WINDOW);
    pod.last.resume();
    call.finish();
    await world.settle();
    expect(pod.last.size).toBe(64 * MIB);
    answerOk(pod.last);
    await world.settle();
    expect(call.status.code).toBe(0);
  });

  test("a stalled answer: does not hold up other calls on the same two connections", async () => {
    const { world, pod, client, upstream } = await startTriple();
    upstream.fromServer.keep = client.link.fromServer.keep = false;
    const stalled = Array.from({ length: 8 }, () => client.unary(message(1)));
    for (const call of stalled) call.pause();
    await world.settle();
    for (const call of pod.calls) call.sendHead(okHead).send(new Uint8Array(4 * MIB));
    await world.settle();
    // Eight full windows are twice the connection's window: credit there was given on receipt.
    expect(world.held).toBe(8 * STREAM_WINDOW);
    pod.onCall = (call) => answerOk(call, message(5 * MIB));
    const lively = client.unary(message(1));
    await world.settle();
    expect(lively.size).toBe(5 * MIB + 5);
    expect(lively.status.code).toBe(0);
    for (const call of stalled) call.reset(8);
    await world.settle();
  });

  test("a stalled request: does not hold up other calls on the same two connections", async () => {
    const { world, pod, client, upstream } = await startTriple();
    upstream.fromClient.keep = client.link.fromClient.keep = false;
    pod.onHead = (call) => call.pause();
    const stalled = Array.from({ length: 8 }, () => client.open().send(new Uint8Array(4 * MIB)));
    await world.settle();
    expect(world.held).toBe(8 * STREAM_WINDOW);
    pod.onHead = () => {};
    pod.onCall = (call) => answerOk(call);
    const lively = client.unary(message(5 * MIB));
    await world.settle();
    expect(pod.last.size).toBe(5 * MIB + 5);
    expect(lively.status.code).toBe(0);
    for (const call of stalled) call.reset(8);
    await world.settle();
  });

  test("socket that takes nothing: bytes wait in the windows, not in the socket's queue", async () => {
    const { world, pod, client } = await startTriple();
    client.link.server.autoDrain = false;
    client.link.client.paused = true;
    client.link.fromServer.keep = false;
    const call = client.unary(message(1));
    await world.settle();
    pod.last.sendHead(okHead).send(new Uint8Array(8 * MIB));
    await world.settle();
    expect(world.held + client.link.server.untaken).toBeLessThanOrEqual(2 * STREAM_WINDOW);
    client.link.client.resume();
    await world.settle();
    pod.last.finish(okTrailers);
    await world.settle();
    expect(call.size).toBe(8 * MIB);
  });
});

describe("process budget", () => {
  const small = { settings: { limits: { ...limits, maxBufferedBytes: MIB } } };

  test("many stalled readers: bytes held stay within the budget and a connection window per connection", async () => {
    const { world, pod, client } = await startTriple(small);
    const stalled = Array.from({ length: 50 }, () => client.unary(message(1)));
    for (const call of stalled) call.pause();
    await world.settle();
    for (const call of pod.calls) call.sendHead(okHead).send(new Uint8Array(MIB));
    await world.settle();
    // Without the budget: 50 windows of 256 KiB.
    expect(world.held).toBeGreaterThan(MIB);
    expect(world.held).toBeLessThanOrEqual(2 * MIB);
    for (const call of stalled) call.reset(8);
    await world.settle();
    expect(world.held).toBe(0);
  });

  // What the stalled calls hold fills the window of the pod's connection. While the budget is exhausted, the sweep ends such calls
  // within two seconds instead of the stall timeout's sixty, and nobody else has to wait for longer.
  test("exhausted by stalled readers: a call whose reader reads goes on within the pressed stall timer", async () => {
    const { world, pod, client } = await startTriple(small);
    const hostile = await world.client();
    const stalled = Array.from({ length: 50 }, () => hostile.unary(message(1)));
    for (const call of stalled) call.pause();
    await world.settle();
    for (const call of pod.calls) call.sendHead(okHead).send(new Uint8Array(MIB));
    await world.settle();
    expect(world.held).toBeGreaterThan(MIB);
    pod.onCall = (call) => answerOk(call, message(4 * MIB));
    const lively = client.unary(message(1));
    await world.advance(5_000, 500);
    expect(lively.size).toBe(4 * MIB + 5);
    expect(lively.status.code).toBe(0);
    for (const call of stalled) call.reset(8);
    await world.settle();
  });

  test("exhausted, and then free again: everybody goes on", async () => {
    const { world, pod, client } = await startTriple(small);
    const calls = Array.from({ length: 50 }, () => client.unary(message(1)));
    for (const call of calls) {
      call.pause();
      call.keep = false;
    }
    await world.settle();
    for (const call of pod.calls) call.sendHead(okHead).send(new Uint8Array(MIB)).finish(okTrailers);
    await world.settle();
    for (const call of calls) {
      call.resume();
      await world.settle();
    }
    expect(calls.map((call) => call.size)).toEqual(new Array(50).fill(MIB));
    expect(calls.every((call) => call.status.code === 0)).toBe(true);
  });

  test("exhausted by requests that a stalled pod does not take: answers of others go on", async () => {
    const { world, pod, client } = await startTriple(small);
    pod.onHead = (call) => call.pause();
    const stalled = Array.from({ length: 20 }, () => client.open().send(new Uint8Array(MIB)));
    await world.settle();
    expect(world.held).toBeLessThanOrEqual(2 * MIB);
    pod.onHead = () => {};
    pod.onCall = (call) => answerOk(call, message(4 * MIB));
    const other = await world.client();
    const lively = other.unary(message(1));
    await world.settle();
    const { size } = lively;
    for (const call of stalled) call.reset(8);
    await world.settle();
    expect(lively.status.code).toBe(0);
    expect(size).toBe(4 * MIB + 5);
  });

  test("exhausted by requests that wait for a stream: those that hold more are refused, and the others go on waiting", async () => {
    const { world, pod, client } = await startTriple(small, { maxConcurrentStreams: 1 });
    world.net.hosts.set(POD, { kind: "silent" });
    const first = client.unary(message(1));
    await world.settle();
    const early = client.unary(message(1));
    const hostile = await world.client();
    const many = Array.from({ length: 50 }, () => hostile.open().send(new Uint8Array(MIB)));
    await world.settle();
    // Without a bound: 50 windows of 256 KiB.
    expect(world.held).toBeLessThanOrEqual(MIB / 2);
    const refused = many.filter((call) => call.over);
    expect(refused.length).toBeGreaterThan(45);
    for (const call of refused) expect(call.status).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    expect(refused[0].status.message).toContain("maxBufferedBytes");
    for (const call of many) if (!call.over) call.reset(8);
    pod.onCall = (call) => answerOk(call);
    answerOk(pod.last);
    await world.settle();
    expect([first, early].map((call) => call.status.code)).toEqual([0, 0]);
    expect(world.held).toBe(0);
  });
});
