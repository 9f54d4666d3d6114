import { describe, expect, test } from "vitest";
import type { RouteMatch, RouteSettings } from "../../src/config/settings.ts";
import { createRouter, type RoutedCall } from "../../src/routing/router.ts";
import { seededRandom } from "../support/random.ts";

const never = () => {
  throw new Error("nothing is left to chance here");
};

/** A route to a backend of its own name. */
function route(name: string, parts: Partial<RouteSettings> = {}): RouteSettings {
  const other = { connectGet: [], requireConnectProtocolVersion: false, cors: null };
  return { name, hostnames: [], matches: [], backendRefs: [{ name, weight: 1 }], ...other, ...parts };
}

function match(parts: Partial<RouteMatch>): RouteMatch {
  return { type: "Exact", service: null, method: null, headers: [], ...parts };
}

function header(name: string, value: string, type: RouteMatch["type"] = "Exact"): RouteMatch["headers"][number] {
  return { name, value, type };
}

const call: RoutedCall = { service: "shop.v1.Cart", method: "Get", authority: "shop.example.com", headers: [] };

describe("router: what a route takes", () => {
  const cases: readonly (readonly [
    what: string,
    parts: Partial<RouteSettings>,
    taken: Partial<RoutedCall>[],
    not: Partial<RoutedCall>[],
  ])[] = [
    ["nothing said: every call", {}, [{}, { authority: "", service: "", method: "" }], []],
    [
      "a hostname: that one, whatever its case, port and final dot",
      { hostnames: ["shop.example.com"] },
      [
        {},
        { authority: "SHOP.example.com:8080" },
        { authority: "shop.example.com." },
        { authority: "u@shop.example.com:1" },
      ],
      [{ authority: "example.com" }, { authority: "www.shop.example.com" }, { authority: "" }],
    ],
    [
      "a wildcard: one or more labels before it",
      { hostnames: ["*.example.com"] },
      [{}, { authority: "a.b.example.com:1" }],
      [{ authority: "example.com" }, { authority: "badexample.com" }, { authority: ".example.com.evil" }],
    ],
    [
      "several hostnames: any",
      { hostnames: ["a", "b"] },
      [{ authority: "a" }, { authority: "b:1" }],
      [{ authority: "c" }],
    ],
    [
      "an address without a port",
      { hostnames: ["10.0.0.1"] },
      [{ authority: "10.0.0.1" }, { authority: "10.0.0.1:80" }],
      [{}],
    ],
    [
      "a service: all its methods",
      { matches: [match({ service: "shop.v1.Cart" })] },
      [{}, { method: "Put" }],
      [{ service: "shop.v1.CartX" }, { service: "shop.v1.cart" }],
    ],
    [
      "a method: of every service",
      { matches: [match({ method: "Get" })] },
      [{}, { service: "x" }],
      [{ method: "GetAll" }],
    ],
    [
      "regular expressions: the whole value",
      { matches: [match({ type: "RegularExpression", service: "shop\\..*", method: "Get|Put" })] },
      [{}, { method: "Put" }],
      [{ method: "Gets" }, { method: "xPut" }, { service: "my.shop.v1" }],
    ],
    [
      "headers: all of them",
      { matches: [match({ headers: [header("x-a", "1"), header("x-b", "[0-9]+", "RegularExpression")] })] },
      [{ headers: [":path", "/x", "x-a", "1", "x-b", "23"] }],
      [{}, { headers: ["x-a", "1"] }, { headers: ["x-a", "1", "x-b", "2x"] }, { headers: ["x-a", "2", "x-b", "2"] }],
    ],
    [
      "a header that occurs twice: both as one value",
      { matches: [match({ headers: [header("x-a", "1, 2")] })] },
      [{ headers: ["x-a", "1", "x-c", "x-a", "x-a", "2"] }],
      [{ headers: ["x-a", "1"] }, { headers: ["x-a", "2", "x-a", "1"] }],
    ],
    [
      "cookies that HTTP/2 clients have split: as one (RFC 9113 8.2.3)",
      { matches: [match({ headers: [header("cookie", "(.*; )?canary=1(;.*)?", "RegularExpression")] })] },
      [
        { headers: ["cookie", "a=2; canary=1; b=3"] },
        { headers: ["cookie", "a=2", "x-c", "", "cookie", "canary=1", "cookie", "b=3"] },
      ],
      [{ headers: ["cookie", "a=2", "cookie", "b=canary=1"] }],
    ],
    [
      "several matches: any",
      { matches: [match({ service: "a" }), match({ headers: [header("x", "y")] })] },
      [{ service: "a" }, { headers: ["x", "y"] }],
      [{}],
    ],
  ];
  test.each(cases)("%s", (_what, parts, taken, not) => {
    const router = createRouter([route("it", parts)], never);
    for (const one of taken) expect(router.route({ ...call, ...one }), JSON.stringify(one)).toBe("it");
    for (const one of not) expect(router.route({ ...call, ...one }), JSON.stringify(one)).toBeNull();
  });
});

