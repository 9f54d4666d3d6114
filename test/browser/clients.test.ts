import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type CallSpec, CLIENTS, type ClientName, type Pair } from "./page/spec.ts";
import { chromium, type Stage, startStage } from "./support/stage.ts";

/** The stock clients in a page of another origin, over HTTP/1.1 in plaintext and HTTP/2 with TLS: what JavaScript sees. */

// A browser, a gateway and pods work at once here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 500_000 });

let stage: Stage;
beforeAll(async () => {
  if (!("missing" in chromium)) stage = await startStage();
});
afterAll(() => stage?.close());

const LISTENERS = [
  ["plain", "http/1.1"],
  ["tls", "h2"],
] as const;
const STREAMING = CLIENTS.filter((client) => client !== "connect-get");

let calls = 0;
/** A name of its own for each call. */
const fresh = (client: ClientName) => `${client}-${++calls}`;

const value = (pairs: readonly Pair[], name: string) => pairs.find(([key]) => key.toLowerCase() === name)?.[1];

describe.skipIf("missing" in chromium).each(LISTENERS)("over %s (%s)", (listener, version) => {
  const spec = (
    client: ClientName,
    text: string,
    more: Omit<Partial<CallSpec>, "request"> & { readonly request?: JsonObject } = {},
  ): CallSpec => ({
    client,
    baseUrl: stage.gateway.urls[listener],
    method: client === "connect-get" ? "Look" : "Say",
    ...more,
    request: { ...more.request, text },
  });

  describe.each(CLIENTS)("%s", (client) => {
    test("unary: message, headers and trailers arrive, over the HTTP version that the listener has", async () => {
      const { visitor, fleet } = stage;
      const text = fresh(client);
      const url = `${stage.gateway.urls[listener]}/fairlead.browser.v1.BrowserService/`;
      const before = await visitor.requests(url);
      const outcome = await visitor.call(
        spec(client, text, {
          request: { bytes: "AP/+", number: "9007199254740993" },
          headers: [
            ["x-echo-a", "one"],
            ["x-echo-b-bin", "AAEC"],
            ["x-trail-a", "two"],
            ["x-trail-b-bin", "_w"],
          ],
        }),
      );
      expect(outcome.error).toBeNull();
      const { pod, header } = await fleet.seen(text);
      expect(outcome.messages).toEqual([{ text, pod, bytes: "AP/+", number: "9007199254740993" }]);
      expect(value(outcome.header, "x-echo-a")).toBe("one");
      expect(value(outcome.header, "x-echo-b-bin")).toBe("AAEC");
      expect(value(outcome.trailer, "x-trail-a")).toBe("two");
      expect(value(outcome.trailer, "x-trail-b-bin")).toBe("_w");
      // The pod was spoken to in gRPC, in the codec that the client has.
      const json = client === "connect-json" || client.endsWith("web-json") || client === "connect-get";
      expect(header.get("content-type")).toMatch(json ? /^application\/grpc\+json$/ : /^application\/grpc(\+proto)?$/);
      const sent = (await visitor.requests(url)).slice(before.length).filter(({ method }) => method !== "OPTIONS");
      expect(sent.map(({ method, protocol }) => [method, protocol])).toEqual([
        [client === "connect-get" ? "GET" : "POST", version],
      ]);
    });

    test("unary: a long message, which the pod would compress for whoever takes it", async () => {
      const text = fresh(client);
      const bytes = btoa("compressible ".repeat(300));
      const outcome = await stage.visitor.call(spec(client, text, { request: { bytes } }));
      expect(outcome.error).toBeNull();
      expect(outcome.messages).toMatchObject([{ text, bytes }]);
      // A page cannot inflate messages, so gRPC-Web is offered none; the body of a Connect answer is inflated by the browser.
      const offered = (await stage.fleet.seen(text)).header.get("grpc-accept-encoding");
      if (client.includes("grpc-web")) expect(offered ?? "identity").toBe("identity");
      else expect(offered).toContain("gzip");
    });

    test("unary: several values of one name arrive, all of them", async () => {
      const text = fresh(client);
      const outcome = await stage.visitor.call(
        spec(client, text, {
          headers: [
            ["x-echo-a", "one, two"],
            ["x-trail-a", "three, four"],
          ],
        }),
      );
      expect(value(outcome.header, "x-echo-a")).toBe("one, two");
      expect(value(outcome.trailer, "x-trail-a")).toBe("three, four");
    });

    test("unary error: code, message, details and metadata", async () => {
      const text = fresh(client);
      const outcome = await stage.visitor.call(
        spec(client, text, {
          request: { fail: 9 },
          headers: [
            ["x-echo-a", "one"],
            ["x-trail-a", "two"],
          ],
        }),
      );
      const { pod } = await stage.fleet.seen(text);
      expect(outcome.messages).toEqual([]);
      expect(outcome.error).toMatchObject({
        code: "failed_precondition",
        message: `${text}: größer als 100%`,
        details: [{ why: `as ${text} wished`, pod }],
      });
      const seen = [...(outcome.error?.metadata ?? []), ...outcome.header];
      expect(value(seen, "x-echo-a")).toBe("one");
      expect(value(seen, "x-trail-a")).toBe("two");
    });

    test("unary, aborted: the pod sees the cancel", async () => {
      const text = fresh(client);
      const outcome = stage.visitor.call(spec(client, text, { request: { hang: true } }));
      const { ended } = await stage.fleet.seen(text);
      await stage.visitor.tab.evaluate((text) => window.page.abort(text), text);
      expect((await outcome).error?.code).toBe("canceled");
      expect(await ended).toBe("cancelled");
    });

    test("deadline: the pod gets it, the page is told", async () => {
      const text = fresh(client);
      const outcome = await stage.visitor.call(spec(client, text, { request: { hang: true }, timeoutMs: 500 }));
      expect(outcome.error?.code).toBe("deadline_exceeded");
      const { header, ended } = await stage.fleet.seen(text);
      expect(header.get("grpc-timeout")).toMatch(/^\d{1,8}[munS]$/);
      expect(["cancelled", "deadline"]).toContain(await ended);
    });
  });

  describe.each(STREAMING)("%s", (client) => {
    test("server stream: all messages in order, headers and trailers", async () => {
      const text = fresh(client);
      const outcome = await stage.visitor.call(
        spec(client, text, {
          method: "Count",
          request: { to: 50 },
          headers: [
            ["x-echo-a", "one"],
            ["x-trail-a", "two"],
            ["x-trail-b-bin", "AAEC"],
          ],
        }),
      );
      const { pod } = await stage.fleet.seen(text);
      expect(outcome.error).toBeNull();
      expect(outcome.messages).toEqual(Array.from({ length: 50 }, (_, i) => ({ number: i + 1, pod })));
      expect(value(outcome.header, "x-echo-a")).toBe("one");
      expect(value(outcome.trailer, "x-trail-a")).toBe("two");
      expect(value(outcome.trailer, "x-trail-b-bin")).toBe("AAEC");
    });

    // The official client reads a binary answer when it is complete, by its own design.
    const timely = client === "grpc-web-binary" ? () => {} : test;
    timely("server stream: each message when the pod sends it", async () => {
      const { visitor, fleet } = stage;
      const text = fresh(client);
      const outcome = visitor.call(spec(client, text, { method: "Count", request: { to: 3, stepwise: true } }));
      for (let message = 1; message <= 3; message++) {
        fleet.step(text);
        // The pod sends the next one only after the page has this one.
        await visitor.event(text, `message ${message}`);
      }
      fleet.step(text);
      expect((await outcome).messages).toHaveLength(3);
    });

    test("server stream that fails after two messages: both, and then code, message and details", async () => {
      const text = fresh(client);
      const outcome = await stage.visitor.call(
        spec(client, text, { method: "Count", request: { to: 2, fail: 8 }, headers: [["x-trail-a", "two"]] }),
      );
      const { pod } = await stage.fleet.seen(text);
      expect(outcome.messages).toHaveLength(2);
      expect(outcome.error).toMatchObject({
        code: "resource_exhausted",
        message: `${text}: größer als 100%`,
        details: [{ why: `as ${text} wished`, pod }],
      });
      expect(value(outcome.error?.metadata ?? [], "x-trail-a")).toBe("two");
    });

    test("server stream, aborted in the middle: the pod sees the cancel", async () => {
      const { visitor, fleet } = stage;
      const text = fresh(client);
      const outcome = visitor.call(spec(client, text, { method: "Count", request: { to: 3, stepwise: true } }));
      const { ended } = await fleet.seen(text);
      if (client !== "grpc-web-binary") {
        fleet.step(text);
        await visitor.event(text, "message 1");
      }
      await visitor.tab.evaluate((text) => window.page.abort(text), text);
      expect((await outcome).error?.code).toBe("canceled");
      expect(await ended).toBe("cancelled");
    });

    test("server stream, deadline in the middle: what has come stays, and the page is told", async () => {
      const { visitor, fleet } = stage;
      const text = fresh(client);
      fleet.step(text);
      const outcome = await visitor.call(
        spec(client, text, { method: "Count", request: { to: 3, stepwise: true }, timeoutMs: 1_500 }),
      );
      expect(outcome.error?.code).toBe("deadline_exceeded");
      expect(outcome.messages).toHaveLength(1);
      expect(["cancelled", "deadline"]).toContain(await (await fleet.seen(text)).ended);
    });
  });

  test("spread: calls that are open at once go to three pods", async () => {
    const texts = ["connect-json", "connect-binary", "grpc-web-text"].map((client) => fresh(client as ClientName));
    const outcomes = texts.map((text, i) =>
      stage.visitor.call(spec(STREAMING[i], text, { method: "Count", request: { to: 0, stepwise: true } })),
    );
    const seen = await Promise.all(texts.map((text) => stage.fleet.seen(text)));
    expect(new Set(seen.map(({ pod }) => pod)).size).toBe(3);
    for (const text of texts) stage.fleet.step(text);
    for (const outcome of await Promise.all(outcomes)) expect(outcome.error).toBeNull();
  });
});
