import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { message, okHead, requestFields } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { startTriple, startWorld, World } from "./support/world.ts";

describe("view", () => {
  test("before and after start: starting, ready; listeners and backends as they are", async () => {
    const world = new World();
    expect(world.gateway.view.state()).toBe("starting");
    expect(world.gateway.view.listeners()).toEqual([]);
    world.pod();
    await world.gateway.start();
    await world.settle();
    expect(world.gateway.view.state()).toBe("ready");
    await world.client();
    expect(world.gateway.view.listeners()).toEqual([
      { name: "main", host: "127.0.0.1", port: 0, tls: false, connections: 1 },
    ]);
    expect(world.backend).toMatchObject({ name: "echo", target: "ipv4:10.0.0.1:9000", pending: 0, retries: 0 });
    expect(world.backend.resolutions.ok).toBe(1);
    await world.check();
  });

  test("outstanding: counts from the pick to the end of the answer, connecting included", async () => {
    const { world, pod, client } = await startTriple();
    const open = client.open();
    const whole = client.unary();
    await world.settle();
    expect(world.outstanding).toBe(2);
    const [first, second] = pod.calls;
    second.sendHead(okHead);
    await world.settle();
    expect(world.outstanding).toBe(2);
    second.finish(["grpc-status", "0"]);
    await world.settle();
    expect(whole.over).toBe(true);
    expect(world.outstanding).toBe(1);
    answerOk(first);
    await world.settle();
    expect(open.over).toBe(true);
    expect(world.endpoint).toMatchObject({ outstanding: 0, picks: 2, connections: 1, connectFailures: 0 });
  });

  test("calls: every one is counted once, by its code", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => {
      const code = call.size - 5;
      if (code === 17) call.sendHead([...okHead, "grpc-status", "17"]).finish();
      else call.sendHead(okHead).finish(["grpc-status", String(code)]);
    };
    for (let code = 0; code <= 17; code++) client.unary(message(code));
    await world.settle();
    // 17 is no code: clients read unknown.
    expect(world.backend.calls).toEqual([1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  });
});

describe("access line", () => {
  const lines = (world: World) => world.log.events("call").map(({ fields }) => fields);

  test("one per call, with its path, backend, endpoint, code, attempts and time", async () => {
    const { world, client, pod } = await startTriple();
    client.unary(null, requestFields([], "/a.B/C"));
    await world.settle();
    await world.advance(12.5);
    answerOk(pod.last);
    await world.settle();
    expect(lines(world)).toEqual([
      {
        path: "/a.B/C",
        protocol: "grpc",
        backend: "echo",
        endpoint: "10.0.0.1:9000",
        code: 0,
        attempts: 1,
        ms: 12.5,
        peer: "client-of-gateway",
      },
    ]);
  });

  test("failed, cancelled, late and retried calls: name the endpoint of the last attempt", async () => {
    const { world, client, pod } = await startTriple();
    const fail = client.unary(null, requestFields([], "/a.B/Fail"));
    const cancel = client.unary(null, requestFields([], "/a.B/Cancel"));
    client.unary(null, requestFields(["grpc-timeout", "10m"], "/a.B/Late"));
    client.unary(null, requestFields([], "/a.B/Retried"));
    await world.settle();
    pod.calls[0].reset(ErrorCode.INTERNAL_ERROR);
    cancel.reset(ErrorCode.CANCEL);
    pod.calls[3].reset(ErrorCode.REFUSED_STREAM);
    await world.settle();
    await world.advance(20);
    answerOk(pod.calls[4]);
    await world.settle();
    expect(fail.over).toBe(true);
    const seen = lines(world).map(({ path, endpoint, code, attempts }) => [path, endpoint, code, attempts]);
    expect(seen.sort()).toEqual([
      ["/a.B/Cancel", "10.0.0.1:9000", 1, 1],
      ["/a.B/Fail", "10.0.0.1:9000", 13, 1],
      ["/a.B/Late", "10.0.0.1:9000", 4, 1],
      ["/a.B/Retried", "10.0.0.1:9000", 0, 2],
    ]);
  });

  test("no endpoint: null, and no attempt", async () => {
    const world = await startWorld();
    const client = await world.client();
    client.unary();
    await world.settle();
    expect(lines(world)).toMatchObject([{ endpoint: null, attempts: 0, code: 14 }]);
  });

  test("off: no line", async () => {
    const log = { level: "info", format: "json", access: false } as const;
    const { world, client, pod } = await startTriple({ settings: { log } });
    pod.onCall = (call) => answerOk(call);
    client.unary();
    await world.settle();
    expect(lines(world)).toEqual([]);
  });
});

describe("a mistake of ours", () => {
  test("is logged as an error with its stack, and ends the one connection only", async () => {
    const { world, client, pod } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    const other = await world.client();
    const { now } = world.clock;
    world.clock.now = () => {
      throw new Error("a clock that broke");
    };
    const call = client.unary();
    // Until the request has arrived; the sweeper would not do without a clock either.
    for (let i = 0; i < 3; i++) world.net.turn();
    world.clock.now = now;
    await world.settle();
    expect(call.aborted).not.toBeNull();
    const errors = world.log.lines.filter(({ level }) => level === "error");
    expect(errors.length).toBeGreaterThan(0);
    expect(errors[0].fields.message).toMatch(/a clock that broke[\s\S]*at /);
    const next = other.unary();
    await world.settle();
    expect(next.status.code).toBe(0);
  });
});
