import { describe, expect, test } from "vitest";
import type { PickWaiter } from "../../src/balancing/backend.ts";
import type { Endpoint } from "../../src/balancing/endpoint.ts";
import { startBackend } from "./support.ts";

const A = "10.0.0.1:9000";
const B = "10.0.0.2:9000";
const C = "10.0.0.3:9000";
const PATH = "/a.B/C";

function waiter(): PickWaiter & { readonly events: string[] } {
  const events: string[] = [];
  return { events, retry: () => void events.push("retry"), fail: (message) => void events.push(message) };
}

/** A call's stream, open until the test ends it. */
function openCall(endpoint: Endpoint) {
  const call = { ended: false, refused: "" };
  let end = () => {};
  endpoint.request({
    opened: (connection) => {
      const onEnd = () => {
        call.ended = true;
      };
      const stream = connection.open({ head() {}, data() {}, end: onEnd, abort() {} });
      stream.head({
        fields: [":method", "POST", ":scheme", "http", ":path", PATH, ":authority", "a"],
        neverIndexed: null,
        memo: undefined,
      });
      end = () => stream.end(null);
    },
    refused: (message) => {
      call.refused = message;
    },
  });
  return Object.assign(call, { end: () => end() });
}

describe("resolutions", () => {
  test("first answer: all are dialled, and picked once they are ready", async () => {
    const { net, backend, resolver, pod } = startBackend();
    for (const label of [A, B]) pod(label);
    expect(backend.answered).toBe(false);
    resolver.resolve(A, B);
    expect(backend.answered).toBe(true);
    expect(backend.pick(PATH, [])).toBeUndefined();
    await net.settle();
    const picked = [backend.pick(PATH, []), backend.pick(PATH, [])];
    expect(picked.map((endpoint) => endpoint?.label).sort()).toEqual([A, B]);
    for (const endpoint of picked) backend.done(endpoint as Endpoint, PATH, 1, false);
  });

  test("same address: same Endpoint object, connection and counts", async () => {
    const { net, backend, resolver, pod } = startBackend();
    for (const label of [A, B]) pod(label);
    resolver.resolve(A);
    await net.settle();
    const before = backend.endpoints.get(A) as Endpoint;
    const picked = backend.pick(PATH, []) as Endpoint;
    resolver.resolve(A, B);
    await net.settle();
    expect(backend.endpoints.get(A)).toBe(before);
    expect(before.outstanding).toBe(1);
    expect(net.dialled).toEqual([A, B]);
    backend.done(picked, PATH, 1, false);
  });

  test("new ones are dialled before gone ones are drained", async () => {
    const { net, backend, resolver, pod } = startBackend();
    pod(A);
    resolver.resolve(A);
    await net.settle();
    const gone = backend.endpoints.get(A) as Endpoint;
    let stateWhenDialled = "";
    const b = pod(B);
    Object.defineProperty(b, "delay", {
      get: () => {
        stateWhenDialled = gone.state;
        return 0;
      },
    });
    resolver.resolve(B);
    expect(stateWhenDialled).toBe("ready");
    expect(gone.state).toBe("draining");
    await net.settle();
    expect([...backend.endpoints.keys()]).toEqual([B]);
  });

  test("gone ones: are picked no more, finish their calls, and are forgotten then", async () => {
    const { net, backend, resolver, pod } = startBackend();
    const podA = pod(A);
    pod(B);
    resolver.resolve(A);
    await net.settle();
    const gone = backend.pick(PATH, []) as Endpoint;
    const call = openCall(gone);
    await net.settle();
    resolver.resolve(B);
    await net.settle();
    expect(gone.state).toBe("draining");
    for (let i = 0; i < 10; i++) {
      const endpoint = backend.pick(PATH, []) as Endpoint;
      expect(endpoint.label).toBe(B);
      backend.done(endpoint, PATH, 1, false);
    }
    await net.advance(60_000);
    expect(call.ended).toBe(false);
    expect(backend.endpoints.has(A)).toBe(true);
    call.end();
    await net.settle();
    podA.last.sendHead([":status", "200"]).finish();
    await net.settle();
    expect(call.ended).toBe(true);
    backend.done(gone, PATH, 1, false);
    await net.settle();
    expect([...backend.endpoints.keys()]).toEqual([B]);
    expect(net.open).toBe(1);
  });

  test("gone without calls: its connection is closed and it is forgotten", async () => {
    const { net, backend, resolver, pod } = startBackend();
    for (const label of [A, B]) pod(label);
    resolver.resolve(A, B);
    await net.settle();
    resolver.resolve(A);
    await net.settle();
    expect([...backend.endpoints.keys()]).toEqual([A]);
    expect(net.open).toBe(1);
  });

  test("gone and back while a call was open: the same object, picked again", async () => {
    const { net, backend, resolver, pod } = startBackend();
    const podA = pod(A);
    pod(B);
    resolver.resolve(A);
    await net.settle();
    const endpoint = backend.pick(PATH, []) as Endpoint;
    const call = openCall(endpoint);
    await net.settle();
    resolver.resolve(B);
    await net.settle();
    resolver.resolve(A, B);
    await net.settle();
    expect(backend.endpoints.get(A)).toBe(endpoint);
    expect([endpoint.state, endpoint.outstanding]).toEqual(["ready", 1]);
    // The old connection carries its call to the end, a new one takes the next.
    expect(podA.connections).toHaveLength(2);
    call.end();
    await net.settle();
    podA.calls[0].sendHead([":status", "200"]).finish();
    await net.settle();
    backend.done(endpoint, PATH, 1, false);
    await net.settle();
    expect([...backend.endpoints.keys()].sort()).toEqual([A, B]);
    expect(net.open).toBe(2);
  });

  test("gone while it was being dialled, and back: is dialled again, and the first attempt does no harm", async () => {
    const { net, backend, resolver, pod } = startBackend();
    net.hosts.set(A, { kind: "silent" });
    resolver.resolve(A);
    await net.settle();
    resolver.resolve(B);
    pod(A);
    resolver.resolve(A);
    await net.settle();
    await net.advance(10_000, 1_000);
    const endpoint = backend.endpoints.get(A) as Endpoint;
    expect(endpoint.state).toBe("ready");
    expect(endpoint.connections).toBe(1);
  });

  test("failed: changes nothing but what is said when there is no endpoint", async () => {
    const { net, backend, resolver, pod } = startBackend();
    pod(A);
    resolver.resolve(A);
    await net.settle();
    resolver.listener?.failed({ outcome: "timeout", message: "dns: no answer" });
    await net.settle();
    expect(backend.pick(PATH, [])?.label).toBe(A);
    backend.done(backend.endpoints.get(A) as Endpoint, PATH, -1, false);
    expect(backend.hopeless()).toBeNull();
  });

  test("failed before any answer: calls that wait fail with the resolver's reason", async () => {
    const { net, backend, resolver } = startBackend();
    const waiting = waiter();
    expect(backend.hopeless()).toBeNull();
    backend.wait(waiting);
    resolver.listener?.failed({ outcome: "nxdomain", message: "echo.test: NXDOMAIN" });
    await net.settle();
    expect(waiting.events).toEqual(["backend echo: no endpoints: echo.test: NXDOMAIN"]);
    expect(backend.hopeless()).toBe("backend echo: no endpoints: echo.test: NXDOMAIN");
  });

  test("emptied: all drain, and the reason is told", async () => {
    const { net, backend, resolver, pod, log } = startBackend();
    for (const label of [A, B]) pod(label);
    resolver.resolve(A, B);
    await net.settle();
    resolver.listener?.emptied("echo.test: NXDOMAIN for 30 s");
    await net.settle();
    expect(backend.endpoints.size).toBe(0);
    expect(backend.pick(PATH, [])).toBeUndefined();
    expect(backend.hopeless()).toBe("backend echo: no endpoints: echo.test: NXDOMAIN for 30 s");
    expect(log.events("all endpoints gone")).toHaveLength(1);
    expect(net.open).toBe(0);
  });

  test("calls that wait for a stream on one that leaves: go elsewhere", async () => {
    const { net, backend, resolver, pod } = startBackend();
    pod(A);
    pod(B);
    resolver.resolve(A);
    await net.settle();
    const endpoint = backend.pick(PATH, []) as Endpoint;
    net.hosts.set(A, { kind: "silent" });
    net.linksTo(A)[0].break();
    const call = openCall(endpoint);
    resolver.resolve(B);
    await net.settle();
    expect(call.refused).not.toBe("");
    backend.done(endpoint, PATH, -1, false);
  });
});

