import { describe, expect, test } from "vitest";
import type { CorsSettings, RouteSettings, Settings } from "../../src/config/settings.ts";
import { allowsOrigin } from "../../src/protocols/cors.ts";
import { message, okHead, okTrailers } from "../gateway/support/fields.ts";
import type { Pod } from "../gateway/support/pod.ts";
import { listenerSettings, routeSettings } from "../gateway/support/settings.ts";
import { POD, startWorld, type World, type WorldOptions } from "../gateway/support/world.ts";
import { type Answer, type Asked, ask, type Way, ways } from "./support/ask.ts";

const page = "https://app.example.com";
const stranger = "https://evil.example";

function cors(more: Partial<CorsSettings> = {}): CorsSettings {
  return {
    allowOrigins: [page],
    allowHeaders: [],
    exposeHeaders: [],
    allowCredentials: false,
    maxAge: 7_200_000,
    ...more,
  };
}

interface Parts {
  readonly listener?: CorsSettings | null;
  readonly route?: Partial<RouteSettings>;
  readonly settings?: Partial<Settings>;
  readonly backend?: WorldOptions["backend"];
  /** What a call gets; null: there is no pod. */
  readonly pod?: ((call: Parameters<Pod["onCall"]>[0]) => void) | null;
}

async function start({
  listener = cors(),
  route = {},
  settings = {},
  backend = {},
  pod = answer,
}: Parts = {}): Promise<World & { readonly pods: Pod[] }> {
  const pods: Pod[] = [];
  const world = await startWorld(
    {
      settings: { listeners: [listenerSettings({ cors: listener })], routes: [routeSettings(route)], ...settings },
      backend,
    },
    (made) => {
      if (pod === null) return;
      const at = made.pod(POD);
      at.onCall = pod;
      pods.push(at);
    },
  );
  return Object.assign(world, { pods });
}

/** A pod that minds CORS itself, with metadata in the head and in the trailers. */
function answer(call: Parameters<Pod["onCall"]>[0]): void {
  call.sendHead([
    ...okHead,
    "access-control-allow-origin",
    "*",
    "x-shelf",
    "7",
    "access-control-expose-headers",
    "x-shelf",
  ]);
  call.send(message(2)).finish([...okTrailers, "x-cost", "3"]);
}

const preflight = (origin: string, more: Readonly<Record<string, string>> = {}): Asked => ({
  method: "OPTIONS",
  headers: {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "connect-protocol-version,content-type",
    ...more,
  },
});

const unary = (origin: string, more: Readonly<Record<string, string>> = {}, body = message(1).slice(5)): Asked => ({
  headers: { "content-type": "application/proto", "connect-protocol-version": "1", origin, ...more },
  body,
});

const web = (origin: string): Asked => ({
  headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", origin },
  body: message(1),
});

const names = (value: string | null) => (value ?? "").split(",").map((name) => name.trim().toLowerCase());

/** What a browser demands of an answer to a page of the origin, and caches of it. */
function expectShown(got: Answer, origin = page): void {
  expect(got.lines("access-control-allow-origin")).toEqual([origin]);
  expect(names(got.header("vary"))).toContain("origin");
  expect(got.lines("access-control-expose-headers")).toHaveLength(1);
  expect(names(got.header("access-control-expose-headers"))).toEqual(
    expect.arrayContaining(["grpc-status", "grpc-message", "grpc-status-details-bin"]),
  );
  expect(names(got.header("access-control-expose-headers"))).not.toContain("*");
}

function expectHidden(got: Answer): void {
  for (const name of ["allow-origin", "allow-credentials", "allow-methods", "allow-headers", "expose-headers"]) {
    expect(got.header(`access-control-${name}`), name).toBeNull();
  }
}

