import { expect, test } from "vitest";
import { fillCommand } from "./command.ts";
import { type CpuProfile, summarise } from "./cpuprofile.ts";
import { parseShape, readLoad } from "./load.ts";
import { marks } from "./marks.ts";
import { parseOptions } from "./options.ts";
import { plot } from "./plot.ts";
import { protocolMarks, protocolSection } from "./protocols/report.ts";
import type { ProtocolPeer, ProtocolResults } from "./protocols/results.ts";
import { rows } from "./protocols/rows.ts";
import { page } from "./report.ts";
import type { PeerResult, Results } from "./results.ts";
import { median, quantile, seeded, shuffle } from "./stats.ts";

const report = (succeeded: number, ok: number, bytes: number): string => `
finished in 535.92ms, 18659.64 req/s, 1.91MB/s
requests: 100 total, 100 started, 100 done, ${succeeded} succeeded, ${100 - succeeded} failed, 0 errored, 0 timeout
status codes: ${ok} 2xx, 0 3xx, 0 4xx, ${100 - ok} 5xx
traffic: 28.9KB (29600) total, 1.2KB (1200) headers (space savings 90.00%), 6.7KB (${bytes}) data
`;

test("load: a whole run gives its rate", () => {
  expect(readLoad(report(100, 100, 6900), 100)).toEqual({ seconds: 0.53592, callsPerSecond: 18659.64 });
});

test.each([
  ["a call failed", report(99, 100, 6900), /not every call succeeded/],
  ["a status was not 2xx", report(100, 99, 6900), /not every call succeeded/],
  ["bytes are missing", report(100, 100, 6831), /6831 body bytes came back, 6900 were sent/],
  ["h2load said nothing", "could not connect", /gave no result: could not connect/],
])("load: refused when %s", (_, text, message) => {
  expect(() => readLoad(text, 100)).toThrow(message);
});

test("shape: connections x streams, within bounds", () => {
  expect(parseShape("8x16")).toEqual({ connections: 8, streams: 16 });
  for (const bad of ["8", "0x1", "1x1001", "8x16x2", "-1x4"]) expect(() => parseShape(bad), bad).toThrow(/shape/);
});

test("command: holes, quotes and variables", () => {
  const text = `UPS={a},{b} node 'my file.js' --listen 127.0.0.1:{port} --admin={admin}`;
  expect(fillCommand(text, { port: 1, admin: 2, pods: [3, 4] })).toEqual({
    env: { UPS: "3,4" },
    argv: ["node", "my file.js", "--listen", "127.0.0.1:1", "--admin=2"],
  });
  expect(() => fillCommand("A=b", { port: 1, admin: 2, pods: [3, 4] })).toThrow(/no program/);
});

test("stats: quantiles are interpolated, shuffles keep every item", () => {
  expect(median([3, 1, 2, 4])).toBe(2.5);
  expect(quantile([10, 20], 0.99)).toBeCloseTo(19.9);
  expect(median([])).toBeNaN();
  const mixed = shuffle([1, 2, 3, 4, 5], seeded(7));
  expect(mixed.toSorted()).toEqual([1, 2, 3, 4, 5]);
  expect(mixed).toEqual(shuffle([1, 2, 3, 4, 5], seeded(7)));
});

test("profile: self time goes to the function that ran, idle time and time outside the load to nobody", () => {
  const node = (id: number, functionName: string, line: number) => ({
    id,
    callFrame: { functionName, url: functionName.startsWith("(") ? "" : "file:///r/src/a.ts", lineNumber: line },
    positionTicks: [{ line: line + 2, ticks: 1 }],
  });
  const profile: CpuProfile = {
    startTime: 100,
    nodes: [node(1, "(idle)", 0), node(2, "decode", 9), node(3, "encode", 19)],
    samples: [1, 2, 2, 3, 2],
    timeDeltas: [6000, 2000, 1000, 1000, 9000],
  };
  const { busyMs, idleMs, functions, files, lines } = summarise(profile, "/r", [100, 10_100]);
  expect({ busyMs, idleMs }).toEqual({ busyMs: 4, idleMs: 6 });
  expect(functions).toEqual([
    { name: "decode  src/a.ts:10", share: 0.75 },
    { name: "encode  src/a.ts:20", share: 0.25 },
  ]);
  expect(files).toEqual([{ name: "src/a.ts", share: 1 }]);
  expect(lines[0]).toEqual({ name: "src/a.ts:11", share: 0.75 });
});

test("options: quick leaves the page alone, a typing error does not make hours", () => {
  expect(parseOptions(["--quick"])).toMatchObject({ only: ["fairlead"], write: false, latencyRounds: 0 });
  expect(parseOptions([])).toMatchObject({ only: null, write: true, rounds: 7 });
  expect(parseOptions(["--only", "nginx"])).toMatchObject({ write: false });
  expect(() => parseOptions(["--rounds", "7000"])).toThrow(/--rounds 7000: expected/);
});

