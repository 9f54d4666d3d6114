import net from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { EchoService } from "../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { createGateway, type GatewayEvents } from "../../src/index.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { trackTransport } from "../transport/support/transport.ts";
import { echo, startEcho, trackEmbedded } from "./support/calls.ts";

const listener = { address: "127.0.0.1", port: 0 };

describe("library: events", () => {
  test("states, pods, finished calls and failed connections, each with its own fields", async () => {
    const pod = await startEcho();
    const log = collectingLog();
    const gateway = trackEmbedded(
      {
        listeners: [listener],
        backends: [{ name: "echo", target: `ipv4:127.0.0.1:${pod.port},127.0.0.2:1` }],
        drain: { delay: "0s" },
      },
      { log },
    );
    const seen: { [Name in keyof GatewayEvents]: GatewayEvents[Name][] } = {
      stateChanged: [],
      endpointsChanged: [],
      resolutionFailed: [],
      connectionFailed: [],
      callFinished: [],
    };
    // Before it starts, so that nothing is missed.
    gateway.on("stateChanged", (event) => seen.stateChanged.push(event));
    gateway.on("endpointsChanged", (event) => seen.endpointsChanged.push(event));
    gateway.on("connectionFailed", (event) => seen.connectionFailed.push(event));
    const off = gateway.on("callFinished", (event) => seen.callFinished.push(event));
    const [{ port }] = await gateway.listen();
    const client = trackTransport({ target: `ipv4:127.0.0.1:${port}` });
    await echo(client);
    const error = await createClient(EchoService, client)
      .fail({})
      .catch((reason: unknown) => ConnectError.from(reason));
    expect((error as ConnectError).code).toBe(Code.Unimplemented);
    expect(seen.stateChanged).toEqual([{ state: "ready", before: "starting" }]);
    expect(seen.endpointsChanged).toEqual([{ backend: "echo", endpoints: [pod.name, "127.0.0.2:1"] }]);
    expect(seen.callFinished).toEqual([
      {
        path: "/fairlead.demo.v1.EchoService/Echo",
        protocol: "grpc",
        backend: "echo",
        endpoint: pod.name,
        code: 0,
        attempts: expect.any(Number),
        ms: expect.any(Number),
        peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      },
      expect.objectContaining({ path: "/fairlead.demo.v1.EchoService/Fail", code: Code.Unimplemented }),
    ]);
    expect(seen.connectionFailed[0]).toEqual({
      side: "upstream",
      backend: "echo",
      endpoint: "127.0.0.2:1",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    // The access log is off, and stays off.
    expect(log.lines.some(({ event }) => event === "call")).toBe(false);

    off();
    await echo(client);
    expect(seen.callFinished).toHaveLength(2);

    const before = seen.connectionFailed.length;
    const stranger = net.connect(port, "127.0.0.1").resume();
    stranger.end("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthis is no frame of HTTP/2 at all, whatever it is.....");
    await new Promise((resolve) => stranger.once("close", resolve));
    expect(seen.connectionFailed.slice(before).find(({ side }) => side === "downstream")).toMatchObject({
      side: "downstream",
      listener: expect.any(String),
      message: expect.stringMatching(/./),
    });

    await gateway.drain();
    expect(seen.stateChanged.map(({ state }) => state)).toEqual(["ready", "draining", "stopped"]);
  });

  test("a name that cannot be resolved", async () => {
    const gateway = trackEmbedded({
      backends: [{ name: "echo", target: "dns://127.0.0.1:1/echo.example:1", dns: { timeout: "100ms" } }],
    });
    const failed = new Promise((resolve) => gateway.on("resolutionFailed", resolve));
    const ready = new Promise((resolve) => gateway.on("stateChanged", resolve));
    await gateway.start();
    expect(await failed).toMatchObject({ backend: "echo", outcome: expect.any(String), message: expect.any(String) });
    expect(await ready).toEqual({ state: "ready", before: "starting" });
  });

  test.each(["close", "drain"] as const)(
    "%s of a gateway that never started: it has stopped, told once",
    async (end) => {
      const gateway = trackEmbedded({ backends: [{ target: "nowhere:///a" }] });
      const states: unknown[] = [];
      gateway.on("stateChanged", (event) => states.push(event));
      gateway.on("stateChanged", () => states.push("left"))();
      // One that failed to start is starting still.
      await expect(gateway.start()).rejects.toThrow("nowhere");
      expect([states, gateway.state()]).toEqual([[], "starting"]);
      await gateway[end]();
      await gateway.close();
      await gateway.drain();
      expect([states, gateway.state()]).toEqual([[{ state: "stopped", before: "starting" }], "stopped"]);
    },
  );

  test("close during the start: ready, and then stopped", async () => {
    const gateway = trackEmbedded({ listeners: [listener], backends: [{ target: "ipv4:127.0.0.1:1" }] });
    const states: string[] = [];
    gateway.on("stateChanged", ({ state }) => states.push(state));
    const listening = gateway.listen();
    await Promise.all([gateway.close(), gateway.close()]);
    await listening;
    expect(states).toEqual(["ready", "stopped"]);
  });

  test("what cannot be listened to is refused at once", () => {
    const gateway = trackEmbedded({ backends: [{ target: "ipv4:127.0.0.1:1" }] });
    expect(() => gateway.on("stateChange" as "stateChanged", () => {})).toThrow(
      /no event stateChange; there are state/,
    );
    expect(() => gateway.on("stateChanged", null as never)).toThrow("the listener of stateChanged is no function");
  });

  test("a listener that is an async function and fails does not end the process", async () => {
    const log = collectingLog();
    const gateway = trackEmbedded({ backends: [{ target: "ipv4:127.0.0.1:1" }] }, { log });
    gateway.on("stateChanged", (async () => Promise.reject(new Error("oops"))) as () => void);
    await gateway.start();
    await expect
      .poll(() => log.lines.filter(({ event }) => event === "a listener has thrown"))
      .toMatchObject([{ fields: { event: "stateChanged", message: "oops" } }]);
  });

  test("a log that throws disturbs nobody; what is no log is refused", async () => {
    const pod = await startEcho();
    const throwing = (): void => {
      throw new Error("the disk is full");
    };
    const config = {
      listeners: [listener],
      log: { access: true },
      backends: [{ target: `ipv4:127.0.0.1:${pod.port},127.0.0.2:1` }],
    };
    const log = { debug: throwing, info: throwing, warn: throwing, error: throwing };
    const [{ port }] = await trackEmbedded(config, { log }).listen();
    expect(await echo(trackTransport({ target: `ipv4:127.0.0.1:${port}` }))).toBe("hello from pod, the end");
    expect(() => createGateway(config, { log: { info() {} } as never })).toThrow("the log has no function debug");
  });

  test("a listener that throws disturbs nobody", async () => {
    const pod = await startEcho();
    const log = collectingLog();
    const gateway = trackEmbedded(
      { listeners: [listener], backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] },
      { log },
    );
    gateway.on("callFinished", () => {
      throw new Error("oops");
    });
    const others: string[] = [];
    gateway.on("callFinished", ({ path }) => others.push(path));
    const [{ port }] = await gateway.listen();
    expect(await echo(trackTransport({ target: `ipv4:127.0.0.1:${port}` }))).toBe("hello from pod, the end");
    expect(others).toHaveLength(1);
    expect(log.lines.filter(({ event }) => event === "a listener has thrown")).toMatchObject([
      { fields: { event: "callFinished", message: "oops" } },
    ]);
  });

  test("the access log is there without listeners, and one that leaves does not take it away", async () => {
    const pod = await startEcho();
    const lines: string[] = [];
    const line = (event: string): void => void lines.push(event);
    const gateway = trackEmbedded(
      { listeners: [listener], log: { access: true }, backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] },
      { log: { debug: line, info: line, warn: line, error: line } },
    );
    const [{ port }] = await gateway.listen();
    const client = trackTransport({ target: `ipv4:127.0.0.1:${port}` });
    await echo(client);
    gateway.on("callFinished", () => {})();
    await echo(client);
    expect(lines.filter((event) => event === "call")).toHaveLength(2);
  });
});