describe("refresh", () => {
  test("refused, lost, GOAWAY: the resolver is asked; an orderly day costs nothing", async () => {
    const { net, backend, resolver, pod } = startBackend();
    const podA = pod(A);
    resolver.resolve(A);
    await net.settle();
    expect(resolver.refreshes).toBe(0);
    await net.advance(2_000);
    podA.goaway(0x7fffffff);
    await net.settle();
    expect(resolver.refreshes).toBe(1);
    await net.advance(2_000);
    net.linksTo(A).at(-1)?.break();
    await net.settle();
    expect(resolver.refreshes).toBe(2);
    await net.advance(2_000);
    net.hosts.delete(A);
    net.linksTo(A).at(-1)?.break();
    await net.settle();
    expect(resolver.refreshes).toBe(4);
    expect(backend.endpoints.get(A)?.state).toBe("backoff");
  });
});

describe("waiting", () => {
  test("ready: those that wait go on, once each and in order", async () => {
    const { net, backend, resolver, pod } = startBackend();
    pod(A);
    const order: number[] = [];
    for (const i of [1, 2, 3]) backend.wait({ retry: () => void order.push(i), fail: () => {} });
    expect(backend.pending).toBe(3);
    resolver.resolve(A);
    await net.settle();
    expect(order).toEqual([1, 2, 3]);
    expect(backend.pending).toBe(0);
  });

  test("withdrawn by another one's turn: hears nothing", async () => {
    const { net, backend, resolver, pod } = startBackend();
    pod(A);
    const last = waiter();
    backend.wait({ retry: () => backend.withdraw(last), fail: () => {} });
    backend.wait(last);
    resolver.resolve(A);
    await net.settle();
    expect(last.events).toEqual([]);
  });

  test("waits again in its turn: stays waiting, and the round ends", async () => {
    const { net, backend, resolver, pod } = startBackend();
    pod(A);
    let turns = 0;
    const stubborn: PickWaiter = {
      retry: () => {
        turns++;
        backend.wait(stubborn);
      },
      fail: () => {},
    };
    backend.wait(stubborn);
    resolver.resolve(A);
    await net.settle();
    expect(turns).toBe(1);
    expect(backend.pending).toBe(1);
    backend.withdraw(stubborn);
  });

  test("some in back-off and one still connecting: waiting may help", async () => {
    const { net, backend, resolver } = startBackend();
    net.hosts.set(B, { kind: "silent" });
    resolver.resolve(A, B);
    await net.settle();
    expect(backend.endpoints.get(A)?.state).toBe("backoff");
    expect(backend.hopeless()).toBeNull();
    await net.advance(5_000);
    expect(backend.hopeless()).toMatch(/none of 2 can be connected/);
  });

  test("close: those that wait fail, and the resolver is stopped", async () => {
    const { net, backend, resolver } = startBackend();
    net.hosts.set(A, { kind: "silent" });
    resolver.resolve(A);
    const waiting = waiter();
    backend.wait(waiting);
    backend.close();
    await net.settle();
    expect(waiting.events).toEqual(["this side is closing"]);
    expect(resolver.stopped).toBe(true);
  });
});

