import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { message, okHead } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { POD, startTriple, startWorld } from "./support/world.ts";

describe("the client's cancel", () => {
  test("before the answer: reaches the pod as RST_STREAM(CANCEL), and counts as cancelled", async () => {
    const { world, pod, client, upstream } = await startTriple();
    const call = client.unary(message(1));
    await world.settle();
    call.reset(ErrorCode.CANCEL);
    await world.settle();
    expect(pod.last.aborted).toMatchObject({ by: "reset", code: ErrorCode.CANCEL });
    expect(upstream.fromClient.resets()).toEqual([ErrorCode.CANCEL]);
    expect(world.outstanding).toBe(0);
    expect(world.backend.calls[1]).toBe(1);
  });

  test("within the answer: reaches the pod, and what was queued for the client is thrown away", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.unary(message(1));
    call.pause();
    await world.settle();
    pod.last.sendHead(okHead).send(message(400_000));
    await world.settle();
    expect(world.held).toBeGreaterThan(0);
    call.reset(ErrorCode.CANCEL);
    await world.settle();
    expect(world.held).toBe(0);
    expect(pod.last.aborted?.code).toBe(ErrorCode.CANCEL);
  });

  test("after the whole answer was received from the pod: nothing reaches the pod", async () => {
    const { world, pod, client, upstream } = await startTriple();
    const call = client.unary(message(1));
    call.pause();
    await world.settle();
    // More than the client's window, so that it is still under way downstream when the pod is done.
    answerOk(pod.last, message(300_000));
    await world.settle();
    expect(world.outstanding).toBe(0);
    expect(call.over).toBe(false);
    call.reset(ErrorCode.CANCEL);
    await world.settle();
    expect(upstream.fromClient.resets()).toEqual([]);
    expect(world.held).toBe(0);
  });

  test("any other code: is a cancel, too", async () => {
    const { world, pod, client } = await startTriple();
    for (const code of [ErrorCode.NO_ERROR, ErrorCode.INTERNAL_ERROR, ErrorCode.REFUSED_STREAM]) {
      const call = client.open().send(message(1));
      await world.settle();
      call.reset(code);
      await world.settle();
      expect(pod.last.aborted?.code).toBe(ErrorCode.CANCEL);
    }
    expect(world.backend.calls[1]).toBe(3);
  });

  test("client lost: all its calls are cancelled at their pods", async () => {
    const { world, pod, client } = await startTriple();
    for (let i = 0; i < 5; i++) client.open().send(message(1));
    await world.settle();
    client.link.break();
    await world.settle();
    expect(pod.calls.map((call) => call.aborted?.code)).toEqual(new Array(5).fill(ErrorCode.CANCEL));
    expect(world.outstanding).toBe(0);
  });

  test("client's FIN with calls open: they are cancelled at once", async () => {
    const { world, pod, client } = await startTriple();
    client.open().send(message(1));
    await world.settle();
    client.link.client.end();
    await world.settle();
    expect(pod.last.aborted?.code).toBe(ErrorCode.CANCEL);
  });

  test("client that breaks a rule: its call is cancelled at the pod", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.open([...headWithLength(3)]);
    await world.settle();
    call.send(message(10));
    await world.settle();
    expect(client.link.fromServer.resets(call.stream.id)).toEqual([ErrorCode.PROTOCOL_ERROR]);
    expect(pod.last.aborted?.code).toBe(ErrorCode.CANCEL);
    expect(world.backend.calls[1]).toBe(1);
  });

  test("while it waits for a connection: leaves the queue, and the pod never hears of it", async () => {
    const world = await startWorld({}, ({ net }) => net.hosts.set("10.0.0.1:9000", { kind: "silent" }));
    const client = await world.client();
    const call = client.unary(message(1));
    await world.settle();
    expect(world.backend.pending).toBe(1);
    call.reset(ErrorCode.CANCEL);
    await world.settle();
    expect(world.backend.pending).toBe(0);
    expect(world.held).toBe(0);
    const pod = world.pod();
    // The attempt under way times out, and the next one connects.
    await world.advance(10_000, 500);
    expect(world.endpoint.state).toBe("ready");
    expect(pod.calls).toEqual([]);
  });

  test("a hundred cancels: the connection is replaced, also when the pod refuses the next one at first", async () => {
    const { world, pod, client, upstream } = await startTriple();
    world.net.hosts.set(POD, { kind: "refuse" });
    const clients = [client, await world.client(), await world.client()];
    for (let i = 0; i < 102; i++) {
      const call = clients[i % clients.length].open();
      await world.settle();
      call.reset(ErrorCode.CANCEL);
      await world.settle();
    }
    expect(world.net.dialled).toHaveLength(2);
    expect(world.endpoint.state).toBe("ready");
    world.net.hosts.set(POD, pod);
    await world.advance(2_000, 100);
    expect(world.net.linksTo(POD).filter((link) => link.open)).toHaveLength(1);
    expect(upstream.open).toBe(false);
    pod.onCall = (call) => answerOk(call);
    const next = client.unary();
    await world.settle();
    expect(next.status.code).toBe(0);
  });

  test("invariant 9: a pod whose clients leave is picked as often as one whose clients stay", async () => {
    const world = await startWorld({ backend: { target: "ipv4:10.0.0.1:9000,10.0.0.2:9000" } }, (made) => {
      made.pod("10.0.0.1:9000");
      made.pod("10.0.0.2:9000").onCall = (call) => answerOk(call);
    });
    const client = await world.client();
    for (let i = 0; i < 200; i++) {
      const call = client.unary();
      await world.settle();
      if (!call.over) call.reset(ErrorCode.CANCEL);
      await world.advance(1);
    }
    const [left, stayed] = world.backend.endpoints.map(({ picks }) => picks);
    expect(left + stayed).toBe(200);
    expect(left).toBeGreaterThan(60);
    expect(left).toBeLessThan(140);
  });
});

function headWithLength(length: number): string[] {
  return [
    ":method",
    "POST",
    ":scheme",
    "http",
    ":path",
    "/test.Echo/Unary",
    ":authority",
    "echo.test",
    "content-type",
    "application/grpc",
    "content-length",
    String(length),
  ];
}
