import { describe, expect } from "vitest";
import { localAbort } from "../../src/http2/abort.ts";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { Setting } from "../../src/http2/frame.ts";
import { defaultKeepalive } from "../../src/http2/keepalive.ts";
import * as f from "./support/frames.ts";
import { type ClientRig, clientRig, head, response } from "./support/rig.ts";
import { type Run, scripted } from "./support/scripted.ts";

function opened(run: Run, count: number, options: Parameters<typeof clientRig>[1] = {}): ClientRig {
  const client = clientRig(run, options);
  client.turn(() => {
    for (let i = 0; i < count; i++) client.open(true);
  });
  client.sent();
  client.events.length = 0;
  return client;
}

describe("MAX_CONCURRENT_STREAMS", () => {
  scripted("before the server has spoken there is no capacity; without a word of it, what is assumed", (run) => {
    const client = clientRig(run, { raw: true, assumedConcurrentStreams: 7 });
    expect(client.connection.capacity).toBe(0);
    client.stream.take();
    client.receive(f.settings());
    expect(client.events).toEqual(["ready"]);
    expect(client.connection.capacity).toBe(7);
  });

  scripted("capacity is what is left; the end of a stream is an event", (run) => {
    const client = clientRig(run, { settings: [[Setting.MAX_CONCURRENT_STREAMS, 2]] });
    expect(client.connection.capacity).toBe(2);
    client.turn(() => client.open(true));
    client.turn(() => client.open(true));
    expect(client.connection.capacity).toBe(0);
    client.receive(f.headers(1, response, { end: true }));
    expect(client.connection.capacity).toBe(1);
    expect(client.events).toEqual(["ready", "capacity"]);
    client.turn(() => client.calls[1].stream.abort(localAbort(ErrorCode.CANCEL, "")));
    expect(client.connection.capacity).toBe(2);
    expect(client.events).toEqual(["ready", "capacity", "capacity"]);
  });

  scripted("changes at run time: more is an event, fewer is none and ends nothing", (run) => {
    const client = opened(run, 3, { settings: [[Setting.MAX_CONCURRENT_STREAMS, 3]] });
    client.receive(f.settings([Setting.MAX_CONCURRENT_STREAMS, 1]));
    expect(client.events).toEqual([]);
    expect(client.connection.capacity).toBe(0);
    expect(client.calls.flatMap(({ response: { events } }) => events)).toEqual([]);
    client.receive(f.settings([Setting.MAX_CONCURRENT_STREAMS, 3]), f.settings([Setting.INITIAL_WINDOW_SIZE, 9]));
    expect(client.events).toEqual([]);
    client.receive(f.settings([Setting.MAX_CONCURRENT_STREAMS, 5]));
    expect(client.events).toEqual(["capacity"]);
    expect(client.connection.capacity).toBe(2);
  });

  scripted("0: ready and shut, until there is some; the owner hears of each change", (run) => {
    const client = clientRig(run, { settings: [[Setting.MAX_CONCURRENT_STREAMS, 0]] });
    expect(client.connection).toMatchObject({ usable: false, shut: true, capacity: 0 });
    client.receive(f.settings([Setting.MAX_CONCURRENT_STREAMS, 1]));
    expect(client.events).toEqual(["ready", "turned", "capacity"]);
    expect(client.connection).toMatchObject({ usable: true, shut: false, capacity: 1 });
    client.turn(() => client.open());
    client.receive(f.settings([Setting.MAX_CONCURRENT_STREAMS, 0]), f.settings([Setting.MAX_CONCURRENT_STREAMS, 0]));
    expect(client.events.slice(3)).toEqual(["turned"]);
    expect(client.connection).toMatchObject({ usable: false, shut: true });
  });

  scripted("a stream may be opened when one ends, right in the event", (run) => {
    const rigs: ClientRig[] = [];
    let left = 3;
    const client = clientRig(run, {
      settings: [[Setting.MAX_CONCURRENT_STREAMS, 1]],
      onEvent: (event) => {
        if ((event === "capacity" || event === "ready") && left > 0 && rigs[0] !== undefined) {
          left--;
          rigs[0].open(true);
        }
      },
    });
    rigs.push(client);
    client.turn(() => client.open(true));
    for (const id of [1, 3, 5, 7]) client.receive(f.headers(id, response, { end: true }));
    expect(client.calls.map(({ stream, response: { events } }) => [stream.id, events.length])).toEqual([
      [1, 2],
      [3, 2],
      [5, 2],
      [7, 2],
    ]);
  });
});

