import { register } from "prom-client";
import { describe, expect, test } from "vitest";
import { createMetrics } from "../../src/admin/metrics.ts";
import { backend, createFakeView, endpoint, fakeProcess } from "./fake-view.ts";

/** The samples, by name and labels. */
async function scrape(metrics: { metrics(): Promise<string> }): Promise<Record<string, number>> {
  const lines = (await metrics.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => [line.replace(/ \S+$/, ""), Number(/\S+$/.exec(line)?.[0])]));
}

describe("metrics", () => {
  test("every number of the view has one", async () => {
    const samples = await scrape(createMetrics(createFakeView(), fakeProcess));
    expect(samples).toMatchObject({
      'fairlead_outstanding_calls{backend="echo",endpoint="10.0.0.1:50051"}': 2,
      'fairlead_picks_total{backend="echo",endpoint="10.0.0.1:50051"}': 10,
      'fairlead_endpoint_state{backend="echo",endpoint="10.0.0.1:50051",state="ready"}': 1,
      'fairlead_endpoint_state{backend="echo",endpoint="10.0.0.1:50051",state="backoff"}': 0,
      'fairlead_upstream_connections{backend="echo",endpoint="10.0.0.1:50051"}': 1,
      'fairlead_connect_failures_total{backend="echo",endpoint="10.0.0.1:50051"}': 3,
      'fairlead_calls_total{backend="echo",code="ok"}': 5,
      'fairlead_calls_total{backend="echo",code="deadline_exceeded"}': 2,
      'fairlead_calls_total{backend="echo",code="unavailable"}': 1,
      'fairlead_calls_total{backend="echo",code="unauthenticated"}': 0,
      'fairlead_pending_calls{backend="echo"}': 4,
      'fairlead_retries_total{backend="echo"}': 6,
      'fairlead_resolutions_total{backend="echo",outcome="ok"}': 7,
      'fairlead_resolutions_total{backend="echo",outcome="timeout"}': 1,
      'fairlead_resolutions_total{backend="echo",outcome="servfail"}': 0,
      'fairlead_connections{listener="public"}': 3,
      fairlead_ready: 1,
      'fairlead_build_info{version="1.2.3",runtime="node 20.0.0"}': 1,
      process_cpu_seconds_total: 1.5,
      process_resident_memory_bytes: 50_000_000,
      process_heap_bytes: 20_000_000,
      process_start_time_seconds: 1_700_000_000,
    });
  });

  test("each scrape reads anew: nothing is added up twice, what is gone is gone", async () => {
    const view = createFakeView();
    const metrics = createMetrics(view, fakeProcess);
    expect(await scrape(metrics)).toEqual(await scrape(metrics));
    view.now = "draining";
    view.backendViews = [backend({ calls: [6], endpoints: [endpoint({ address: "10.0.0.2:50051", outstanding: 0 })] })];
    const samples = await scrape(metrics);
    expect(samples['fairlead_calls_total{backend="echo",code="ok"}']).toBe(6);
    expect(samples['fairlead_outstanding_calls{backend="echo",endpoint="10.0.0.2:50051"}']).toBe(0);
    expect(Object.keys(samples).join()).not.toContain("10.0.0.1");
    expect(samples.fairlead_ready).toBe(0);
  });

  test("an address that is there twice, leaving and coming: added up", async () => {
    const view = createFakeView();
    view.backendViews = [
      backend({ endpoints: [endpoint({ state: "draining" }), endpoint({ picks: 1, outstanding: 1 })] }),
    ];
    expect(await scrape(createMetrics(view, fakeProcess))).toMatchObject({
      'fairlead_outstanding_calls{backend="echo",endpoint="10.0.0.1:50051"}': 3,
      'fairlead_picks_total{backend="echo",endpoint="10.0.0.1:50051"}': 11,
      'fairlead_endpoint_state{backend="echo",endpoint="10.0.0.1:50051",state="ready"}': 1,
      'fairlead_endpoint_state{backend="echo",endpoint="10.0.0.1:50051",state="draining"}': 1,
    });
  });

  test("two gateways in one process: each has its own, and the library's global registry stays empty", async () => {
    const one = createMetrics(createFakeView(), fakeProcess);
    const other = createFakeView();
    other.backendViews = [];
    expect(Object.keys(await scrape(createMetrics(other, fakeProcess))).join()).not.toContain("echo");
    expect(Object.keys(await scrape(one)).join()).toContain("echo");
    expect(await register.metrics()).toBe("\n");
  });
});