describe("origins", () => {
  test.each([
    [["https://a.example"], "https://a.example", true],
    [["https://a.example"], "https://A.example", true],
    [["https://a.example"], "http://a.example", false],
    [["https://a.example"], "https://a.example:8443", false],
    [["https://a.example"], "https://a.example.evil", false],
    [["https://a.example"], "https://b.a.example", false],
    [["https://a.example:8443"], "https://a.example:8443", true],
    [["https://x", "https://a.example"], "https://a.example", true],
    [["https://*.example.com"], "https://a.example.com", true],
    [["https://*.example.com"], "https://a.b.example.com", true],
    [["https://*.example.com"], "https://example.com", false],
    [["https://*.example.com"], "https://evilexample.com", false],
    [["https://*.example.com"], "https://.example.com", false],
    [["https://*.example.com"], "https://a..example.com", false],
    [["https://*.example.com"], "https://a.example.com.evil", false],
    [["https://*.example.com"], "https://evil/.example.com", false],
    [["https://*.example.com"], "https://evil:1.example.com", false],
    [["https://*.example.com"], "http://a.example.com", false],
    [["https://*.example.com"], "https://a.example.com:8443", false],
    [["https://*.example.com:8443"], "https://a.example.com:8443", true],
    [["capacitor://localhost"], "capacitor://localhost", true],
    [["*"], "https://a.example", true],
    [["*"], "null", true],
    [["https://a.example"], "null", false],
    [["*"], "", false],
    [[], "https://a.example", false],
  ] as const)("%j and %s: %s", (allowOrigins, origin, allowed) => {
    expect(allowsOrigin(cors({ allowOrigins }), origin)).toBe(allowed);
  });
});

