import http2 from "node:http2";
import net from "node:net";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { startNodeHttp2Server } from "../../src/runtime/http2-server.ts";
import { readText } from "../../src/runtime/read-text.ts";
import { serve } from "../../src/runtime/serve.ts";
import { onSignal } from "../../src/runtime/signals.ts";
import { createTestMachine, track } from "../support/harness.ts";
import { noHttp1 } from "../support/http1-answers.ts";

describe("serve", () => {
  it("answers by a fetch handler and leaves the global Request and Response alone", async () => {
    const globals = [globalThis.Request, globalThis.Response];
    const serving = track(await serve((request) => new Response(`you asked ${request.url}`), "127.0.0.1", 0));
    const url = `http://127.0.0.1:${serving.port}/livez?x=1`;
    expect(await (await fetch(url)).text()).toBe(`you asked ${url}`);
    expect([globalThis.Request, globalThis.Response]).toEqual(globals);
  });

  it("closes with requests open", async () => {
    let asked: () => void = () => {};
    const wasAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const serving = await serve(
      () => {
        asked();
        return new Promise(() => {});
      },
      "127.0.0.1",
      0,
    );
    const response = fetch(`http://127.0.0.1:${serving.port}/`).then(
      () => "answered",
      () => "refused",
    );
    await wasAsked;
    await serving.close();
    expect(await response).toBe("refused");
  });

  it("says that a port is taken", async () => {
    const serving = track(await serve(() => new Response(), "127.0.0.1", 0));
    await expect(serve(() => new Response(), "127.0.0.1", serving.port)).rejects.toThrow(
      new RegExp(`^listen on 127\\.0\\.0\\.1:${serving.port}: .*(EADDRINUSE|in use)`),
    );
  });
});

describe("node http2 server", () => {
  const get = (session: http2.ClientHttp2Session, path: string) =>
    new Promise<string>((resolve, reject) => {
      const stream = session.request({ ":path": path });
      let text = "";
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => {
        text += chunk;
      });
      stream.on("end", () => resolve(text));
      stream.on("error", reject);
    });

  const connect = (port: number) => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
    return { session, closed };
  };

  it("answers, counts connections, and on close ends idle ones", async () => {
    const server = await startNodeHttp2Server((request, response) => response.end(`${request.url}`), "127.0.0.1", 0);
    const { session, closed } = connect(server.port);
    expect(await get(session, "/hello")).toBe("/hello");
    expect(server.connections()).toBe(1);
    await server.close();
    await closed;
    expect(server.connections()).toBe(0);
  });

  it("destroy does not wait for calls", async () => {
    let asked: () => void = () => {};
    const wasAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = await startNodeHttp2Server(() => asked(), "127.0.0.1", 0);
    const { session, closed } = connect(server.port);
    const answer = get(session, "/never").catch(() => "failed");
    await wasAsked;
    await server.destroy();
    await closed;
    expect(await answer).not.toBe("/never");
  });
});

describe("machine", () => {
  it("reads a text file, and names the one that it cannot read", async () => {
    const path = new URL("../../package.json", import.meta.url).pathname;
    expect(JSON.parse(await readText(path))).toMatchObject({ name: "fairlead" });
    await expect(readText("/no/such/file")).rejects.toThrow("/no/such/file");
  });

  it("has a clock that moves forward and whose timers can be cancelled", async () => {
    const { clock } = createTestMachine();
    const before = clock.now();
    const cancelled = clock.timer(() => expect.unreachable("this timer was cancelled"), 1);
    cancelled.cancel();
    await new Promise<void>((resolve) => {
      // Timers do not keep the process alive by themselves; the test runner does.
      clock.timer(resolve, 2);
    });
    expect(clock.now()).toBeGreaterThan(before);
    expect(Math.abs(clock.wall() - Date.now())).toBeLessThan(1000);
  });

  it("runs what is soon after promises and before timers that are set later", async () => {
    const { soon } = createTestMachine();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      soon(() => {
        order.push("soon");
        resolve();
      });
      void Promise.resolve().then(() => order.push("promise"));
    });
    expect(order).toEqual(["promise", "soon"]);
  });

  it("counts sockets while they are open, listening ones included", async () => {
    const machine = createTestMachine();
    expect(machine.openSockets()).toBe(0);
    const nothing = { received: () => {}, drained: () => {}, ended: () => {}, closed: () => {} };
    const listening = await machine.listen({ host: "127.0.0.1", port: 0 }, { http2: () => nothing, http1: noHttp1 });
    expect(machine.openSockets()).toBe(1);
    const socket = net.connect(listening.port, "127.0.0.1");
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    await new Promise<void>((resolve) => {
      const stream = machine.dial(
        { kind: "tcp", host: "127.0.0.1", port: listening.port },
        { timeoutMs: 5000 },
        {
          ...nothing,
          ended: () => stream.end(),
          closed: () => resolve(),
          opened: () => {
            expect(machine.openSockets()).toBeGreaterThanOrEqual(2);
            void listening.close();
          },
        },
      );
    });
    socket.destroy();
  });
});

describe("signals", () => {
  it("are delivered until released", () => {
    const seen: string[] = [];
    const before = process.listenerCount("SIGTERM");
    const release = onSignal((signal) => seen.push(signal));
    process.emit("SIGTERM", "SIGTERM");
    process.emit("SIGINT", "SIGINT");
    release();
    expect(seen).toEqual(["SIGTERM", "SIGINT"]);
    expect(process.listenerCount("SIGTERM")).toBe(before);
  });
});
