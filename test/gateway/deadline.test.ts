import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { Status } from "../../src/protocols/status.ts";
import { firstValue, message, okHead, okTrailers, requestFields } from "./support/fields.ts";
import { answerOk, type Pod } from "./support/pod.ts";
import { POD, startTriple, startWorld } from "./support/world.ts";

const withTimeout = (value: string) => requestFields(["grpc-timeout", value]);

describe("deadline", () => {
  test("before the head: deadline_exceeded for the client, RST_STREAM(CANCEL) for the pod", async () => {
    const { world, pod, client, upstream } = await startTriple();
    const call = client.unary(message(1), withTimeout("250m"));
    await world.settle();
    await world.advance(249);
    expect(call.over).toBe(false);
    await world.advance(6);
    expect(call.status).toEqual({
      code: Status.DEADLINE_EXCEEDED,
      message: expect.stringMatching(
        new RegExp(`^deadline exceeded after 25\\d ms, backend echo, endpoint ${POD.replaceAll(".", "\\.")}$`),
      ),
    });
    expect(upstream.fromClient.resets()).toEqual([ErrorCode.CANCEL]);
    expect(pod.last.aborted?.code).toBe(ErrorCode.CANCEL);
    expect(world.backend.calls[4]).toBe(1);
  });

  test("never early: no call ends before its deadline, none later than a tick and the timer's rounding", async () => {
    const { world, client } = await startTriple();
    await world.advance(3.7);
    const calls = Array.from({ length: 60 }, (_, i) => client.unary(null, withTimeout(`${i + 1}m`)));
    await world.settle();
    for (let ms = 0.25; ms <= 70; ms += 0.25) {
      await world.advance(0.25);
      calls.forEach((call, i) => {
        if (ms < i + 1) expect(call.over, `${i + 1} ms after ${ms} ms`).toBe(false);
        if (ms > i + 1 + 6.25) expect(call.over, `${i + 1} ms after ${ms} ms`).toBe(true);
      });
    }
  });

  test("within the answer: trailers with deadline_exceeded behind what had come", async () => {
    const { world, pod, client } = await startTriple();
    pod.onHead = (call) => call.sendHead(okHead).send(message(2));
    const call = client.unary(message(1), withTimeout("1S"));
    await world.settle();
    await world.advance(1_010);
    expect(call.body).toEqual(message(2));
    expect(call.trailers?.fields.slice(0, 2)).toEqual(["grpc-status", "4"]);
    expect(pod.last.aborted?.code).toBe(ErrorCode.CANCEL);
  });

  test("answered in time: the wheel is empty and nothing happens later", async () => {
    const { world, pod, client, upstream } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    const call = client.unary(null, withTimeout("1S"));
    await world.settle();
    expect(world.deadlines).toBe(0);
    await world.advance(2_000);
    expect(call.events).toEqual(["head", "end"]);
    expect(upstream.fromClient.resets()).toEqual([]);
  });

  test("passed on: unchanged when no time was spent, with its unit", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    // A clock whose sums do not come out even: performance.now() has fractions.
    await world.advance(12_345.678901);
    for (const value of ["100m", "99999999n", "100000u", "1S", "2M", "3H", "99999999H"]) {
      client.unary(null, withTimeout(value));
      await world.settle();
      expect(firstValue(pod.last.fields, "grpc-timeout")).toBe(value);
    }
  });

  test("passed on: minus the time that the call waited here, to the millisecond", async () => {
    const world = await startWorld({}, (made) => {
      const slow = made.pod();
      slow.delay = 3_000;
      slow.onCall = (call) => answerOk(call);
    });
    const client = await world.client();
    await world.advance(0.1);
    const calls = ["20S", "20000m", "20000000u", "1H", "2M"].map((value) => client.unary(null, withTimeout(value)));
    await world.settle();
    await world.advance(3_000);
    const spent = 2_999.9;
    const pod = world.net.hosts.get(POD) as Pod;
    const passed = pod.calls.map((call) => firstValue(call.fields, "grpc-timeout"));
    const left = [20_000, 20_000, 20_000, 3_600_000, 120_000].map((ms) => `${Math.floor(ms - spent)}m`);
    expect(passed).toEqual(left);
    for (const call of calls) expect(call.status.code).toBe(0);
    // Everything else stands where it stood.
    expect(pod.last.fields.filter((_, i) => i % 2 === 0)).toEqual(
      requestFields(["grpc-timeout", ""]).filter((_, i) => i % 2 === 0),
    );
  });

  test("passed on: a repeated field is cut in every place", async () => {
    const { world, pod, client } = await startTriple({ backend: { maxTimeout: 1_000 } });
    pod.onCall = (call) => answerOk(call);
    client.unary(null, requestFields(["grpc-timeout", "5S", "x-between", "1", "grpc-timeout", "6S"]));
    await world.settle();
    expect(pod.last.fields.slice(-6)).toEqual(["grpc-timeout", "1000m", "x-between", "1", "grpc-timeout", "1000m"]);
  });

  test("maxTimeout: cuts a longer deadline and imposes one where there is none", async () => {
    const { world, pod, client } = await startTriple({ backend: { maxTimeout: 500 } });
    await world.advance(777.123456);
    const calls = [withTimeout("10S"), requestFields(), withTimeout("400m")].map((fields) =>
      client.unary(null, fields),
    );
    await world.settle();
    expect(pod.calls.map((call) => firstValue(call.fields, "grpc-timeout"))).toEqual(["500m", "500m", "400m"]);
    await world.advance(406);
    expect(calls.map((call) => call.over)).toEqual([false, false, true]);
    await world.advance(100);
    expect(calls.map((call) => call.status.code)).toEqual([4, 4, 4]);
  });

  test("malformed: invalid_argument, and no pod hears of the call", async () => {
    const { world, pod, client } = await startTriple();
    for (const value of ["", "1", "S", "1s", "123456789m", "-1S", "+1S", "1.5S", "1 S", "0x1S", "1SS", "\u0661S"]) {
      const call = client.unary(null, withTimeout(value));
      await world.settle();
      expect(call.status.code, `"${value}"`).toBe(Status.INVALID_ARGUMENT);
      expect(call.status.message).toContain("timeout");
    }
    expect(pod.calls).toEqual([]);
    expect(world.backend.calls[3]).toBe(12);
  });

  test("zero: deadline_exceeded at once, and no pod hears of the call", async () => {
    const { world, pod, client } = await startTriple();
    for (const value of ["0S", "0m", "0n", "00000000H"]) {
      const call = client.unary(null, withTimeout(value));
      await world.settle();
      expect(call.status.code).toBe(Status.DEADLINE_EXCEEDED);
    }
    expect(pod.calls).toEqual([]);
    expect(world.endpoint.picks).toBe(0);
  });

  test("while no endpoint is ready: deadline_exceeded that says so", async () => {
    const world = await startWorld({}, ({ net }) => net.hosts.set(POD, { kind: "silent" }));
    const client = await world.client();
    const call = client.unary(message(9), withTimeout("1S"));
    await world.settle();
    await world.advance(1_010);
    expect(call.status.code).toBe(Status.DEADLINE_EXCEEDED);
    expect(call.status.message).toMatch(/while no endpoint was ready$/);
    expect(world.backend.pending).toBe(0);
  });

  test("the pod's CANCEL at its own deadline: is deadline_exceeded, not cancelled", async () => {
    const { world, pod, client } = await startTriple();
    const late = client.unary(null, withTimeout("10m"));
    await world.settle();
    // The pod's timer may be ahead of ours by what rounding took.
    world.clock.advance(9.5);
    pod.last.reset(ErrorCode.CANCEL);
    await world.settle();
    expect(late.status.code).toBe(Status.DEADLINE_EXCEEDED);
    const early = client.unary(null, withTimeout("10m"));
    await world.settle();
    await world.advance(5);
    pod.last.reset(ErrorCode.CANCEL);
    await world.settle();
    expect(early.status.code).toBe(Status.CANCELLED);
  });

  test("slow reader: a call that its pod has answered is over, whatever its deadline", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.unary(null, withTimeout("100m"));
    call.pause();
    await world.settle();
    answerOk(pod.last, message(300_000));
    await world.settle();
    await world.advance(200);
    call.resume();
    await world.settle();
    expect(call.status.code).toBe(0);
    expect(call.size).toBe(300_005);
  });
});