describe.each(ways)("CORS over %s", (way: Way) => {
  describe("preflight", () => {
    test("of an allowed origin: 204 with origin, methods, headers, age and Vary; no pod hears of it", async () => {
      const world = await start({ listener: cors({ allowHeaders: ["authorization", "x-tenant"] }) });
      const got = await ask(world, way, preflight(page));
      expect(got.status).toBe(204);
      expect(got.body).toHaveLength(0);
      expect(got.lines("access-control-allow-origin")).toEqual([page]);
      expect(names(got.header("access-control-allow-methods"))).toEqual(["post", "get"]);
      // protocols.md, CORS.
      expect(names(got.header("access-control-allow-headers"))).toEqual(
        expect.arrayContaining([
          ...["content-type", "connect-protocol-version", "connect-timeout-ms", "accept-encoding", "content-encoding"],
          ...["connect-accept-encoding", "connect-content-encoding", "grpc-timeout", "x-grpc-web", "x-user-agent"],
          ...["authorization", "x-tenant"],
        ]),
      );
      expect(got.header("access-control-max-age")).toBe("7200");
      expect(names(got.header("vary"))).toEqual([
        "origin",
        "access-control-request-method",
        "access-control-request-headers",
      ]);
      expect(got.header("access-control-allow-credentials")).toBeNull();
      expect(world.pods[0].calls).toEqual([]);
    });

    test("of any other origin: 204 without a permission, with Vary; no pod hears of it", async () => {
      const world = await start();
      for (const origin of [stranger, "null", "https://app.example.com.evil", "http://app.example.com"]) {
        const got = await ask(world, way, preflight(origin));
        expect(got.status).toBe(204);
        expectHidden(got);
        expect(names(got.header("vary"))).toContain("origin");
      }
      expect(world.pods[0].calls).toEqual([]);
    });

    test("without any settings: nothing is allowed", async () => {
      const world = await start({ listener: null });
      const got = await ask(world, way, preflight(page));
      expect(got.status).toBe(204);
      expectHidden(got);
      expect(world.pods[0].calls).toEqual([]);
    });

    test("to what no route takes, and to what is no call: as everywhere, so that the page sees the error", async () => {
      const world = await start({ route: { matches: [match("other.Service")] } });
      for (const path of ["/test.Echo/Unary", "/x"]) {
        const got = await ask(world, way, { ...preflight(page), path });
        expect(got.status).toBe(204);
        expect(got.header("access-control-allow-origin")).toBe(page);
      }
    });

    test("OPTIONS that is none: 405", async () => {
      const world = await start();
      const got = await ask(world, way, { method: "OPTIONS", headers: { origin: page } });
      expect(got.status).toBe(405);
      expectShown(got);
    });
  });

  describe("who is allowed", () => {
    test("every page, without credentials: *", async () => {
      const world = await start({ listener: cors({ allowOrigins: ["*"] }) });
      for (const asked of [preflight(stranger), unary(stranger)]) {
        const got = await ask(world, way, asked);
        expect(got.lines("access-control-allow-origin")).toEqual(["*"]);
        expect(got.header("access-control-allow-credentials")).toBeNull();
      }
    });

    test("with credentials: the very origin, and never a wildcard", async () => {
      const listener = cors({ allowOrigins: [page, "https://*.example.org"], allowCredentials: true });
      const world = await start({ listener });
      for (const origin of [page, "https://a.b.example.org"]) {
        for (const asked of [preflight(origin), unary(origin), web(origin)]) {
          const got = await ask(world, way, asked);
          expect(got.lines("access-control-allow-origin")).toEqual([origin]);
          expect(got.lines("access-control-allow-credentials")).toEqual(["true"]);
          for (const name of ["allow-headers", "allow-methods", "expose-headers"]) {
            expect(names(got.header(`access-control-${name}`))).not.toContain("*");
          }
        }
      }
      expectHidden(await ask(world, way, unary(stranger)));
    });

    test("a route's own settings: in place of the listener's", async () => {
      const other = "https://other.example";
      const world = await start({ route: { cors: cors({ allowOrigins: [other], maxAge: 60_500 }) } });
      for (const asked of [preflight, unary, web]) {
        expect((await ask(world, way, asked(other))).header("access-control-allow-origin")).toBe(other);
        expectHidden(await ask(world, way, asked(page)));
      }
      expect((await ask(world, way, preflight(other))).header("access-control-max-age")).toBe("60");
    });

    test("a route that is chosen by headers: the preflight, which has none of them, is answered by what takes the method without", async () => {
      const settings = {
        routes: [
          routeSettings({
            matches: [{ ...match("test.Echo"), headers: [{ type: "Exact", name: "x-tester", value: "yes" }] }],
            cors: cors({ allowOrigins: [stranger] }),
          }),
          routeSettings({}),
        ],
      };
      const world = await start({ settings });
      const preflight = (origin: string): Asked => ({
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "x-tester" },
      });
      expect((await ask(world, way, preflight(page))).header("access-control-allow-origin")).toBe(page);
      expect((await ask(world, way, preflight(stranger))).header("access-control-allow-origin")).toBeNull();
    });

    test("a route with empty settings: nobody", async () => {
      const world = await start({ route: { cors: cors({ allowOrigins: [] }) } });
      for (const asked of [preflight(page), unary(page), web(page)]) expectHidden(await ask(world, way, asked));
    });
  });

  describe("the pod's answers", () => {
    test("Connect unary: its metadata and trailers can be read; its own word on CORS is dropped", async () => {
      const world = await start({ listener: cors({ exposeHeaders: ["X-Rare"] }) });
      const got = await ask(world, way, unary(page));
      expect(got.status).toBe(200);
      expect(got.body).toEqual(message(2).slice(5));
      expectShown(got);
      const exposed = names(got.header("access-control-expose-headers"));
      expect(exposed).toEqual(expect.arrayContaining(["x-rare", "x-shelf", "trailer-x-cost"]));
      expect(new Set(exposed).size).toBe(exposed.length);
      expect(got.header("x-shelf")).toBe("7");
    });

    test.each([
      ["gRPC-Web", "application/grpc-web+proto"],
      ["gRPC-Web in text", "application/grpc-web-text"],
      ["Connect stream", "application/connect+proto"],
    ])("%s: its metadata can be read", async (_name, type) => {
      const world = await start();
      const body = type.endsWith("text") ? new TextEncoder().encode(btoa("\0\0\0\0\x01x")) : message(1);
      const got = await ask(world, way, { headers: { "content-type": type, origin: page }, body });
      expect(got.status).toBe(200);
      expect(got.body.length).toBeGreaterThan(0);
      expectShown(got);
      expect(names(got.header("access-control-expose-headers"))).toContain("x-shelf");
    });

    test("an error in a trailers-only head: grpc-status can be read", async () => {
      const refuse: Parts["pod"] = (call) => {
        call.sendHead([...okHead, "grpc-status", "7", "grpc-message", "no", "x-why", "1"]).finish();
      };
      const world = await start({ pod: refuse });
      const got = await ask(world, way, web(page));
      expect(got.header("grpc-status")).toBe("7");
      expectShown(got);
      expect(names(got.header("access-control-expose-headers"))).toContain("x-why");
      const connect = await ask(world, way, unary(page));
      expect(connect.status).toBe(403);
      expectShown(connect);
    });

    test("to two origins and to none, one after the other: each gets its own", async () => {
      const other = "https://other.example";
      const world = await start({ listener: cors({ allowOrigins: [page, other] }) });
      for (const origin of [page, other, page, stranger, other]) {
        const got = await ask(world, way, web(origin));
        if (origin === stranger) expectHidden(got);
        else expectShown(got, origin);
      }
    });

    test("to other origins and to no page: no permission, and Vary for caches", async () => {
      const world = await start();
      const { origin: _, ...none } = unary(page).headers as Record<string, string>;
      for (const asked of [unary(stranger), { ...unary(page), headers: none }]) {
        const got = await ask(world, way, asked);
        expect(got.status).toBe(200);
        expectHidden(got);
        expect(names(got.header("vary"))).toContain("origin");
      }
    });

    test("without any settings: passed on as they are", async () => {
      const world = await start({ listener: null });
      const got = await ask(world, way, unary(page));
      expect(got.header("access-control-allow-origin")).toBe("*");
      expect(got.header("vary")).toBeNull();
    });

    test("Connect GET: may be kept by caches for each origin and coding apart", async () => {
      const world = await start({ route: { connectGet: ["test.Echo/*"] } });
      const path = "/test.Echo/Unary?connect=v1&encoding=proto&message=";
      const got = await ask(world, way, { method: "GET", path, headers: { origin: page } });
      expect(got.status).toBe(200);
      expectShown(got);
      expect(names(got.header("vary"))).toEqual(expect.arrayContaining(["origin", "accept-encoding"]));
    });

    test("Connect GET after POSTs that the pod answered alike: each has its own Vary", async () => {
      const world = await start({
        listener: null,
        route: { connectGet: ["test.Echo/*"] },
        pod: (call) => {
          call.sendHead(okHead);
          call.send(message(1));
          call.finish(okTrailers);
        },
      });
      const posted: Asked = { headers: { "content-type": "application/proto" }, body: new Uint8Array(1) };
      const got: Asked = { method: "GET", path: "/test.Echo/Unary?encoding=proto&message=" };
      const vary: (string | null)[] = [];
      for (const asked of [posted, posted, got, got, posted]) vary.push((await ask(world, way, asked)).header("vary"));
      expect(vary).toEqual([null, null, "Accept-Encoding", "Accept-Encoding", null]);
    });
  });

  /** Every answer that the gateway makes by itself. */
  const own: readonly {
    readonly name: string;
    readonly asked: Asked;
    readonly parts?: Parts;
    readonly wait?: number;
    readonly status: number;
    /** Connect's code, or gRPC's number. */
    readonly code?: string;
  }[] = [
    { name: "no path of a call", asked: { path: "/x", headers: { origin: page } }, status: 404 },
    { name: "wrong method", asked: { method: "PUT", headers: { origin: page }, body: message(1) }, status: 405 },
    {
      name: "GET where no route lists it",
      asked: { method: "GET", path: "/test.Echo/Unary?encoding=proto&message=", headers: { origin: page } },
      // No pod is asked what its schema says of the method.
      parts: { backend: { json: "passthrough" } },
      status: 405,
    },
    { name: "unknown content-type", asked: { headers: { "content-type": "text/plain", origin: page } }, status: 415 },
    {
      name: "message too large, Connect unary",
      asked: unary(page, {}, new Uint8Array(100)),
      parts: { backend: { maxMessageBytes: 99 } },
      status: 429,
      code: "resource_exhausted",
    },
    {
      name: "message too large, gRPC-Web",
      asked: { ...web(page), body: message(100) },
      parts: { backend: { maxMessageBytes: 99 } },
      status: 200,
      code: "8",
    },
    {
      name: "no pod, Connect unary",
      asked: unary(page),
      parts: { pod: null, backend: { maxPending: 0 } },
      status: 503,
      code: "unavailable",
    },
    {
      name: "no pod, gRPC-Web",
      asked: web(page),
      parts: { pod: null, backend: { maxPending: 0 } },
      status: 200,
      code: "14",
    },
    {
      name: "deadline, Connect unary",
      asked: unary(page, { "connect-timeout-ms": "100" }),
      parts: { pod: () => {} },
      wait: 200,
      status: 504,
      code: "deadline_exceeded",
    },
    {
      name: "deadline, gRPC-Web",
      asked: { ...web(page), headers: { ...web(page).headers, "grpc-timeout": "100m" } },
      parts: { pod: () => {} },
      wait: 200,
      status: 200,
      code: "4",
    },
    {
      name: "idle timeout, Connect stream",
      asked: { headers: { "content-type": "application/connect+proto", origin: page }, body: message(1) },
      parts: { pod: () => {}, backend: { idleTimeout: 100 } },
      wait: 300,
      status: 200,
    },
    {
      name: "no route, Connect unary",
      asked: unary(page),
      parts: { route: { matches: [match("other.Service")] } },
      status: 501,
      code: "unimplemented",
    },
    {
      name: "no route, gRPC-Web",
      asked: web(page),
      parts: { route: { matches: [match("other.Service")] } },
      status: 200,
      code: "12",
    },
    {
      name: "unknown compression",
      asked: unary(page, { "content-encoding": "lzma" }),
      status: 501,
      code: "unimplemented",
    },
    {
      name: "wrong version",
      asked: unary(page, { "connect-protocol-version": "2" }),
      status: 400,
      code: "invalid_argument",
    },
    {
      name: "malformed timeout",
      asked: unary(page, { "connect-timeout-ms": "soon" }),
      status: 400,
      code: "invalid_argument",
    },
    {
      name: "a pod that answers 502 in HTML",
      asked: unary(page),
      parts: {
        pod: (call) => {
          call.sendHead([":status", "502", "content-type", "text/html"]).send(new Uint8Array(9)).finish();
        },
      },
      status: 502,
      code: "unavailable",
    },
  ];

  describe("the gateway's own answers: can be read by the page", () => {
    test.each(own)("$name: $status", async ({ asked, parts = {}, wait, status, code }) => {
      const world = await start(parts);
      const got = await ask(world, way, asked, wait);
      expect(got.status).toBe(status);
      expectShown(got);
      if (code !== undefined && status !== 200) expect(JSON.parse(got.text)).toMatchObject({ code });
      else if (code !== undefined) expect(got.header("grpc-status")).toBe(code);
    });

    test.each(own)("$name, to another origin: cannot", async ({ asked, parts = {}, wait, status }) => {
      const world = await start(parts);
      const got = await ask(world, way, { ...asked, headers: { ...asked.headers, origin: stranger } }, wait);
      expect(got.status).toBe(status);
      expectHidden(got);
    });
  });
});