describe("stream identifiers", () => {
  scripted("used up: the last one is taken, then no more, and goodbye when it has ended", (run) => {
    const client = clientRig(run, { firstStreamId: 0x7ffffffd });
    client.turn(() => client.open(true));
    expect(client.connection.usable).toBe(true);
    client.turn(() => client.open(true));
    expect(client.events).toEqual(["ready", "goaway NO_ERROR: stream identifiers are used up"]);
    expect(client.connection.capacity).toBe(0);
    expect(
      client
        .sent()
        .filter((line) => line.startsWith("HEADERS"))
        .map((line) => line.split(" ")[1]),
    ).toEqual(["2147483645", "2147483647"]);
    client.receive(f.headers(0x7ffffffd, response, { end: true }), f.headers(0x7fffffff, response, { end: true }));
    expect(client.sent()).toEqual(["GOAWAY 0 NO_ERROR"]);
    expect(client.stream.endedByOwner).toBe(true);
  });
});

describe("requests", () => {
  scripted("without a body: HEADERS and an empty DATA frame, as gRPC wants it", (run) => {
    const client = clientRig(run);
    client.turn(() => client.open(true));
    expect(client.sent().map((line) => line.replace(/ :method.*/, ""))).toEqual(["HEADERS 1", 'DATA 1 END_STREAM ""']);
  });

  scripted("a response that ends before the request resets it with NO_ERROR and drops what waits", (run) => {
    const client = clientRig(run, { settings: [[Setting.INITIAL_WINDOW_SIZE, 0]] });
    client.turn(() => {
      const { stream } = client.open();
      stream.data(f.ascii("waiting"), 0, 7);
      stream.end(null);
    });
    client.sent();
    expect(client.budget.held).toBe(7);
    client.receive(f.headers(1, [...response, "grpc-status", "8"], { end: true }));
    expect(client.call(0)).toEqual(["head :status: 200, grpc-status: 8", "end"]);
    expect(client.sent()).toEqual(["RST_STREAM 1 NO_ERROR"]);
    expect(client.budget.held).toBe(0);
  });

  scripted("trailers of a request", (run) => {
    const client = clientRig(run);
    client.turn(() => {
      const { stream } = client.open();
      stream.data(f.ascii("x"), 0, 1);
      stream.end(head("a", "b"));
    });
    expect(client.sent().slice(1)).toEqual(['DATA 1 "x"', "HEADERS 1 END_STREAM a: b"]);
  });
});

