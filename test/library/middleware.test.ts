import http from "node:http";
import http2, { type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { AdminService } from "../../src/gen/fairlead/admin/v1/admin_pb.ts";
import { EchoResponseSchema, EchoService } from "../../src/gen/fairlead/demo/v1/echo_pb.ts";
import { fairlead as connectMiddleware } from "../../src/middleware/connect.ts";
import { fairlead as honoMiddleware } from "../../src/middleware/hono.ts";
import * as frames from "../http2/support/frames.ts";
import { deferred } from "../support/deferred.ts";
import { track } from "../support/harness.ts";
import { startTestPod } from "../transport/support/pods.ts";
import { envelope, okHead, okTrailers, startWildPod } from "../transport/support/wild-pod.ts";
import { echo, startEcho, trackEmbedded, transportsTo } from "./support/calls.ts";

const ECHO = "fairlead.demo.v1.EchoService";
/** The echo service goes to the pods, everything else is somebody else's. */
const routes = [{ matches: [{ method: { service: ECHO } }] }];

async function urlOf(server: http.Server | http2.Http2Server): Promise<string> {
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session: ServerHttp2Session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  track({
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
        if (server instanceof http.Server) server.closeAllConnections();
      }),
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("middleware: Hono", () => {
  test("calls that a route takes go to the pods, the rest to the app", async () => {
    const pod = await startEcho();
    const gateway = trackEmbedded({ routes, backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
    const peers: string[] = [];
    gateway.on("callFinished", ({ peer }) => peers.push(peer));
    const app = new Hono();
    app.use("/*", honoMiddleware(gateway, { peer: () => "somebody" }));
    app.get("/", (context) => context.text("the app"));
    app.post("/other.v1.Service/Method", (context) => context.text("the app's own call"));
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1", overrideGlobalObjects: false });
    const url = await started(server as http.Server);

    for (const transport of Object.values(transportsTo(url, "1.1"))) {
      expect(await echo(transport)).toBe("hello from pod, the end");
      const numbers: number[] = [];
      const answers = createClient(EchoService, transport).repeat({ times: 3 });
      for await (const { number } of answers) numbers.push(number);
      expect(numbers).toEqual([1, 2, 3]);
    }
    expect(new Set(peers)).toEqual(new Set(["somebody"]));
    const headers = { connection: "close" };
    expect(await (await fetch(url, { headers })).text()).toBe("the app");
    const other = await fetch(`${url}/other.v1.Service/Method`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: "{}",
    });
    expect(await other.text()).toBe("the app's own call");
  });

  test("preflights of browsers for such calls are the gateway's, those of other requests the app's", async () => {
    const gateway = trackEmbedded({
      routes,
      listeners: [{ cors: { allowOrigins: ["https://app.example"] } }],
      backends: [{ target: "ipv4:127.0.0.1:1" }],
    });
    const app = new Hono();
    app.use("/*", honoMiddleware(gateway));
    app.options("/*", (context) => context.text("the app"));
    const headers = { origin: "https://app.example", "access-control-request-method": "POST" };
    const taken = await app.request(`/${ECHO}/Echo`, { method: "OPTIONS", headers });
    expect(taken.status).toBe(204);
    expect(taken.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(await (await app.request("/elsewhere", { method: "OPTIONS", headers })).text()).toBe("the app");
  });

  test("native gRPC gets a clear refusal, and a gateway that cannot start is the app's error", async () => {
    const gateway = trackEmbedded({ backends: [{ target: "ipv4:127.0.0.1:1" }] });
    const app = new Hono();
    app.use("/*", honoMiddleware(gateway));
    const request = { method: "POST", headers: { "content-type": "application/grpc" } };
    expect((await app.request(`/${ECHO}/Echo`, request)).status).toBe(426);
    const broken = new Hono();
    broken.use("/*", honoMiddleware(trackEmbedded({ backends: [] })));
    broken.onError((error, context) => context.text(error.message, 500));
    expect(await (await broken.request("/")).text()).toContain("backends");
  });
});

describe("middleware: Connect and Node", () => {
  const own = connectNodeAdapter({
    routes: (router) => {
      router.service(AdminService, { getState: () => ({}) });
    },
  });

  test.each(["in front of a Connect router", "behind it, as its fallback"])(
    "%s: every protocol over HTTP/2, native gRPC with trailers",
    async (where) => {
      const pod = await startEcho();
      const gateway = trackEmbedded({ routes, backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
      const peers = new Set<string>();
      gateway.on("callFinished", ({ peer }) => peers.add(peer.replace(/\d+$/, "PORT")));
      const handler = where.startsWith("in front")
        ? connectMiddleware(gateway, { otherwise: own })
        : connectNodeAdapter({
            routes: (router) => {
              router.service(AdminService, { getState: () => ({}) });
            },
            fallback: connectMiddleware(gateway),
          });
      const url = await urlOf(http2.createServer(handler));
      for (const [protocol, transport] of Object.entries(transportsTo(url, "2"))) {
        expect(await echo(transport), protocol).toBe("hello from pod, the end");
        const texts: string[] = [];
        const client = createClient(EchoService, transport);
        for await (const { text } of client.chat(of({ text: "a" }, { text: "b" }))) texts.push(text);
        expect(texts, protocol).toEqual(["a", "b"]);
        // Trailers-only.
        const error = await client.fail({}).catch((reason: unknown) => ConnectError.from(reason));
        expect((error as ConnectError).code, protocol).toBe(Code.Unimplemented);
        // The router's own service still answers.
        await createClient(AdminService, transport).getState({});
      }
      expect(peers).toEqual(new Set(["127.0.0.1:PORT"]));
    },
  );

  test("a trailers-only answer: Node's server ends no stream with a head, so the status goes into trailers", async () => {
    const gateway = trackEmbedded({ backends: [{ target: "ipv4:127.0.0.1:1" }] });
    const url = await urlOf(http2.createServer(connectMiddleware(gateway)));
    expect(await statusPlaces(url, `/${ECHO}/Echo`)).toEqual({ head: null, trailers: String(Code.Unavailable) });
  });

  test("HTTP/1.1: Connect and gRPC-Web; among middleware that has a next", async () => {
    const pod = await startEcho();
    const gateway = trackEmbedded({ routes, backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
    const middleware = connectMiddleware(gateway);
    const url = await urlOf(
      http.createServer((request, response) => {
        middleware(request, response, (error) => response.end(error === undefined ? "next" : "error"));
      }),
    );
    for (const transport of Object.values(transportsTo(url, "1.1"))) {
      expect(await echo(transport)).toBe("hello from pod, the end");
    }
    const headers = { connection: "close" };
    expect(await (await fetch(`${url}/else`, { headers })).text()).toBe("next");
  });

  test("nobody else takes it: 404; a gateway that cannot start: 500", async () => {
    const gateway = trackEmbedded({ routes, backends: [{ target: "ipv4:127.0.0.1:1" }] });
    const headers = { connection: "close" };
    const found = await urlOf(http.createServer(connectMiddleware(gateway)));
    expect((await fetch(found, { headers })).status).toBe(404);
    const broken = await urlOf(http.createServer(connectMiddleware(trackEmbedded({ backends: [] }))));
    expect((await fetch(broken, { headers })).status).toBe(500);
  });

  const good = envelope(toBinary(EchoResponseSchema, create(EchoResponseSchema, { text: "good" })));

  test.each([
    ["CANCEL", 8, Code.Canceled],
    ["ENHANCE_YOUR_CALM", 11, Code.ResourceExhausted],
  ])(
    "an answer that the pod broke off with %s: what had come, and then the code, in every protocol",
    async (_name, reset, code) => {
      const pod = await startWildPod({
        called: (connection, id) =>
          connection.send(frames.headers(id, okHead), frames.data(id, good), frames.reset(id, reset)),
      });
      const gateway = trackEmbedded({ backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
      const url = await urlOf(http2.createServer(connectMiddleware(gateway)));
      for (const [protocol, transport] of Object.entries(transportsTo(url, "2"))) {
        let messages = 0;
        const read = async (): Promise<void> => {
          for await (const _ of createClient(EchoService, transport).repeat({})) messages++;
        };
        const error = await read().catch((reason: unknown) => ConnectError.from(reason));
        expect([messages, (error as ConnectError).code], protocol).toEqual([1, code]);
      }
    },
  );

  test("controls in a pod's fields: node:http would throw for them", async () => {
    const pod = await startWildPod({
      called: (connection, id) =>
        connection.send(
          frames.headers(id, [...okHead, "x-head", "a\x01b"]),
          frames.data(id, good),
          frames.headers(id, [...okTrailers, "x-tail", "c\x7fd"], { end: true }),
        ),
    });
    const gateway = trackEmbedded({ backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
    const url = await urlOf(http.createServer(connectMiddleware(gateway)));
    for (const [protocol, transport] of Object.entries(transportsTo(url, "1.1"))) {
      const seen: (string | null)[] = [];
      const { text } = await createClient(EchoService, transport).echo(
        {},
        {
          onHeader: (header) => seen.push(header.get("x-head")),
          onTrailer: (trailer) => seen.push(trailer.get("x-tail")),
        },
      );
      expect([text, ...seen], protocol).toEqual(["good", "a b", protocol === "connect" ? "c d" : "c\x7fd"]);
    }
  });

  test("a body that somebody else has read: an error, and no call with an empty message", async () => {
    const pod = await startEcho();
    const gateway = trackEmbedded({ backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
    const middleware = connectMiddleware(gateway);
    const url = await urlOf(
      http.createServer((request, response) => {
        request.resume().on("end", () => middleware(request, response, (error) => response.end(String(error))));
      }),
    );
    const headers = { "content-type": "application/proto", connection: "close" };
    const answer = await fetch(`${url}/${ECHO}/Echo`, { method: "POST", headers, body: Buffer.from([10, 1, 97]) });
    expect(await answer.text()).toContain("put the gateway in front of what parses bodies");
    expect(gateway.view()?.backends()[0].calls[0]).toBe(0);
  });

  test("a client that cancels: the pod hears of it", async () => {
    const { promise: heard, resolve: cancelled } = deferred();
    const { promise: arrived, resolve: began } = deferred();
    const pod = await startTestPod((router) => {
      router.service(EchoService, {
        echo: (_request, { signal }) => {
          signal.addEventListener("abort", () => cancelled());
          began();
          return new Promise(() => {});
        },
      });
    });
    const gateway = trackEmbedded({ routes, backends: [{ target: `ipv4:127.0.0.1:${pod.port}` }] });
    const url = await urlOf(http2.createServer(connectMiddleware(gateway)));
    const controller = new AbortController();
    const { grpc } = transportsTo(url, "2");
    const call = createClient(EchoService, grpc).echo({}, { signal: controller.signal });
    await arrived;
    controller.abort();
    await expect(call).rejects.toThrow();
    await heard;
  });
});

/** Where a gRPC call's status stands in the answer. */
async function statusPlaces(url: string, path: string): Promise<{ head: unknown; trailers: unknown }> {
  const session = http2.connect(url);
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const places: { head: unknown; trailers: unknown } = { head: null, trailers: null };
  stream.on("response", (head) => {
    places.head = head["grpc-status"] ?? null;
  });
  stream.on("trailers", (trailers) => {
    places.trailers = trailers["grpc-status"] ?? null;
  });
  stream.resume().end(Buffer.alloc(5));
  await new Promise((resolve) => stream.once("close", resolve));
  session.close();
  return places;
}

/** @hono/node-server's has begun to listen by itself. */
async function started(server: http.Server): Promise<string> {
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  track({
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function* of<T>(...values: readonly T[]): AsyncIterable<T> {
  yield* values;
}
