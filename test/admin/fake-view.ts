import type { ProcessView } from "../../src/admin/process-view.ts";
import type { BackendView, EndpointView, GatewayView, ListenerView } from "../../src/admin/view.ts";
import type { ResolutionOutcome } from "../../src/discovery/resolver.ts";

/** A gateway's view that the test writes. */
export interface FakeView extends GatewayView {
  now: ReturnType<GatewayView["state"]>;
  listenerViews: ListenerView[];
  backendViews: BackendView[];
}

export function createFakeView(): FakeView {
  const view: FakeView = {
    now: "ready",
    listenerViews: [{ name: "public", host: "0.0.0.0", port: 8080, tls: false, connections: 3 }],
    backendViews: [backend()],
    state: () => view.now,
    listeners: () => view.listenerViews,
    backends: () => view.backendViews,
  };
  return view;
}

export function backend(parts: Partial<BackendView> = {}): BackendView {
  return {
    name: "echo",
    target: "dns:///echo:50051",
    endpoints: [endpoint()],
    // 5 ok, 2 deadline_exceeded, 1 unavailable.
    calls: [5, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
    pending: 4,
    retries: 6,
    resolutions: resolutions({ ok: 7, timeout: 1 }),
    ...parts,
  };
}

export function endpoint(parts: Partial<EndpointView> = {}): EndpointView {
  return {
    address: "10.0.0.1:50051",
    state: "ready",
    outstanding: 2,
    connections: 1,
    picks: 10,
    connectFailures: 3,
    ...parts,
  };
}

export function resolutions(counts: Partial<Record<ResolutionOutcome, number>>): Record<ResolutionOutcome, number> {
  return { ok: 0, nxdomain: 0, nodata: 0, servfail: 0, refused: 0, timeout: 0, garbage: 0, unreachable: 0, ...counts };
}

export const fakeProcess: ProcessView = {
  version: "1.2.3",
  runtime: "node 20.0.0",
  startTime: 1_700_000_000,
  cpuSeconds: () => 1.5,
  residentBytes: () => 50_000_000,
  heapBytes: () => 20_000_000,
};
