import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { RawAnswer, RawRequest } from "./page/raw.ts";
import type { Pair } from "./page/spec.ts";
import { chromium, type Stage, startStage } from "./support/stage.ts";
import { type Visitor, visit } from "./support/visitor.ts";

/** What pages may do and see apart from the stock clients: CORS, GET and the browser's cache, content types, uploads, cookies. */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 500_000 });

let stage: Stage;
beforeAll(async () => {
  if (!("missing" in chromium)) stage = await startStage();
});
afterAll(() => stage?.close());

const SERVICE = "fairlead.browser.v1.BrowserService";
const JSON_TYPE: Pair = ["content-type", "application/json"];
const encoder = new TextEncoder();

const ask = ({ tab }: Visitor, request: RawRequest): Promise<RawAnswer> =>
  tab.evaluate((request) => window.page.fetchRaw(request), request);

/** In an envelope: flags, length, message. */
const enveloped = (message: Uint8Array): number[] => [
  0,
  ...new Uint8Array(new Uint32Array([message.length]).buffer).reverse(),
  ...message,
];

let names = 0;
const fresh = (prefix: string) => `${prefix}-${++names}`;

/** Answers that the gateway makes by itself, each to a page of an allowed origin, and what the page sees. */
const OWN_ANSWERS: readonly (readonly [
  what: string,
  request: Omit<RawRequest, "url"> & { readonly path: string },
  sees: { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly text?: RegExp },
])[] = [
  [
    "a type that is none of a call's",
    { path: `${SERVICE}/Say`, headers: [["content-type", "text/plain"]], body: "hello" },
    { status: 415, text: /text\/plain/ },
  ],
  ["no path of a call", { path: "", method: "GET" }, { status: 404 }],
  [
    "a GET without a message",
    { path: `${SERVICE}/Look`, method: "GET" },
    { status: 405, headers: { allow: "GET, POST" } },
  ],
  [
    "a GET of a method that is not listed",
    { path: `${SERVICE}/Say?encoding=json&message=%7B%7D`, method: "GET" },
    { status: 405, headers: { allow: "POST" }, text: /connectGet/ },
  ],
  [
    "a method that no pod has",
    { path: `${SERVICE}/Nothing`, headers: [JSON_TYPE], body: "{}" },
    // The pod, which speaks no error of gRPC here, says 404.
    { status: 404, headers: { "content-type": "application/json" }, text: /"unimplemented"/ },
  ],
  [
    "a message that is too large",
    { path: `${SERVICE}/Say`, headers: [JSON_TYPE], body: JSON.stringify({ text: "x".repeat(200_000) }) },
    { status: 429, text: /"resource_exhausted"/ },
  ],
  [
    "a backend without pods",
    { path: "fairlead.browser.v1.NowhereService/Say", headers: [JSON_TYPE], body: "{}" },
    { status: 503, text: /"unavailable"/ },
  ],
  [
    "a backend without pods, gRPC-Web",
    {
      path: "fairlead.browser.v1.NowhereService/Say",
      headers: [
        ["content-type", "application/grpc-web+proto"],
        ["x-grpc-web", "1"],
      ],
      body: [0, 0, 0, 0, 0],
    },
    { status: 200, headers: { "grpc-status": "14" } },
  ],
  [
    "a backend without pods, Connect stream",
    {
      path: "fairlead.browser.v1.NowhereService/Count",
      headers: [["content-type", "application/connect+json"]],
      body: enveloped(encoder.encode("{}")),
    },
    { status: 200, headers: { "content-type": "application/connect+json" }, text: /"unavailable"/ },
  ],
  [
    "a head that is too long",
    { path: `${SERVICE}/Say`, headers: [JSON_TYPE, ["x-echo-a", "x".repeat(100_000)]], body: "{}" },
    { status: 431 },
  ],
  [
    "a deadline that passes",
    {
      path: `${SERVICE}/Say`,
      headers: [JSON_TYPE, ["connect-timeout-ms", "100"]],
      body: JSON.stringify({ text: "own-answer", hang: true }),
    },
    { status: 504, text: /"deadline_exceeded"/ },
  ],
  [
    "a deadline that nobody can read",
    { path: `${SERVICE}/Say`, headers: [JSON_TYPE, ["connect-timeout-ms", "soon"]], body: "{}" },
    { status: 400, text: /"invalid_argument"/ },
  ],
  [
    "a coding that nobody knows",
    { path: `${SERVICE}/Say`, headers: [JSON_TYPE, ["content-encoding", "snail"]], body: "{}" },
    { status: 501, text: /"unimplemented".*snail/ },
  ],
  [
    "a version that nobody knows",
    { path: `${SERVICE}/Say`, headers: [JSON_TYPE, ["connect-protocol-version", "9"]], body: "{}" },
    { status: 400, text: /"invalid_argument"/ },
  ],
];

