import { describe, expect, test } from "vitest";
import { backoff } from "../../src/balancing/backoff.ts";
import { Endpoint, labelOf } from "../../src/balancing/endpoint.ts";
import { Budget } from "../../src/http2/budget.ts";
import type { ClientConnection } from "../../src/http2/client-connection.ts";
import { Flusher } from "../../src/http2/flusher.ts";
import { makeHead, okHead, okTrailers, requestFields } from "../gateway/support/fields.ts";
import { Net } from "../gateway/support/net.ts";
import { Pod } from "../gateway/support/pod.ts";
import { mulberry32 } from "../support/mulberry32.ts";
import { seededRandom } from "../support/random.ts";
import { opener, tcp } from "./support.ts";

const A = "10.0.0.1:9000";

/** An endpoint that writes down what its owner is told. */
function makeEndpoint(random: () => number = mulberry32(3)) {
  const net = new Net();
  const options = { flusher: new Flusher(net.soon), budget: new Budget(1 << 30) };
  const told: string[] = [];
  const endpoint = new Endpoint(tcp(A), {
    open: opener(net, options),
    clock: net.clock,
    random,
    owner: {
      readiness: ({ state }) => {
        if (told.at(-1) !== state) told.push(state);
      },
      lost: (_endpoint, message) => told.push(`lost: ${message}`),
      drained: () => told.push("drained"),
    },
  });
  return { net, endpoint, told, options };
}

/** Milliseconds between the dials, while the clock moves so far. */
async function gaps(net: Net, ms: number): Promise<number[]> {
  const times: number[] = [];
  const end = net.clock.now() + ms;
  let seen = net.dialled.length;
  while (net.clock.now() < end) {
    const step = Math.min(net.clock.next ?? ms, end - net.clock.now());
    await net.advance(Math.max(step, 1e-6));
    if (net.dialled.length > seen) times.push(net.clock.now());
    seen = net.dialled.length;
  }
  return times.map((time, i) => time - (i === 0 ? end - ms : times[i - 1]));
}

describe("label", () => {
  test("of every kind of address", () => {
    expect(labelOf({ kind: "tcp", host: "10.0.0.1", port: 80 })).toBe("10.0.0.1:80");
    expect(labelOf({ kind: "tcp", host: "fd00::1", port: 80 })).toBe("[fd00::1]:80");
    expect(labelOf({ kind: "unix", path: "/run/a.sock" })).toBe("unix:/run/a.sock");
  });
});

describe("backoff", () => {
  test("1 s x 1.6 up to 120 s, without jitter at the middle of the range", () => {
    const middle = () => 0.5;
    expect([1, 2, 3, 4].map((failures) => backoff(failures, middle))).toEqual([
      1_000,
      1_600,
      expect.closeTo(2_560, 6),
      expect.closeTo(4_096, 6),
    ]);
    expect(backoff(11, middle)).toBeCloseTo(109_951, 0);
    expect(backoff(12, middle)).toBe(120_000);
    expect(backoff(1_000, middle)).toBe(120_000);
  });

  test("jitter: within 20% of it, over the whole range", () => {
    const random = seededRandom();
    const draws = Array.from({ length: 1_000 }, () => backoff(1, random));
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(800);
    expect(Math.max(...draws)).toBeLessThanOrEqual(1_200);
    expect(Math.min(...draws)).toBeLessThan(840);
    expect(Math.max(...draws)).toBeGreaterThan(1_160);
  });
});