describe("pick", () => {
  test("never one that was lost in this very turn", async () => {
    const { net, backend, resolver, pod } = startBackend();
    for (const label of [A, B, C]) pod(label);
    resolver.resolve(A, B, C);
    await net.settle();
    net.linksTo(A)[0].break();
    net.linksTo(B)[0].break();
    for (let i = 0; i < 12; i++) {
      const endpoint = backend.pick(PATH, []) as Endpoint;
      expect(endpoint.label).toBe(C);
    }
    const c = backend.endpoints.get(C) as Endpoint;
    expect(c.outstanding).toBe(12);
    expect(c.picks).toBe(12);
    for (let i = 0; i < 12; i++) backend.done(c, PATH, 1, false);
    net.linksTo(C)[0].break();
    expect(backend.pick(PATH, [])).toBeUndefined();
    for (const endpoint of backend.endpoints.values()) expect(endpoint.outstanding).toBe(0);
  });

  test("a thousand that leave together: one change of the policy's set, and quick", async () => {
    const { net, backend, resolver } = startBackend();
    const labels = Array.from({ length: 1_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}:9000`);
    resolver.resolve(...labels);
    await net.settle();
    expect(backend.endpoints.size).toBe(1_000);
    resolver.resolve(A);
    await net.settle();
    expect([...backend.endpoints.keys()]).toEqual([A]);
  });
});