describe("keepalive", () => {
  // What pods really see: a default that is shorter than five minutes must fail here.
  const keepalive = defaultKeepalive;

  scripted("silence with a call open: one PING, and its answer keeps the connection", (run) => {
    const client = opened(run, 1, { keepalive });
    client.seconds(20);
    expect(client.sent()).toEqual([]);
    client.seconds(1);
    expect(client.sent()).toEqual(["PING \0\0\0\0\0\0\0\0"]);
    client.seconds(5);
    client.receive(f.ping("\0\0\0\0\0\0\0\0", true));
    // The next one has to wait for the gap: pods count PINGs that nothing of theirs came between (gRFC A8).
    client.seconds(290);
    expect(client.sent()).toEqual([]);
    client.seconds(10);
    expect(client.sent()).toEqual(["PING \0\0\0\0\0\0\0\0"]);
    client.receive(f.ping("\0\0\0\0\0\0\0\0", true));
  });

  scripted("a peer that does not answer is lost: calls hear it at once, nobody is offered a stream", async (run) => {
    const client = opened(run, 2, { keepalive, settings: [[Setting.MAX_CONCURRENT_STREAMS, 2]] });
    client.seconds(21);
    client.seconds(10);
    expect(client.call(0)).toEqual([]);
    client.seconds(1);
    expect(client.calls.map(({ response: { abortReason } }) => abortReason)).toEqual([
      { by: "connection", code: 2, unprocessed: false, message: "keepalive ping was not answered" },
      { by: "connection", code: 2, unprocessed: false, message: "keepalive ping was not answered" },
    ]);
    expect(client.stream.destroyedByOwner).toBe(true);
    await client.settle();
    expect(client.events).toEqual(["closed: keepalive ping was not answered"]);
  });

  scripted("anything received is an answer", (run) => {
    const client = opened(run, 1, { keepalive });
    client.seconds(21);
    client.sent();
    client.seconds(9);
    client.receive(f.headers(1, response));
    client.seconds(19);
    expect(client.sent()).toEqual([]);
    expect(client.stream.destroyedByOwner).toBe(false);
  });

  scripted("data now and then: a PING after each silence, for the pod has sent something in between", (run) => {
    const client = opened(run, 1, { keepalive });
    client.receive(f.headers(1, response));
    for (let i = 0; i < 5; i++) {
      client.receive(f.data(1, "x"));
      client.seconds(3);
      client.receive(f.data(1, "x"));
      client.seconds(22);
      expect(client.sent()).toEqual(["PING \0\0\0\0\0\0\0\0"]);
      client.receive(f.ping("\0\0\0\0\0\0\0\0", true));
      client.seconds(2);
    }
  });

  scripted("without a call: no PING before the gap", (run) => {
    const client = clientRig(run, { keepalive });
    client.seconds(299);
    expect(client.sent()).toEqual([]);
    client.seconds(2);
    expect(client.sent()).toEqual(["PING \0\0\0\0\0\0\0\0"]);
  });

  scripted("too_many_pings: the gap is doubled for what is left of the connection", (run) => {
    const client = opened(run, 1, { keepalive });
    client.receive(f.headers(1, response), f.goaway(1, ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings"));
    client.seconds(25);
    expect(client.sent()).toEqual(["PING \0\0\0\0\0\0\0\0"]);
    client.receive(f.ping("\0\0\0\0\0\0\0\0", true));
    client.seconds(590);
    expect(client.sent()).toEqual([]);
    client.seconds(12);
    expect(client.sent()).toEqual(["PING \0\0\0\0\0\0\0\0"]);
    client.receive(f.ping("\0\0\0\0\0\0\0\0", true));
  });
});

describe("a connection that does not come about", () => {
  scripted("refused: the owner hears why", (run) => {
    const client = clientRig(run, { raw: true });
    client.stream.close(new Error("connect ECONNREFUSED 127.0.0.1:1"));
    expect(client.events).toEqual(["closed: connect ECONNREFUSED 127.0.0.1:1"]);
  });

  scripted("no SETTINGS in time", (run) => {
    const client = clientRig(run, { raw: true });
    client.stream.take();
    client.seconds(11);
    expect(client.sent()).toEqual(["GOAWAY 0 ENHANCE_YOUR_CALM: a header block or the first SETTINGS took too long"]);
    client.stream.close(null);
    expect(client.events).toEqual(["closed: ENHANCE_YOUR_CALM: a header block or the first SETTINGS took too long"]);
  });

  scripted("destroyed by its owner: closed once, without a reason", async (run) => {
    const client = opened(run, 1);
    client.connection.destroy();
    client.connection.destroy();
    await client.settle();
    expect(client.call(0)).toEqual(["abort connection INTERNAL_ERROR"]);
    expect(client.events).toEqual(["closed"]);
  });
});