describe("CORS, header list over the limit", () => {
  const large = { "x-large": "v".repeat(65_536) };

  test("origin before the limit: 431 that the page can read", async () => {
    const world = await start();
    const got = await ask(world, "HTTP/2", unary(page, large));
    expect(got.status).toBe(431);
    expectShown(got);
  });

  test("origin after the limit: 431 that every page can read, as nobody knows whose it is", async () => {
    const world = await start();
    const got = await ask(world, "HTTP/2", { headers: { ...large, origin: stranger } });
    expect(got.status).toBe(431);
    expect(got.lines("access-control-allow-origin")).toEqual(["*"]);
    expect(got.text).toContain("maxHeaderListBytes");
  });

  test("over fetch: 431 that the page can read; too many fields, too", async () => {
    const world = await start();
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, "1"]));
    for (const [headers, limit] of [
      [large, "maxHeaderListBytes"],
      [many, "maxHeaderFields"],
    ] as const) {
      const got = await ask(world, "fetch", unary(page, headers));
      expect(got.status).toBe(431);
      expectShown(got);
      expect(got.text).toContain(limit);
    }
    expect(world.pods[0].calls).toEqual([]);
  });

  test("without any settings: 431 that no page can read", async () => {
    const world = await start({ listener: null });
    const got = await ask(world, "HTTP/2", { headers: { ...large, origin: page } });
    expect(got.status).toBe(431);
    expectHidden(got);
  });
});

test.each(["HTTP/1.1", "fetch"] as const)("gRPC over %s: 426 that the page can read", async (way) => {
  const asked: Asked = { headers: { "content-type": "application/grpc", origin: page }, body: message(1) };
  const got = await ask(await start(), way, asked);
  expect(got.status).toBe(426);
  expectShown(got);
  const hidden = await ask(await start({ listener: null }), way, asked);
  expect(hidden.status).toBe(426);
  expectHidden(hidden);
});

test("gRPC: is not for pages, and passed on as it is", async () => {
  const world = await start();
  const got = await ask(world, "HTTP/2", {
    headers: { "content-type": "application/grpc", te: "trailers", origin: page },
    body: message(1),
  });
  expect(got.status).toBe(200);
  expect(got.lines("access-control-allow-origin")).toEqual(["*"]);
  expect(got.header("vary")).toBeNull();
});

function match(service: string): RouteSettings["matches"][number] {
  return { type: "Exact", service, method: null, headers: [] };
}
