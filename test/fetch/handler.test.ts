import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { startKept } from "../../src/fetch/kept-engine.ts";
import { createFetchHandler } from "../../src/fetch/node.ts";
import { readGiven } from "../../src/runtime/portable-files.ts";
import { createAuthority } from "../support/certs.ts";
import { collectingLog } from "../support/collecting-log.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { createTestMachine, track } from "../support/harness.ts";

const log = collectingLog();

/** More than any window lets through. */
const ENDLESS_BYTES = 8_000_000;

const inBun = process.versions.bun !== undefined;
if (inBun)
  console.warn(
    "skipped: a client that does not read: the HTTP/2 server of Bun takes everything that is written at once",
  );

/** A pod of Node's own HTTP/2 that says hello to unary calls, and sends without end to streams as far as it may. */
async function startPod(): Promise<{ readonly target: string; readonly sent: () => number }> {
  let sent = 0;
  const server: Http2Server = createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    if (String(headers[":path"]).endsWith("/Hello")) {
      stream.end(Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]));
      return;
    }
    const message = Buffer.alloc(16_389);
    message.writeUInt32BE(16_384, 1);
    const write = (): void => {
      while (!stream.destroyed && sent < ENDLESS_BYTES && stream.write(message)) sent += message.length;
    };
    stream.on("drain", write);
    write();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  track({
    close: () => {
      server.close();
    },
  });
  return { target: `ipv4:127.0.0.1:${(server.address() as AddressInfo).port}`, sent: () => sent };
}

function ask(path: string, type = "application/proto", headers: Record<string, string> = {}): Request {
  const body = type.startsWith("application/connect") ? new Uint8Array(5) : new Uint8Array(0);
  return new Request(`https://edge.example${path}`, {
    method: "POST",
    body,
    headers: { "content-type": type, ...headers },
  });
}

describe("fetch handler", () => {
  test("the file's text, and the same as an object", async () => {
    const { target } = await startPod();
    for (const config of [`backends: [{ target: "${target}" }]`, { backends: [{ target }] }]) {
      const handler = track(createFetchHandler(config, { log }));
      const response = await handler.fetch(ask("/p.S/Hello"));
      expect(response.status).toBe(200);
      expect(await response.text()).toBe("hi");
      expect(handler.view()?.backends()[0].endpoints[0].outstanding).toBe(0);
    }
  });

  test("inside another Hono app, at its own paths and behind its middleware", async () => {
    const { target } = await startPod();
    const handler = track(createFetchHandler({ backends: [{ target }] }, { log }));
    const app = new Hono();
    app.use(async (c, next) => {
      await next();
      c.header("x-app", "yes");
    });
    app.get("/", (c) => c.text("home"));
    app.route("/", handler);
    expect(await (await app.request("/")).text()).toBe("home");
    const response = await app.fetch(ask("/p.S/Hello"));
    expect(await response.text()).toBe("hi");
    expect(response.headers.get("x-app")).toBe("yes");
  });

  test("a wrong configuration: start says where, requests get 500, and the log says why", async () => {
    const handler = createFetchHandler({ backends: [{ target: "dns:///" }] }, { log });
    await expect(handler.start()).rejects.toThrow(/^config:1:\d+: backends\[0\]\.target: /);
    const response = await handler.fetch(ask("/p.S/Hello"));
    expect(response.status).toBe(500);
    expect(await response.text()).toMatch(/its log says why/);
    expect(log.events("cannot start")).toHaveLength(1);
    await handler.close();
  });

  test("files: certificates and descriptor sets can be given in place of a file system", async () => {
    const pem = createAuthority().cert;
    const config = { backends: [{ target: "ipv4:127.0.0.1:1", tls: { caFile: "ca.pem" } }] };
    const missing = createFetchHandler(config, { log });
    await expect(missing.start()).rejects.toThrow(/"ca\.pem" cannot be read/);
    const handler = track(createFetchHandler(config, { log, files: { "ca.pem": pem } }));
    await handler.start();
  });

  test("a start that fails leaves nothing running: the next request tries again", async () => {
    const clock = new FakeClock();
    const pem = createAuthority().cert;
    const files = { "good.pem": pem, "bad.pem": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" };
    const machine = { ...createTestMachine(), ...readGiven(files, null), clock };
    const backend = (name: string) => ({ name, target: "ipv4:127.0.0.1:1", tls: { caFile: `${name}.pem` } });
    const config = {
      backends: [backend("good"), backend("bad")],
      routes: [{ backendRefs: [{ name: "good" }, { name: "bad" }] }],
    };
    await expect(startKept(config, machine, {}, log)).rejects.toThrow(/does not load/);
    expect(clock.pending).toBe(0);
  });

  test("CORS: the first listener's", async () => {
    const { target } = await startPod();
    const origin = "https://page.example";
    const config = { listeners: [{ cors: { allowOrigins: [origin] } }], backends: [{ target }] };
    const handler = track(createFetchHandler(config, { log }));
    const response = await handler.fetch(ask("/p.S/Hello", "application/proto", { origin }));
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    await response.text();
  });

  test.skipIf(inBun)(
    "a client that does not read: the pod is stopped by windows, and cancelled when the client leaves",
    async () => {
      const { target, sent } = await startPod();
      const handler = track(createFetchHandler({ backends: [{ target }] }, { log }));
      const gone = new AbortController();
      const response = await handler.fetch(
        new Request(ask("/p.S/Endless", "application/connect+proto"), { signal: gone.signal }),
      );
      // Until nothing more moves: as often as two looks apart see the same.
      for (let before = -1; before !== sent(); ) {
        before = sent();
        for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(sent()).toBeLessThan(2_000_000);
      expect(handler.view()?.backends()[0].endpoints[0].outstanding).toBe(1);
      gone.abort();
      expect(handler.view()?.backends()[0].endpoints[0].outstanding).toBe(0);
      await response.body?.cancel();
    },
  );

  test("native gRPC: a page may read why, and a client has time to send its message", async () => {
    const origin = "https://page.example";
    const cors = { allowOrigins: [origin] };
    const backends = [{ target: "ipv4:127.0.0.1:1" }];
    const handlers = [
      track(createFetchHandler({ listeners: [{ cors }], backends }, { log })),
      track(createFetchHandler({ chain: { ingresses: ["http://127.0.0.1:1"], cors } }, { log })),
    ];
    for (const handler of handlers) {
      let read = 0;
      const body = new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            if (++read === 10) controller.close();
            else controller.enqueue(new Uint8Array(10_000));
          },
        },
        { highWaterMark: 0 },
      );
      const init = { method: "POST", body, duplex: "half", headers: { "content-type": "application/grpc", origin } };
      const response = await handler.fetch(new Request("https://edge.example/p.S/Hello", init as RequestInit));
      expect(response.headers.get("access-control-allow-origin")).toBe(origin);
      expect(response.headers.get("access-control-expose-headers")).toContain("grpc-status");
      await response.text();
      expect(read).toBe(10);
    }
  });

  test("native gRPC: the answer is gRPC's, and names what to use", async () => {
    const handler = track(createFetchHandler({ backends: [{ target: "ipv4:127.0.0.1:1" }] }, { log }));
    const response = await handler.fetch(ask("/p.S/Hello", "application/grpc"));
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/grpc",
      "grpc-status": "12",
      "grpc-message": expect.stringMatching(/^this is a fetch platform, whose answers have no trailers/),
    });
  });
});
