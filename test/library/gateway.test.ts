import net from "node:net";
import tls from "node:tls";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { EchoService } from "../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { createAuthority } from "../support/certs.ts";
import { deferred } from "../support/deferred.ts";
import { track } from "../support/harness.ts";
import { startTestPod } from "../transport/support/pods.ts";
import { trackTransport } from "../transport/support/transport.ts";
import { echo, startEcho, trackEmbedded } from "./support/calls.ts";

const listener = { address: "127.0.0.1", port: 0 };

/** A port that accepts connections and hands them to whoever wants them. */
async function accept(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  track({ close: () => new Promise((resolve) => server.close(resolve)) });
  return (server.address() as net.AddressInfo).port;
}

describe("library: listen", () => {
  test("the file's configuration as an object; it says where it listens", async () => {
    const pod = await startEcho();
    const gateway = trackEmbedded({
      listeners: [{ name: "inside", ...listener }],
      backends: [{ name: "echo", target: `ipv4:127.0.0.1:${pod.port}` }],
    });
    expect(gateway.state()).toBe("starting");
    expect(gateway.view()).toBeNull();
    const addresses = await gateway.listen();
    expect(addresses).toEqual([{ name: "inside", host: "127.0.0.1", port: expect.any(Number), tls: false }]);
    expect(await gateway.listen()).toEqual(addresses);
    expect(gateway.state()).toBe("ready");
    expect(await echo(trackTransport({ target: `ipv4:127.0.0.1:${addresses[0].port}` }))).toBe(
      "hello from pod, the end",
    );
    expect(gateway.view()?.backends()[0].calls[0]).toBe(1);
  });

  test("the file's own text", async () => {
    const gateway = trackEmbedded(
      'listeners: [{ address: 127.0.0.1, port: 0 }]\nbackends: [{ target: "ipv4:127.0.0.1:1" }]\n',
    );
    expect(await gateway.listen()).toHaveLength(1);
  });

  test("no configuration at all", async () => {
    const gateway = trackEmbedded(undefined as never);
    await expect(gateway.start()).rejects.toThrow("is nothing where fields are expected");
  });

  test("a wrong configuration: every problem, a line each", async () => {
    const gateway = trackEmbedded({
      listeners: [{ port: 70_000 }],
      backends: [{ target: "http://echo:1", policy: "fastest" }],
    });
    const error = await gateway.listen().catch((reason: Error) => reason.message);
    expect(String(error).split("\n")).toHaveLength(3);
    expect(error).toContain("listeners[0].port");
    expect(error).toContain("write dns:///echo:1");
    expect(error).toContain("backends[0].policy");
  });

  test("a port in use: it is said which, and the next try succeeds when it is free", async () => {
    const server = net.createServer();
    const port = await accept(server);
    const gateway = trackEmbedded({
      listeners: [{ address: "127.0.0.1", port }],
      backends: [{ target: "ipv4:127.0.0.1:1" }],
    });
    await expect(gateway.listen()).rejects.toThrow(`127.0.0.1:${port}`);
    await new Promise((resolve) => server.close(resolve));
    expect((await gateway.listen())[0].port).toBe(port);
  });

  test("a start that failed takes no event's listener away, and one that has left stays away", async () => {
    const server = net.createServer();
    const port = await accept(server);
    const gateway = trackEmbedded({
      listeners: [{ address: "127.0.0.1", port }],
      backends: [{ target: "ipv4:127.0.0.1:1" }],
    });
    const states: string[] = [];
    const left: string[] = [];
    gateway.on("stateChanged", ({ state }) => states.push(state));
    const off = gateway.on("stateChanged", ({ state }) => left.push(state));
    await expect(gateway.listen()).rejects.toThrow("in use");
    off();
    await new Promise((resolve) => server.close(resolve));
    states.length = 0;
    left.length = 0;
    await gateway.listen();
    await gateway.close();
    expect(states.at(-1)).toBe("stopped");
    expect(left).toEqual([]);
  });

  test("after start there are no listeners to come", async () => {
    const gateway = trackEmbedded({ listeners: [listener], backends: [{ target: "ipv4:127.0.0.1:1" }] });
    await gateway.start();
    expect(gateway.view()?.listeners()).toEqual([]);
    await expect(gateway.listen()).rejects.toThrow("started without listeners");
  });

  test("close: listening ends, and it cannot be started again", async () => {
    const gateway = trackEmbedded({ listeners: [listener], backends: [{ target: "ipv4:127.0.0.1:1" }] });
    await gateway.listen();
    await gateway.close();
    expect(gateway.state()).toBe("stopped");
    await expect(gateway.listen()).rejects.toThrow("closed");
  });
});

