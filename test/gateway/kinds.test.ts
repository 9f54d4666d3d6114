import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { message, okHead, okTrailers } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { startTriple } from "./support/world.ts";

describe("kinds of calls", () => {
  test("unary: one message each way, OK", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call, message(10));
    const call = client.unary(message(5));
    await world.settle();
    expect(pod.last.body).toEqual(message(5));
    expect(call.body).toEqual(message(10));
    expect(call.status.code).toBe(0);
    expect(world.backend.calls[0]).toBe(1);
  });

  test("client stream: messages reach the pod one by one, before the request has ended", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.open();
    for (let i = 1; i <= 3; i++) {
      call.send(message(i, i));
      await world.settle();
      expect(pod.last.size).toBe([6, 13, 21][i - 1]);
      expect(pod.last.ended).toBe(false);
    }
    call.finish();
    await world.settle();
    expect(pod.last.events).toEqual(["head", "data", "end"]);
    answerOk(pod.last, message(1));
    await world.settle();
    expect(call.status.code).toBe(0);
  });

  test("server stream: head and messages reach the client one by one", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.unary(message(1));
    await world.settle();
    pod.last.sendHead(okHead);
    await world.settle();
    expect(call.events).toEqual(["head"]);
    for (let i = 1; i <= 3; i++) {
      pod.last.send(message(i));
      await world.settle();
      expect(call.size).toBe([6, 13, 21][i - 1]);
      expect(world.outstanding).toBe(1);
    }
    pod.last.finish(okTrailers);
    await world.settle();
    expect(call.events).toEqual(["head", "data", "end"]);
    expect(world.outstanding).toBe(0);
  });

  test("bidi stream: both directions at once, the client ends first", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.open();
    await world.settle();
    pod.last.sendHead(okHead);
    for (let i = 0; i < 5; i++) {
      call.send(message(10, i));
      await world.settle();
      pod.last.send(message(20, i));
      await world.settle();
      expect([pod.last.size, call.size]).toEqual([15 * (i + 1), 25 * (i + 1)]);
    }
    call.finish();
    await world.settle();
    expect(pod.last.ended).toBe(true);
    expect(call.over).toBe(false);
    pod.last.send(message(1)).finish(okTrailers);
    await world.settle();
    expect(call.ended).toBe(true);
    expect(call.size).toBe(131);
  });

  test("many calls on one connection each way: no answer goes astray", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call, call.body);
    const calls = Array.from({ length: 100 }, (_, i) => client.unary(message(i, i)));
    await world.settle();
    calls.forEach((call, i) => {
      expect(call.body).toEqual(message(i, i));
    });
    expect(world.net.linksTo("10.0.0.1:9000")).toHaveLength(1);
    expect(world.backend.calls[0]).toBe(100);
  });
});

describe("answer before the request's end", () => {
  test("client: gets the whole answer, and no RST_STREAM on its heels", async () => {
    const { world, pod, client } = await startTriple();
    pod.onHead = (call) => answerOk(call, message(3));
    const call = client.open().send(message(1));
    await world.settle();
    expect(call.body).toEqual(message(3));
    expect(call.status.code).toBe(0);
    expect(world.outstanding).toBe(0);
    expect(client.link.fromServer.resets(call.stream.id)).toEqual([]);
    // Ours ends its request by itself.
    expect(client.link.fromClient.resets(call.stream.id)).toEqual([ErrorCode.NO_ERROR]);
  });

  test("pod: its stream is ended although the client has not ended its own", async () => {
    const { world, pod, client, upstream } = await startTriple();
    client.open().send(message(1));
    await world.settle();
    // A pod that does not reset by itself: only its direction is ended.
    const { connection } = pod.last.stream;
    connection.localEnd = () => {};
    answerOk(pod.last);
    await world.settle();
    expect(upstream.fromClient.resets(1)).toEqual([ErrorCode.NO_ERROR]);
    expect(connection.streams.size).toBe(0);
  });

  test("trailers-only: the error reaches a client that is still sending", async () => {
    const { world, pod, client } = await startTriple();
    pod.onHead = (call) => call.sendHead([...okHead, "grpc-status", "16"]).finish();
    const call = client.open().send(message(100_000));
    await world.settle();
    expect(call.status.code).toBe(16);
    expect(client.link.fromClient.resets(call.stream.id)).toEqual([ErrorCode.NO_ERROR]);
  });

  test("connections: both go on afterwards", async () => {
    const { world, pod, client } = await startTriple();
    pod.onHead = (call) => answerOk(call);
    for (let i = 0; i < 20; i++) {
      const call = client.open().send(message(60_000));
      await world.settle();
      expect(call.status.code).toBe(0);
    }
    expect(world.net.links).toHaveLength(2);
    expect(world.net.open).toBe(2);
  });
});