describe("connecting", () => {
  test("refused again and again: the gaps grow by 1.6 up to 120 s, each within its jitter", async () => {
    const { net, endpoint } = makeEndpoint();
    endpoint.start();
    await net.settle();
    const seen = await gaps(net, 900_000);
    let expected = 1_000;
    for (const gap of seen) {
      expect(gap / expected).toBeGreaterThanOrEqual(0.8);
      expect(gap / expected).toBeLessThanOrEqual(1.2 + 1e-6);
      expected = Math.min(expected * 1.6, 120_000);
    }
    expect(seen.length).toBeGreaterThan(13);
    expect(endpoint.connectFailures).toBe(seen.length + 1);
    endpoint.close();
    expect(net.clock.pending).toBe(0);
  });

  test("times out: counts as a failure, too", async () => {
    const { net, endpoint, told } = makeEndpoint();
    net.hosts.set(A, { kind: "silent" });
    endpoint.start();
    expect(endpoint.state).toBe("connecting");
    await net.advance(5_000);
    expect(endpoint.state).toBe("backoff");
    expect(endpoint.lastError).toBe(`connect ${A}: not established within 5000 ms`);
    expect(told).toContain(`lost: ${endpoint.lastError}`);
    endpoint.close();
  });

  test("succeeds after failures: ready, and the next loss after a while is answered at once", async () => {
    const { net, endpoint, options } = makeEndpoint();
    endpoint.start();
    await net.settle();
    await net.advance(20_000, 100);
    expect(endpoint.connectFailures).toBeGreaterThan(3);
    net.hosts.set(A, new Pod(options));
    await net.advance(20_000, 100);
    expect(endpoint.state).toBe("ready");
    const { length } = net.dialled;
    net.linksTo(A).at(-1)?.break();
    await net.settle();
    expect(net.dialled).toHaveLength(length + 1);
    expect(endpoint.state).toBe("ready");
    endpoint.close();
    await net.settle();
  });

  test("thrown out again and again right after connecting: backs off like a refusal", async () => {
    const { net, endpoint, options } = makeEndpoint();
    const pod = new Pod(options);
    net.hosts.set(A, pod);
    const { accept } = pod;
    pod.accept = (stream) => {
      const handler = accept.call(pod, stream);
      const connection = pod.connections[pod.connections.length - 1];
      net.clock.timer(() => connection.destroy(), 10);
      return handler;
    };
    endpoint.start();
    await net.settle();
    await gaps(net, 60_000);
    // 1 + 1.6 + 2.56 + ... reaches 60 s with the eighth gap.
    expect(net.dialled.length).toBeLessThan(11);
    expect(net.dialled.length).toBeGreaterThan(6);
    endpoint.close();
    await net.settle();
    await net.advance(10);
  });

  // A server that closes its connections after so many calls does it within milliseconds under load.
  test("regression: a short-lived connection that brought a response is replaced at once", async () => {
    const { net, endpoint, options } = makeEndpoint();
    const pod = new Pod(options);
    pod.onHead = (call) => call.sendHead(okHead).finish(okTrailers);
    net.hosts.set(A, pod);
    endpoint.start();
    await net.settle();
    for (let round = 1; round <= 5; round++) {
      endpoint.request({
        opened: (connection) => {
          const stream = connection.open({ head() {}, data() {}, end() {}, abort() {} });
          stream.head(makeHead(requestFields()));
          stream.end(null);
        },
        refused: (message) => expect.fail(message),
      });
      await net.settle();
      pod.connections[pod.connections.length - 1].drain();
      await net.settle();
      expect(net.dialled).toHaveLength(round + 1);
      expect(endpoint.state).toBe("ready");
    }
    endpoint.close();
    await net.settle();
  });

  // Envoy's max_requests_per_connection says GOAWAY when the head of the last request has come, before the answer.
  test("regression: a goodbye before the first answer is no fault, again and again when the answers come", async () => {
    const { net, endpoint, options } = makeEndpoint();
    const pod = new Pod(options);
    pod.onHead = (call) => {
      pod.connections[pod.connections.length - 1].outbound.goaway(call.stream.id, 0, "");
      call.sendHead(okHead).finish(okTrailers);
    };
    net.hosts.set(A, pod);
    endpoint.start();
    await net.settle();
    for (let round = 1; round <= 5; round++) {
      let ended = false;
      endpoint.request({
        opened: (connection) => {
          const stream = connection.open({
            head() {},
            data() {},
            end() {
              ended = true;
            },
            abort() {},
          });
          stream.head(makeHead(requestFields()));
          stream.end(null);
        },
        refused: (message) => expect.fail(message),
      });
      await net.settle();
      expect([ended, endpoint.state, net.dialled.length]).toEqual([true, "ready", round + 1]);
    }
    endpoint.close();
    await net.settle();
  });

  test("goodbyes right after connecting, without an answer: the first is answered at once, the next ones like a refusal", async () => {
    const { net, endpoint, options } = makeEndpoint();
    const pod = new Pod(options);
    net.hosts.set(A, pod);
    const { accept } = pod;
    pod.accept = (stream) => {
      const handler = accept.call(pod, stream);
      const connection = pod.connections[pod.connections.length - 1];
      net.clock.timer(() => connection.drain(), 10);
      return handler;
    };
    endpoint.start();
    await net.settle();
    await net.advance(10);
    expect(net.dialled).toHaveLength(2);
    await gaps(net, 60_000);
    expect(net.dialled.length).toBeLessThan(12);
    expect(net.dialled.length).toBeGreaterThan(6);
    endpoint.close();
    await net.settle();
    await net.advance(10);
  });

  test("close while it connects, waits or is ready: nothing is left", async () => {
    for (const host of ["silent", "refuse", "accept"] as const) {
      const { net, endpoint, options } = makeEndpoint();
      if (host === "accept") net.hosts.set(A, new Pod(options));
      else net.hosts.set(A, { kind: host });
      endpoint.start();
      await net.settle();
      const refused: string[] = [];
      if (host === "silent") endpoint.request({ opened: () => {}, refused: (message) => refused.push(message) });
      endpoint.close();
      await net.settle();
      expect([net.open, net.clock.pending]).toEqual([0, 0]);
      expect(refused).toEqual(host === "silent" ? ["this side is closing"] : []);
    }
  });
});