const peer = (key: string, name: string, ratio: number): PeerResult => ({
  key,
  name,
  version: "1",
  command: key,
  cost: Object.fromEntries(
    ["1x100", "8x16", "32x4", "100x1"].map((shape) => [
      shape,
      { cpuUs: [10 * ratio, 10 * ratio], ratios: [ratio, ratio], callsPerSecond: [1000, 1000] },
    ]),
  ),
  latency: { rate: 500, p99Ms: [2, 3], directP99Ms: [1, 1] },
  readyMs: [5],
  rssIdleBytes: 1048576,
  rssLoadedBytes: 2097152,
});

const results = (ours: number): Results => ({
  date: "2026-01-01",
  machine: { cpu: "c", cores: 2, kernel: "k", node: "20", loadGenerator: "h2load", pinned: true, pods: "p", busy: 0 },
  settings: {
    rounds: 2,
    calls: 10,
    warmup: 1,
    shapes: ["1x100", "8x16", "32x4", "100x1"],
    seed: 1,
    yardstick: "haproxy",
  },
  peers: [peer("fairlead", "Fairlead", ours), peer("haproxy", "HAProxy", 1), peer("nginx", "nginx", 1.4)],
  missing: [{ key: "envoy", name: "Envoy", reason: "not to be had" }],
});

test("marks: limits and peers to be ahead of, and what is not measured is neither passed nor failed", () => {
  const passed = (ours: number) => marks(results(ours)).map((mark) => mark.passed);
  expect(passed(1.2)).toEqual([true, true, true, true, true, true, true, true, null, null, null, null]);
  expect(passed(1.5)).toEqual([false, false, true, true, false, false, false, false, null, null, null, null]);
});

test("marks: an older build of ourselves that ran beside is the measure of gRPC's rows, within 3%", () => {
  const passed = (ours: number) => {
    const { peers, ...rest } = results(ours);
    return marks({ ...rest, peers: [...peers, peer("before", "before", 1)] }).map((mark) => mark.passed);
  };
  expect(passed(1.02).slice(12)).toEqual([true, true, true, true]);
  expect(passed(1.04).slice(12)).toEqual([false, false, false, false]);
});

test("page: names every peer, measured or missing", () => {
  const text = page(results(1.2), ["extra table"]);
  expect(text).toContain("| **Fairlead** | **1.20** (1.20-1.20), 12.0 us |");
  expect(text).toContain("**1.50 ms** (1.00 to 2.00)");
  expect(text).toContain("- Envoy: not to be had");
  expect(text).toContain("extra table");
});

test("plot: a bar beyond the axis is broken and says its value", () => {
  const svg = plot({ ...results(1.2), peers: [peer("haproxy", "HAProxy", 1), peer("caddy", "Caddy <2>", 12.3)] });
  expect(svg).toContain("12\u00d7</text>");
  expect(svg).toContain("Caddy &lt;2>");
  // Two strokes per broken bar, four panels.
  expect(svg.match(/stroke-width="3"\/>/g)).toHaveLength(8);
});

test("protocols: a ratio is taken within a round, and a row that is missing is neither passed nor failed", () => {
  const cost = (...cpuUs: number[]) => ({ cpuUs, callsPerSecond: cpuUs });
  const one = (key: string, more: Partial<ProtocolPeer>): ProtocolPeer => ({
    ...{ key, name: key, version: "1", command: key, cost: {}, failures: {} },
    ...more,
  });
  const raced: ProtocolResults = {
    settings: { rounds: 3, calls: 10, warmup: 1 },
    rows: rows.map(({ key, name, http, shape, base }) => ({ key, name, http, shape, base })),
    peers: [
      // Twice as slow a machine in the second round: the ratios hardly see it.
      one("fairlead", {
        cost: { "grpc-unary": cost(10, 20, 10), "grpc-web": cost(15, 30, 16), "connect-unary": cost(17, 34, 17) },
        failures: { "connect-stream": "HTTP status 500" },
      }),
      one("envoy", { cost: { "grpc-web": cost(14, 40, 14) } }),
    ],
    missing: [{ key: "nginx", name: "nginx", reason: "not installed" }],
  };
  const text = protocolSection(raced);
  expect(text).toContain("| gRPC-Web unary | 8x16 | 16.0 us (**1.50**, 1.50-1.60) | 14.0 us |");
  expect(text).toContain("- nginx: not installed");
  expect(text).toContain("- fairlead, Connect server stream, 10 messages: HTTP status 500");
  const passed = Object.fromEntries(protocolMarks(raced).map(({ what, passed }) => [what, passed]));
  expect(passed).toMatchObject({
    "gRPC-Web unary: at most 1.6x the same call in gRPC": true,
    "Connect unary: at most 1.6x the same call in gRPC": false,
    "Connect server stream, 10 messages: at most 1.6x the same call in gRPC": null,
    "gRPC-Web unary: less than Envoy with its bridges": false,
    "Connect unary: less than Envoy with its bridges": null,
  });
});
