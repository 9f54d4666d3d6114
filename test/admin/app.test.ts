import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { createAdminApp } from "../../src/admin/app.ts";
import { AdminService } from "../../src/gen/fairlead/admin/v1/admin_pb.ts";
import { serve } from "../../src/runtime/serve.ts";
import { track } from "../support/harness.ts";
import { backend, createFakeView, endpoint, fakeProcess, resolutions } from "./fake-view.ts";

const view = createFakeView();

async function get(path: string, of = view): Promise<{ status: number; type: string; text: string; headers: Headers }> {
  const response = await createAdminApp(of, fakeProcess).fetch(new Request(`http://admin${path}`));
  const { status, headers } = response;
  return { status, headers, type: headers.get("content-type") ?? "", text: await response.text() };
}

describe("/livez", () => {
  test.each(["starting", "ready", "draining", "stopped"] as const)("%s: alive", async (now) => {
    const of = createFakeView();
    of.now = now;
    expect(await get("/livez", of)).toMatchObject({ status: 200, text: "alive\n" });
  });
});

describe("/readyz", () => {
  test("ready: 200", async () => {
    expect(await get("/readyz")).toMatchObject({ status: 200, text: "ready\n" });
  });

  test.each(["starting", "draining", "stopped"] as const)("%s: 503, and says so", async (now) => {
    const of = createFakeView();
    of.now = now;
    expect(await get("/readyz", of)).toMatchObject({ status: 503, text: `not ready: ${now}\n` });
  });

  test("a backend that has not been resolved yet: 503, and says which", async () => {
    const of = createFakeView();
    of.backendViews.push(backend({ name: "late", endpoints: [], resolutions: resolutions({}) }));
    expect(await get("/readyz", of)).toMatchObject({ status: 503, text: "not ready: late: not resolved yet\n" });
  });

  test.each(["nxdomain", "nodata", "timeout"] as const)(
    "a backend whose answer was %s: 200, the others work",
    async (outcome) => {
      const of = createFakeView();
      of.backendViews.push(backend({ name: "gone", endpoints: [], resolutions: resolutions({ [outcome]: 1 }) }));
      expect(await get("/readyz", of)).toMatchObject({ status: 200 });
    },
  );

  test("a backend of fixed addresses, never resolved: 200", async () => {
    const of = createFakeView();
    of.backendViews = [backend({ resolutions: resolutions({}) })];
    expect(await get("/readyz", of)).toMatchObject({ status: 200 });
  });
});

describe("the page", () => {
  test("shows every endpoint and its share", async () => {
    const of = createFakeView();
    of.backendViews = [
      backend({ endpoints: [endpoint(), endpoint({ address: "10.0.0.2:50051", state: "backoff", picks: 30 })] }),
    ];
    const { status, type, text } = await get("/", of);
    expect({ status, type }).toEqual({ status: 200, type: "text/html; charset=UTF-8" });
    expect(text).toContain("10.0.0.1:50051");
    expect(text).toContain("25.0%");
    expect(text).toContain("75.0%");
    expect(text).toContain("8 calls (2 deadline_exceeded, 1 unavailable)");
  });

  test("a backend without endpoints: says so", async () => {
    const of = createFakeView();
    of.backendViews = [backend({ endpoints: [] })];
    expect((await get("/", of)).text).toContain("no endpoints");
  });

  test("loads nothing from anywhere, and escapes what it shows", async () => {
    const of = createFakeView();
    of.backendViews = [backend({ target: "<img src=x onerror=alert(1)>" })];
    const { text, headers } = await get("/", of);
    expect(text).not.toContain("<img");
    expect(text).not.toMatch(/<[^>]*(src|href)=|https?:|@import|url\(/);
    expect(headers.get("content-security-policy")).toMatch(/^default-src 'none';/);
  });
});

describe("AdminService", () => {
  const path = "/fairlead.admin.v1.AdminService/GetState";

  // `curl -d {}` says that it sends a form.
  test.each(["application/json", "application/x-www-form-urlencoded"])("by curl: POST of JSON as %s", async (type) => {
    const request = new Request(`http://admin${path}`, {
      method: "POST",
      headers: { "content-type": type },
      body: "{}",
    });
    const response = await createAdminApp(view, fakeProcess).fetch(request);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      state: "ready",
      ready: true,
      version: "1.2.3",
      listeners: [{ name: "public", host: "0.0.0.0", port: 8080, connections: 3 }],
      backends: [
        {
          name: "echo",
          target: "dns:///echo:50051",
          endpoints: [
            {
              address: "10.0.0.1:50051",
              state: "ready",
              outstanding: 2,
              connections: 1,
              picks: 10,
              connectFailures: 3,
            },
          ],
          calls: { ok: 5, deadline_exceeded: 2, unavailable: 1 },
          pending: 4,
          retries: 6,
          resolutions: { ok: 7, timeout: 1 },
        },
      ],
    });
  });

  test("by GET, as it has no side effects", async () => {
    const { status, text } = await get(`${path}?connect=v1&encoding=json&message=%7B%7D`);
    expect(status).toBe(200);
    expect(JSON.parse(text).backends[0].name).toBe("echo");
  });

  test("a wrong method or content type: told by status", async () => {
    const app = createAdminApp(view, fakeProcess);
    const put = await app.fetch(new Request(`http://admin${path}`, { method: "PUT", body: "{}" }));
    expect(put.status).toBe(405);
    const text = await app.fetch(
      new Request(`http://admin${path}`, { method: "POST", body: "{}", headers: { "content-type": "text/plain" } }),
    );
    expect(text.status).toBe(415);
  });

  test("by curl and by a Connect client, over a real port", async () => {
    const { port } = track(await serve(createAdminApp(view, fakeProcess).fetch, "127.0.0.1", 0));
    const form = { method: "POST", body: "{}", headers: { "content-type": "application/x-www-form-urlencoded" } };
    expect((await fetch(`http://127.0.0.1:${port}${path}`, form)).status).toBe(200);
    const client = createClient(
      AdminService,
      createConnectTransport({ baseUrl: `http://127.0.0.1:${port}`, httpVersion: "1.1" }),
    );
    const state = await client.getState({});
    expect(state.backends[0].endpoints[0]).toMatchObject({ address: "10.0.0.1:50051", outstanding: 2, picks: 10 });
  });
});

describe("anything else", () => {
  test("404, and says what there is", async () => {
    const { status, text } = await get("/healthz");
    expect(status).toBe(404);
    expect(text).toContain("/livez, /readyz, /metrics");
  });
});