describe("requests for a stream", () => {
  const openOn = (connection: ClientConnection) => {
    const stream = connection.open({ head() {}, data() {}, end() {}, abort() {} });
    stream.head({
      fields: [":method", "POST", ":scheme", "http", ":path", "/a/b", ":authority", "a"],
      neverIndexed: null,
      memo: undefined,
    });
    return stream;
  };

  test("in order: nobody overtakes those that wait", async () => {
    const { net, endpoint, options } = makeEndpoint();
    const pod = new Pod(options, { maxConcurrentStreams: 1 });
    net.hosts.set(A, pod);
    endpoint.start();
    await net.settle();
    // Only one connection: the next dials go nowhere.
    net.hosts.set(A, { kind: "silent" });
    const order: number[] = [];
    const streams: ReturnType<typeof openOn>[] = [];
    for (let i = 0; i < 5; i++) {
      endpoint.request({
        opened: (connection) => {
          order.push(i);
          streams.push(openOn(connection));
        },
        refused: () => order.push(-1),
      });
    }
    for (let i = 0; i < 4; i++) {
      expect(order).toEqual([0, 1, 2, 3, 4].slice(0, i + 1));
      streams[i].abort({ by: "local", code: 8, unprocessed: false, message: "" });
    }
    expect(order).toEqual([0, 1, 2, 3, 4]);
    endpoint.close();
    await net.settle();
  });

  test("in back-off: refused at once, with the reason", async () => {
    const { net, endpoint } = makeEndpoint();
    endpoint.start();
    await net.settle();
    expect(endpoint.state).toBe("backoff");
    const refused: string[] = [];
    endpoint.request({ opened: () => {}, refused: (message) => refused.push(message) });
    expect(refused).toEqual([`connect ECONNREFUSED ${A}`]);
    endpoint.close();
  });

  test("withdrawn: never opened, and the others keep their order", async () => {
    const { net, endpoint, options } = makeEndpoint();
    const pod = new Pod(options);
    pod.delay = 100;
    net.hosts.set(A, pod);
    endpoint.start();
    const order: number[] = [];
    const waiters = [0, 1, 2].map((i) => ({ opened: () => void order.push(i), refused: () => {} }));
    for (const waiter of waiters) endpoint.request(waiter);
    endpoint.withdraw(waiters[1]);
    endpoint.withdraw({ opened: () => {}, refused: () => {} });
    await net.advance(100);
    expect(order).toEqual([0, 2]);
    endpoint.close();
    await net.settle();
  });

  test("drain: those that wait are refused with the reason, open ones finish, then it is reported", async () => {
    const { net, endpoint, options, told } = makeEndpoint();
    const pod = new Pod(options, { maxConcurrentStreams: 1 });
    net.hosts.set(A, pod);
    endpoint.start();
    await net.settle();
    net.hosts.set(A, { kind: "silent" });
    endpoint.outstanding = 1;
    let stream: ReturnType<typeof openOn> | null = null;
    endpoint.request({
      opened: (connection) => {
        stream = openOn(connection);
      },
      refused: () => {},
    });
    let refused = "";
    endpoint.request({
      opened: () => {},
      refused: (message) => {
        refused = message;
      },
    });
    endpoint.drain();
    expect(refused).toBe(`${A} has left the backend`);
    await net.settle();
    expect(told).not.toContain("drained");
    (stream as unknown as ReturnType<typeof openOn>).abort({ by: "local", code: 8, unprocessed: false, message: "" });
    await net.settle();
    endpoint.outstanding = 0;
    endpoint.uncounted();
    expect(told.at(-1)).toBe("drained");
    expect(net.open).toBe(0);
    expect(net.clock.pending).toBe(0);
  });
});