describe.skipIf("missing" in chromium).each(["plain", "tls"] as const)("over %s", (listener) => {
  const url = (path: string) => `${stage.gateway.urls[listener]}/${path}`;

  describe("CORS", () => {
    test.each(OWN_ANSWERS)(
      "%s: a page that may call sees the answer, another one sees nothing",
      async (_, request, sees) => {
        const { path, ...rest } = request;
        const answer = await ask(stage.visitor, { ...rest, url: url(path) });
        expect(answer).toMatchObject({ status: sees.status, headers: sees.headers ?? {} });
        if (sees.text !== undefined) expect(answer).toHaveProperty("text", expect.stringMatching(sees.text));
        expect(await ask(stage.stranger, { ...rest, url: url(path) })).toEqual({
          failed: "TypeError: Failed to fetch",
        });
      },
    );

    test("a call by a page that may not call: the browser asks first, and no pod hears of it", async () => {
      const text = fresh("stranger");
      const body = JSON.stringify({ text });
      expect(await ask(stage.stranger, { url: url(`${SERVICE}/Say`), headers: [JSON_TYPE], body })).toHaveProperty(
        "failed",
      );
      // Whatever came before this one would have been seen before it.
      await ask(stage.visitor, {
        url: url(`${SERVICE}/Say`),
        headers: [JSON_TYPE],
        body: JSON.stringify({ text: `${text}-not` }),
      });
      expect(stage.fleet.calls.map((call) => call.text)).toContain(`${text}-not`);
      expect(stage.fleet.calls.map((call) => call.text)).not.toContain(text);
    });

    test("a header that is not listed: the browser does not send the call", async () => {
      const request = { url: url(`${SERVICE}/Say`), body: "{}" };
      expect(await ask(stage.visitor, { ...request, headers: [JSON_TYPE, ["x-other", "1"]] })).toHaveProperty("failed");
      expect(await ask(stage.visitor, { ...request, headers: [JSON_TYPE, ["x-echo-a", "1"]] })).toHaveProperty(
        "status",
        200,
      );
    });

    test("a page that may call remembers it: one preflight for many calls", async () => {
      const visitor = await visit(stage.browser, await stage.visitor.tab.evaluate(() => location.href));
      try {
        const request = { url: url(`${SERVICE}/Say`), headers: [JSON_TYPE], body: "{}" };
        for (let call = 1; call <= 3; call++) expect(await ask(visitor, request)).toHaveProperty("status", 200);
        expect((await visitor.requests(url(""))).map(({ method }) => method).sort()).toEqual([
          "OPTIONS",
          "POST",
          "POST",
          "POST",
        ]);
      } finally {
        await visitor.close();
      }
    });

    test("cookies are for a listener that allows credentials", async () => {
      const request = { headers: [JSON_TYPE], credentials: "include" as const };
      if (listener === "plain") {
        const { credentials } = stage.gateway.urls;
        await stage.visitor.tab.context().addCookies([{ url: credentials, name: "who", value: "me" }]);
        const text = fresh("cookie");
        const body = JSON.stringify({ text });
        expect(await ask(stage.visitor, { ...request, url: `${credentials}/${SERVICE}/Say`, body })).toHaveProperty(
          "status",
          200,
        );
        expect((await stage.fleet.seen(text)).header.get("cookie")).toBe("who=me");
      }
      expect(await ask(stage.visitor, { ...request, url: url(`${SERVICE}/Say`), body: "{}" })).toHaveProperty("failed");
    });
  });

  describe("GET", () => {
    const look = (text: string) =>
      url(`${SERVICE}/Look?connect=v1&encoding=json&message=${encodeURIComponent(JSON.stringify({ text }))}`);

    test("a listed method: no preflight", async () => {
      const text = fresh("get");
      expect(await ask(stage.visitor, { url: look(text), method: "GET" })).toHaveProperty("status", 200);
      const sent = await stage.visitor.requests(look(text));
      expect(sent.map(({ method, cached }) => [method, cached])).toEqual([["GET", false]]);
    });

    test("connect-web with useHttpGet: a method without side effects is a GET, another one a POST", async () => {
      const call = (method: "Say" | "Look", text: string) =>
        stage.visitor.call({ client: "connect-get", baseUrl: url("").slice(0, -1), method, request: { text } });
      const [got, posted] = [fresh("get"), fresh("get")];
      expect((await call("Look", got)).messages).toMatchObject([{ text: got }]);
      expect((await call("Say", posted)).messages).toMatchObject([{ text: posted }]);
      const sent = await stage.visitor.requests(url(SERVICE));
      expect(sent.filter(({ url }) => url.includes(got)).map(({ method }) => method)).toEqual(["GET"]);
      expect(sent.filter(({ url }) => url.endsWith("/Say")).map(({ method }) => method)).toContain("POST");
      expect(sent.filter(({ url }) => url.includes(posted))).toEqual([]);
    });

    test("an answer that the pod lets be kept: the second one comes out of the browser's cache", async () => {
      const text = fresh(`keep-${listener}`);
      const first = await ask(stage.visitor, { url: look(text), method: "GET" });
      expect(first).toMatchObject({ status: 200, headers: { "cache-control": "max-age=60" } });
      expect(await ask(stage.visitor, { url: look(text), method: "GET" })).toEqual(first);
      expect(stage.fleet.calls.filter((call) => call.text === text)).toHaveLength(1);
      expect((await stage.visitor.requests(look(text))).map(({ cached }) => cached)).toEqual([false, true]);
    });
  });

  describe("content types", () => {
    const say = { text: "charset" };
    const proto = [0x0a, 7, ...encoder.encode("charset")];
    test.each([
      ["application/json; charset=utf-8", JSON.stringify(say)],
      ["application/json;charset=UTF-8", JSON.stringify(say)],
      ["Application/JSON", JSON.stringify(say)],
      ["application/proto; charset=utf-8", proto],
      ["application/grpc-web+proto; charset=utf-8", enveloped(Uint8Array.from(proto))],
      ["application/grpc-web-text; charset=utf-8", btoa(String.fromCharCode(...enveloped(Uint8Array.from(proto))))],
    ])("%s: is served", async (type, body) => {
      const answer = await ask(stage.visitor, { url: url(`${SERVICE}/Say`), headers: [["content-type", type]], body });
      if (!("text" in answer)) throw new Error(answer.failed);
      expect(type.includes("-text") ? atob(answer.text.slice(0, 24)) : answer.text).toContain("charset");
    });

    test("application/connect+json; charset=utf-8: is served", async () => {
      const body = enveloped(encoder.encode(JSON.stringify({ text: "charset", to: 2 })));
      const headers: Pair[] = [["content-type", "application/connect+json; charset=utf-8"]];
      expect(await ask(stage.visitor, { url: url(`${SERVICE}/Count`), headers, body })).toMatchObject({
        status: 200,
        text: expect.stringMatching(/"number":1.*"number":2.*\{\}$/s),
      });
    });

    test("XMLHttpRequest, which puts a charset on the type of a text, as React Native does: is served", async () => {
      const text = fresh("xhr");
      const answer = await stage.visitor.tab.evaluate(
        ({ url, text }) =>
          window.page.xhrRaw({
            url,
            headers: [["content-type", "application/json;charset=utf-8"]],
            body: JSON.stringify({ text }),
          }),
        { url: url(`${SERVICE}/Say`), text },
      );
      expect(answer).toMatchObject({ status: 200, text: expect.stringContaining(text) });
      expect((await stage.fleet.seen(text)).header.get("content-type")).toBe("application/grpc+json");
    });
  });

  describe("streaming upload", () => {
    /** Chromium does it over HTTP/2 only, so that each listener has tests of its own. */
    const on = (wanted: typeof listener) => (listener === wanted ? test : () => {});
    const start = (name: string, method: string) =>
      stage.visitor.tab.evaluate(({ name, url }) => window.page.upload.start(name, url), {
        name,
        url: url(`${SERVICE}/${method}`),
      });
    const send = (name: string, text: string) =>
      stage.visitor.tab.evaluate(({ name, text }) => window.page.upload.send(name, text), { name, text });
    const finish = (name: string) => stage.visitor.tab.evaluate((name) => window.page.upload.finish(name), name);
    const answers = (name: string) => stage.visitor.tab.evaluate((name) => window.page.upload.answers(name), name);
    /** The call of that method that comes next. */
    const next = async (method: string) => {
      const before = stage.fleet.calls.length;
      for (;;) {
        const call = stage.fleet.calls.slice(before).find((call) => call.method === method);
        if (call !== undefined) return call;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };

    on("tls")("client stream: each message reaches the pod when the page sends it", async () => {
      const name = fresh("join");
      const coming = next("Join");
      await start(name, "Join");
      await send(name, "one");
      const call = await coming;
      await stage.fleet.received(call, 1);
      await send(name, "two");
      await stage.fleet.received(call, 2);
      await finish(name);
      expect(await answers(name)).toEqual(["one two", "end {}"]);
      expect(await call.ended).toBe("ok");
    });

    on("tls")("bidi stream: half duplex, Chromium shows no answer before the upload has ended", async () => {
      const name = fresh("chat");
      const coming = next("Chat");
      await start(name, "Chat");
      await send(name, "one");
      const call = await coming;
      await stage.fleet.received(call, 1);
      await send(name, "two");
      await stage.fleet.received(call, 2);
      await finish(name);
      expect(await answers(name)).toEqual(["one", "two", "end {}"]);
      const events = stage.visitor.events.filter((event) => event.call === name).map(({ what }) => what);
      expect(events).toEqual(["finished", "response"]);
    });

    on("plain")("HTTP/1.1: Chromium refuses by itself, and no pod hears of it", async () => {
      const before = stage.fleet.calls.length;
      const name = fresh("join");
      await start(name, "Join");
      await send(name, "one");
      await finish(name);
      expect(await answers(name)).toEqual({ failed: "TypeError: Failed to fetch" });
      expect(stage.fleet.calls.length).toBe(before);
    });
  });

  test("a tab that is closed: the pod sees the cancel", async () => {
    const text = fresh("closed");
    const visitor = await visit(stage.browser, await stage.visitor.tab.evaluate(() => location.href));
    const baseUrl = url("").slice(0, -1);
    const call = visitor.call({
      client: "connect-json",
      baseUrl,
      method: "Count",
      request: { text, to: 2, stepwise: true },
    });
    call.catch(() => {});
    stage.fleet.step(text);
    await visitor.event(text, "message 1");
    const { ended } = await stage.fleet.seen(text);
    await visitor.close();
    expect(await ended).toBe("cancelled");
  });
});