describe("router: which of several routes", () => {
  /** In the order of precedence: each comes before those after it, wherever it stands. */
  const ranked: readonly RouteSettings[] = [
    route("exact host", { hostnames: ["shop.example.com"] }),
    route("long wildcard", { hostnames: ["*.example.com"], matches: [match({ method: "Get" })] }),
    route("short wildcard", { hostnames: ["*.com"], matches: [match({ service: "shop.v1.Cart", method: "Get" })] }),
    route("service and method", { matches: [match({ service: "shop.v1.Cart", method: "Get" })] }),
    route("service and longer pattern", {
      matches: [match({ service: "shop.v1.Cart", headers: [header("x-a", "1"), header("x-b", "2")] })],
    }),
    route("service and a header", { matches: [match({ service: "shop.v1.Cart", headers: [header("x-a", "1")] })] }),
    route("service", { matches: [match({ service: "shop.v1.Cart" })] }),
    route("service by pattern", { matches: [match({ type: "RegularExpression", service: "shop[.]v1[.]Cart.*" })] }),
    route("method", { matches: [match({ method: "Get" })] }),
    route("method by pattern", { matches: [match({ type: "RegularExpression", method: "Get|Put|Delete" })] }),
    route("headers", { matches: [match({ headers: [header("x-a", "1"), header("x-b", "2")] })] }),
    route("all", {}),
  ];
  const everything = { ...call, headers: ["x-a", "1", "x-b", "2"] };

  test("the most specific, wherever it stands", () => {
    for (let first = 0; first < ranked.length; first++) {
      const rest = ranked.slice(first);
      expect(createRouter(rest, never).route(everything)).toBe(rest[0].name);
      expect(createRouter(rest.toReversed(), never).route(everything)).toBe(rest[0].name);
    }
  });

  test("equally specific ones: the first", () => {
    const same = { matches: [match({ service: "shop.v1.Cart" })] };
    expect(createRouter([route("a", same), route("b", same)], never).route(call)).toBe("a");
    expect(createRouter([route("b", same), route("a", same)], never).route(call)).toBe("b");
  });

  test("a match of one route stands before a lesser match of the same one", () => {
    const router = createRouter(
      [
        route("a", { matches: [match({ service: "shop.v1.Cart" }), match({ method: "Get" })] }),
        route("b", { matches: [match({ service: "shop.v1.Cart", method: "Put" })] }),
      ],
      never,
    );
    expect(router.route(call)).toBe("a");
    expect(router.route({ ...call, method: "Put" })).toBe("b");
    expect(router.route({ ...call, service: "x" })).toBe("a");
  });
});

describe("router: several backends of a route", () => {
  const weighted = route("r", {
    backendRefs: [
      { name: "a", weight: 1 },
      { name: "never", weight: 0 },
      { name: "b", weight: 3 },
    ],
  });

  test.each([
    // Of a total of 4: [0, 1) is a, [1, 4) is b.
    [0, "a"],
    [0.2499, "a"],
    [0.25, "b"],
    [0.9999999999999999, "b"],
  ])("a draw of %d: %s", (draw, name) => {
    expect(createRouter([weighted], () => draw).route(call)).toBe(name);
  });

  test("many draws: in proportion to the weights", () => {
    const router = createRouter([weighted], seededRandom(7));
    const counts: Record<string, number> = { a: 0, b: 0, never: 0 };
    for (let i = 0; i < 10_000; i++) counts[router.route(call)!]++;
    // Binomial with n = 10,000 and p = 1/4: the standard deviation is 43.
    expect(counts.a).toBeGreaterThan(2500 - 5 * 43);
    expect(counts.a).toBeLessThan(2500 + 5 * 43);
    expect(counts.never).toBe(0);
  });

  test("one backend with a weight: no draw", () => {
    const refs = [
      { name: "a", weight: 5 },
      { name: "b", weight: 0 },
    ];
    expect(createRouter([route("r", { backendRefs: refs })], never).route(call)).toBe("a");
  });
});

describe("router: what may be remembered", () => {
  test("one route for everything: the same decision, whatever the call", () => {
    const router = createRouter([route("it")], never);
    const decision = router.decide("a", "b", "c");
    expect(decision).toMatchObject({ kind: "fixed", backend: "it" });
    expect(router.decide("x", "y", "z")).toBe(decision);
  });

  test("no route: fixed, too", () => {
    const router = createRouter([route("it", { hostnames: ["a"] })], never);
    expect(router.decide("a", "b", "c")).toMatchObject({ kind: "fixed", backend: null });
  });

  test("headers that only lesser routes want: fixed", () => {
    const lesser = route("lesser", { matches: [match({ headers: [header("x", "y")] })] });
    const router = createRouter([lesser, route("it", { matches: [match({ service: "shop.v1.Cart" })] })], never);
    expect(router.decide("shop.v1.Cart", "Get", "")).toMatchObject({ kind: "fixed", backend: "it" });
  });

  test("headers or chance: open, and asked for each call", () => {
    const tenants = route("tenants", { matches: [match({ headers: [header("x", "y")] })] });
    const draws = [0.1, 0.9];
    const both = route("both", {
      backendRefs: [
        { name: "a", weight: 1 },
        { name: "b", weight: 1 },
      ],
    });
    const decision = createRouter([tenants, both], () => draws.shift()!).decide("s", "m", "h");
    if (decision.kind !== "open") throw new Error(decision.kind);
    expect(decision.take(["x", "y"])?.backend).toBe("tenants");
    expect(decision.take([])?.backend).toBe("a");
    expect(decision.take([])?.backend).toBe("b");
  });

  test("headers that no route wants: null", () => {
    const decision = createRouter([route("it", { matches: [match({ headers: [header("x", "y")] })] })], never).decide(
      "s",
      "m",
      "h",
    );
    expect(decision.kind === "open" && decision.take(["x", "z"])).toBeNull();
  });
});