describe("idle timeout", () => {
  const idle = { backend: { idleTimeout: 1_000 } };

  test("zero progress: unavailable with the reason, RST_STREAM(CANCEL) for the pod", async () => {
    const { world, pod, client } = await startTriple(idle);
    const call = client.unary(message(1));
    await world.advance(3_000, 250);
    expect(call.status.code).toBe(Status.UNAVAILABLE);
    expect(call.status.message).toBe(
      `no byte of the call moved for 1000 ms (idle timeout), backend echo, endpoint ${POD}`,
    );
    expect(pod.last.aborted?.code).toBe(ErrorCode.CANCEL);
  });

  test("a trickle from the pod, or from the client, keeps the call", async () => {
    const { world, pod, client } = await startTriple(idle);
    const down = client.unary(message(1));
    const up = client.open();
    await world.settle();
    const [podDown, podUp] = pod.calls;
    podDown.sendHead(okHead);
    for (let i = 0; i < 20; i++) {
      await world.advance(500);
      podDown.send(message(0));
      up.send(message(0));
      await world.settle();
    }
    expect([down.over, up.over]).toEqual([false, false]);
    podDown.finish(okTrailers);
    answerOk(podUp);
    await world.settle();
  });

  test("a slow reader that still reads keeps the call: bytes move, though none comes from the pod", async () => {
    const { world, pod, client } = await startTriple(idle);
    const call = client.unary(message(1));
    call.pause();
    await world.settle();
    // Both windows are full: ours towards the pod is opened again in halves only.
    pod.last.sendHead(okHead).send(message(700_000));
    await world.settle();
    // A sip at a time, less than the half window after which the pod may send more.
    for (let i = 0; i < 12; i++) {
      call.stream.connection.outbound.windowUpdate(call.stream.id, 1_000);
      call.stream.receiveWindow += 1_000;
      await world.advance(500);
    }
    expect(call.size).toBe(262_144 + 12_000);
    expect(call.over).toBe(false);
    call.resume();
    await world.settle();
    pod.last.finish(okTrailers);
    await world.settle();
    expect(call.size).toBe(700_005);
    expect(call.status.code).toBe(0);
  });

  test("a pod that reads slowly keeps the call", async () => {
    const { world, pod, client } = await startTriple(idle);
    pod.onHead = (served) => served.pause();
    const call = client.open().send(message(700_000));
    await world.settle();
    for (let i = 0; i < 4; i++) {
      pod.last.read(132_000);
      await world.advance(700);
    }
    expect(call.over).toBe(false);
    pod.last.resume();
    call.finish();
    await world.settle();
    answerOk(pod.last);
    await world.settle();
    expect(pod.last.size).toBe(700_005);
    expect(call.status.code).toBe(0);
  });

  test("a reader that stops: ends the call", async () => {
    const { world, pod, client } = await startTriple(idle);
    const call = client.unary(message(1));
    call.pause();
    await world.settle();
    pod.last.sendHead(okHead).send(message(700_000));
    await world.advance(5_000, 250);
    expect(pod.last.aborted?.code).toBe(ErrorCode.CANCEL);
    call.resume();
    await world.settle();
    expect(call.status.code).toBe(Status.UNAVAILABLE);
  });
});