describe("library: handle", () => {
  test("sockets that somebody else accepted: HTTP/2 and HTTP/1.1 by their first bytes", async () => {
    const pod = await startEcho();
    const gateway = trackEmbedded({ backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
    const port = await accept(net.createServer((socket) => gateway.handle(socket)));
    // The first one comes before the gateway has started, and starts it.
    expect(gateway.view()).toBeNull();
    expect(await echo(trackTransport({ target: `ipv4:127.0.0.1:${port}` }))).toBe("hello from pod, the end");
    const url = `http://127.0.0.1:${port}/fairlead.demo.v1.EchoService/Echo`;
    const headers = { "content-type": "application/json", connection: "close" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ text: "by HTTP/1.1" }) });
    expect(await response.json()).toMatchObject({ text: "by HTTP/1.1", pod: "pod" });
  });

  test("one that was paused before it was handed over", async () => {
    const pod = await startEcho();
    const gateway = trackEmbedded({ backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
    const port = await accept(net.createServer({ pauseOnConnect: true }, (socket) => gateway.handle(socket)));
    const transport = trackTransport({ target: `ipv4:127.0.0.1:${port}` });
    expect(await echo(transport)).toBe("hello from pod, the end");
    // And one that comes when the gateway has started.
    await transport.close();
    expect(await echo(trackTransport({ target: `ipv4:127.0.0.1:${port}` }))).toBe("hello from pod, the end");
  });

  test("one that gives text and not bytes is refused", () => {
    const gateway = trackEmbedded({ backends: [{ target: "ipv4:127.0.0.1:1" }] });
    const socket = new net.Socket().setEncoding("utf8");
    expect(() => gateway.handle(socket)).toThrow('the socket gives text (setEncoding("utf8")), and bytes are needed');
  });

  test("one that is handed in twice is taken once", async () => {
    const pod = await startEcho();
    const gateway = trackEmbedded({ backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
    const port = await accept(
      net.createServer((socket) => {
        gateway.handle(socket);
        gateway.handle(socket);
      }),
    );
    expect(await echo(trackTransport({ target: `ipv4:127.0.0.1:${port}` }))).toBe("hello from pod, the end");
  });

  test("sockets of TLS: by ALPN", async () => {
    const authority = createAuthority();
    const pod = await startEcho();
    const gateway = trackEmbedded({ backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
    await gateway.start();
    const server = tls.createServer({ ...authority.issue(["localhost"]), ALPNProtocols: ["h2", "http/1.1"] });
    server.on("secureConnection", (socket) => gateway.handle(socket));
    const port = await accept(server);
    const tlsOptions = { ca: authority.cert, serverName: "localhost" };
    expect(await echo(trackTransport({ target: `ipv4:127.0.0.1:${port}`, tls: tlsOptions }))).toBe(
      "hello from pod, the end",
    );
  });

  test("one that has been destroyed is no trouble, before the start, after it, and after close", async () => {
    const gateway = trackEmbedded({ backends: [{ target: "ipv4:127.0.0.1:1" }] });
    const handleDestroyed = (): void => gateway.handle(new net.Socket().destroy());
    handleDestroyed();
    await gateway.start();
    handleDestroyed();
    await gateway.close();
    handleDestroyed();
    const fresh = new net.Socket();
    gateway.handle(fresh);
    expect(fresh.destroyed).toBe(true);
  });

  test("close ends them, and one that comes afterwards is destroyed", async () => {
    const gateway = trackEmbedded({ backends: [{ target: "ipv4:127.0.0.1:1" }] });
    await gateway.start();
    const sockets: net.Socket[] = [];
    const port = await accept(
      net.createServer((socket) => {
        sockets.push(socket);
        gateway.handle(socket);
      }),
    );
    const closed = (): Promise<unknown> => {
      const client = net.connect(port, "127.0.0.1").resume();
      client.on("error", () => {});
      return new Promise((resolve) => client.once("close", resolve));
    };
    const first = closed();
    await expect.poll(() => sockets.length).toBe(1);
    await gateway.close();
    await first;
    await closed();
    expect(sockets.every((socket) => socket.destroyed)).toBe(true);
  });
});

describe("library: drain", () => {
  test("an open call finishes, whichever way it came; then everything is closed", async () => {
    for (const way of ["listener", "handle", "fetch"] as const) {
      const { promise: held, resolve: release } = deferred();
      const { promise: arrived, resolve: began } = deferred();
      const pod = await startTestPod((router) => {
        router.service(EchoService, {
          echo: async () => {
            began();
            await held;
            return { text: way };
          },
        });
      });
      const gateway = trackEmbedded({
        listeners: [listener],
        backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }],
        drain: { delay: "0s", timeout: "20s" },
      });
      let port = 0;
      if (way === "listener") [{ port }] = await gateway.listen();
      else await gateway.start();
      if (way === "handle") port = await accept(net.createServer((socket) => gateway.handle(socket)));
      const call =
        way === "fetch"
          ? gateway
              .fetch(
                new Request("http://gateway/fairlead.demo.v1.EchoService/Echo", {
                  method: "POST",
                  headers: { "content-type": "application/json" },
                  body: "{}",
                }),
              )
              .then((response) => response.json() as Promise<{ text: string }>)
          : createClient(EchoService, trackTransport({ target: `ipv4:127.0.0.1:${port}` })).echo({});
      await arrived;
      const drained = gateway.drain();
      await expect.poll(() => gateway.state()).toBe("draining");
      release();
      expect((await call).text).toBe(way);
      expect(await drained).toBe(true);
      expect(gateway.state()).toBe("stopped");
    }
  });

  test("before it has been started there is nothing to drain", async () => {
    expect(await trackEmbedded({ backends: [{ target: "ipv4:127.0.0.1:1" }] }).drain()).toBe(true);
  });

  test("close ends the wait: with a call open it has not been clean, without one it has", async () => {
    for (const open of [true, false]) {
      const { promise: arrived, resolve: began } = deferred();
      const pod = await startTestPod((router) => {
        router.service(EchoService, {
          echo: () => {
            began();
            return new Promise(() => {});
          },
        });
      });
      const gateway = trackEmbedded({
        listeners: [listener],
        backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }],
        // Longer than a test may last: nobody waits for it.
        drain: { delay: open ? "0s" : "60s", timeout: "60s" },
      });
      const [{ port }] = await gateway.listen();
      const call = createClient(EchoService, trackTransport({ target: `ipv4:127.0.0.1:${port}` }))
        .echo(open ? {} : { text: "never sent" }, open ? {} : { signal: AbortSignal.abort() })
        .catch((reason: unknown) => ConnectError.from(reason).code);
      if (open) await arrived;
      const [first, second] = [gateway.drain(), gateway.drain()];
      await expect.poll(() => gateway.state()).toBe("draining");
      await gateway.close();
      expect(await Promise.all([first, second])).toEqual([!open, !open]);
      expect(gateway.state()).toBe("stopped");
      expect(await call).toBe(open ? Code.Unavailable : Code.Canceled);
    }
  });

  test("during listen: that is answered first", async () => {
    const gateway = trackEmbedded({
      listeners: [listener],
      backends: [{ target: "ipv4:127.0.0.1:1" }],
      drain: { delay: "0s" },
    });
    const listening = gateway.listen();
    expect(await gateway.drain()).toBe(true);
    expect(await listening).toHaveLength(1);
    expect(gateway.state()).toBe("stopped");
  });
});

test("library: stock connect-node client over its own listener, beside others in the process", async () => {
  const pod = await startEcho();
  const gateways = [1, 2].map(() =>
    trackEmbedded({ listeners: [listener], backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] }),
  );
  for (const gateway of gateways) {
    const [{ port }] = await gateway.listen();
    const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}`, idleConnectionTimeoutMs: 1 });
    expect(await echo(transport)).toBe("hello from pod, the end");
  }
});
