import { describe, expect } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import * as f from "./support/frames.ts";
import {
  type ClientRig,
  clientRig,
  head,
  request,
  requestText,
  response,
  type ServerRig,
  serverRig,
} from "./support/rig.ts";
import { type Run, scripted } from "./support/scripted.ts";

function answer(server: ServerRig, index: number): void {
  server.turn(() => {
    server.calls[index].stream.head(head(...response));
    server.calls[index].stream.end(null);
  });
}

describe("server: graceful end (RFC 9113 6.8)", () => {
  scripted("GOAWAY(2^31-1) and PING; on its answer the final GOAWAY; FIN with the last stream", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request, { end: true }));
    server.turn(() => server.connection.drain());
    server.turn(() => server.connection.drain());
    expect(server.sent()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING fairlead"]);
    // A stream that was under way when the client read the first GOAWAY.
    server.receive(f.headers(3, request, { end: true }), f.ping("fairlead", true), f.ping("fairlead", true));
    expect(server.sent()).toEqual(["GOAWAY 3 NO_ERROR"]);
    // What comes now was sent before the client read the second: it is told that nobody has processed it.
    server.receive(f.headers(5, request), f.data(5, "x", { end: true }));
    expect(server.calls).toHaveLength(2);
    answer(server, 0);
    expect(server.stream.endedByOwner).toBe(false);
    answer(server, 1);
    expect(server.sent()).toEqual(["HEADERS 1 END_STREAM :status: 200", "HEADERS 3 END_STREAM :status: 200"]);
    expect(server.stream.endedByOwner).toBe(true);
  });

  scripted("without an answer to the PING the final GOAWAY comes after two sweeps", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request, { end: true }));
    server.turn(() => server.connection.drain());
    server.sent();
    server.receive(f.ping("whatever", true));
    server.seconds(1);
    expect(server.sent()).toEqual([]);
    server.seconds(1);
    expect(server.sent()).toEqual(["GOAWAY 1 NO_ERROR"]);
    server.receive(f.ping("fairlead", true));
    expect(server.sent()).toEqual([]);
    answer(server, 0);
    expect(server.stream.endedByOwner).toBe(true);
  });

  scripted("a connection without streams ends with the final GOAWAY", (run) => {
    const server = serverRig(run);
    server.turn(() => server.connection.drain());
    server.receive(f.ping("fairlead", true));
    expect(server.sent()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING fairlead", "GOAWAY 0 NO_ERROR"]);
    expect(server.stream.endedByOwner).toBe(true);
  });

  scripted("what stands behind the last frame in the same chunk is not answered after FIN", (run) => {
    const server = serverRig(run, {
      onRequest: (stream, _one, recorder) => ({
        head: () => {},
        data: () => {},
        end: () => {
          stream.head(head(...response));
          stream.end(null);
        },
        abort: (reason) => recorder.abort(reason),
      }),
    });
    server.receive(f.headers(1, request));
    server.turn(() => server.connection.drain());
    server.receive(f.ping("fairlead", true));
    server.sent();
    server.receive(f.data(1, "x", { end: true }), f.ping("too late"), f.settings(), f.headers(3, request));
    expect(server.sent()).toEqual(["HEADERS 1 END_STREAM :status: 200"]);
    expect(server.stream.endedByOwner).toBe(true);
  });

  scripted("a client that does not close is closed two seconds later", async (run) => {
    const server = serverRig(run);
    server.turn(() => server.connection.drain());
    server.receive(f.ping("fairlead", true));
    server.seconds(1);
    expect(server.stream.destroyedByOwner).toBe(false);
    server.seconds(1);
    await server.settle();
    expect(server.events).toEqual(["closed"]);
  });

  scripted("an orderly end waits for a slow reader, an error does not", async (run) => {
    const slowReader = (): ServerRig => {
      const server = serverRig(run);
      server.receive(f.windowUpdate(0, 1 << 20), f.headers(1, request, { end: true }), f.windowUpdate(1, 1 << 20));
      server.stream.autoDrain = false;
      server.stream.highWaterMark = 1 << 20;
      server.turn(() => {
        server.calls[0].stream.head(head(...response));
        server.calls[0].stream.data(new Uint8Array(100_000), 0, 100_000);
        server.calls[0].stream.end(null);
      });
      return server;
    };
    const orderly = slowReader();
    orderly.turn(() => orderly.connection.drain());
    orderly.receive(f.ping("fairlead", true));
    expect(orderly.stream.endedByOwner).toBe(true);
    orderly.seconds(50);
    await orderly.settle();
    expect(orderly.events).toEqual([]);
    orderly.seconds(10);
    await orderly.settle();
    expect(orderly.events).toEqual(["closed"]);

    const failed = slowReader();
    failed.receive(f.data(0, "x"));
    failed.seconds(2);
    await failed.settle();
    expect(failed.events).toEqual(["failed PROTOCOL_ERROR: DATA on stream 0", "closed"]);
  });

  scripted("drained before the client has said a word", (run) => {
    const server = serverRig(run, { raw: true });
    server.turn(() => server.connection.drain());
    server.seconds(2);
    expect(server.sent().slice(2)).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING fairlead", "GOAWAY 0 NO_ERROR"]);
    expect(server.stream.endedByOwner).toBe(true);
  });

  scripted("the client's GOAWAY: open calls finish, then FIN", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request, { end: true }), f.goaway(0, ErrorCode.NO_ERROR));
    expect(server.stream.endedByOwner).toBe(false);
    answer(server, 0);
    expect(server.stream.endedByOwner).toBe(true);
    const idle = serverRig(run);
    idle.receive(f.goaway(0, ErrorCode.NO_ERROR, "bye"));
    expect(idle.stream.endedByOwner).toBe(true);
  });

  scripted("a client that opens streams after its GOAWAY learns that they were not taken", (run) => {
    const server = serverRig(run);
    server.receive(f.headers(1, request, { end: true }), f.goaway(0, ErrorCode.NO_ERROR));
    server.receive(f.headers(3, request, { end: true }), f.goaway(0, ErrorCode.NO_ERROR));
    expect(server.sent()).toEqual(["GOAWAY 1 NO_ERROR"]);
    expect(server.calls).toHaveLength(1);
    answer(server, 0);
    expect(server.stream.endedByOwner).toBe(true);
  });
});

describe("server: idle connections", () => {
  scripted("end gracefully after connectionIdleTimeout without a stream; never when there is none", (run) => {
    const server = serverRig(run, { limits: { connectionIdleTimeout: 5_000 } });
    server.seconds(4);
    server.receive(f.headers(1, request, { end: true }));
    server.seconds(30);
    answer(server, 0);
    server.sent();
    server.seconds(5);
    expect(server.sent()).toEqual([]);
    server.seconds(1);
    expect(server.sent()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING fairlead"]);
    server.receive(f.headers(3, request, { end: true }), f.ping("fairlead", true));
    expect(server.calls).toHaveLength(2);
    answer(server, 1);
    expect(server.stream.endedByOwner).toBe(true);

    const patient = serverRig(run);
    patient.seconds(3_600);
    expect(patient.sent()).toEqual([]);
  });
});

describe("client: GOAWAY", () => {
  function three(run: Run, onEvent?: (event: string) => void): ClientRig {
    const client = clientRig(run, onEvent === undefined ? {} : { onEvent });
    client.turn(() => {
      for (let i = 0; i < 3; i++) client.open(true);
    });
    client.sent();
    return client;
  }

  scripted("streams above the last one are aborted as unprocessed, the others finish, then goodbye", (run) => {
    const client = three(run);
    client.receive(f.goaway(3, ErrorCode.NO_ERROR, "draining"));
    expect(client.events).toEqual(["ready", "goaway NO_ERROR: draining"]);
    expect(client.call(2)).toEqual(["abort connection NO_ERROR (unprocessed)"]);
    expect(client.connection.capacity).toBe(0);
    expect(client.connection.usable).toBe(false);
    client.receive(f.headers(1, response, { end: true }), f.headers(3, response, { end: true }));
    expect(client.call(0)).toEqual(["head :status: 200", "end"]);
    expect(client.call(1)).toEqual(["head :status: 200", "end"]);
    expect(client.sent()).toEqual(["GOAWAY 0 NO_ERROR"]);
    expect(client.stream.endedByOwner).toBe(true);
    client.stream.close(null);
    expect(client.events).toEqual(["ready", "goaway NO_ERROR: draining", "closed"]);
  });

  scripted("twice: 2^31-1 lets every stream live, the second names the last", (run) => {
    const client = three(run);
    client.receive(f.goaway(0x7fffffff, ErrorCode.NO_ERROR));
    expect(client.calls.flatMap(({ response }) => response.events)).toEqual([]);
    client.receive(f.ping("fairlead"), f.goaway(1, ErrorCode.NO_ERROR));
    expect(client.call(0)).toEqual([]);
    expect(client.call(1)).toEqual(["abort connection NO_ERROR (unprocessed)"]);
    expect(client.call(2)).toEqual(["abort connection NO_ERROR (unprocessed)"]);
    expect(client.sent()).toEqual(["PING ACK fairlead"]);
  });

  scripted("with an error: the abort carries its code, and what was processed is lost with the connection", (run) => {
    const client = three(run);
    client.receive(f.goaway(1, ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings"));
    expect(client.events.at(-1)).toBe("goaway ENHANCE_YOUR_CALM: too_many_pings");
    expect(client.call(2)).toEqual(["abort connection ENHANCE_YOUR_CALM (unprocessed)"]);
    client.stream.close(new Error("read ECONNRESET"));
    expect(client.call(0)).toEqual(["abort connection INTERNAL_ERROR"]);
    expect(client.events.at(-1)).toBe("closed: read ECONNRESET");
  });

  scripted(
    "with an error, and then five seconds of silence: the server has gone, whatever its socket says",
    async (run) => {
      const client = three(run);
      client.receive(f.goaway(5, ErrorCode.COMPRESSION_ERROR));
      client.seconds(2);
      // As long as it sends something it is let finish.
      client.receive(f.headers(1, response, { end: true }));
      client.seconds(5);
      expect(client.call(1)).toEqual([]);
      client.seconds(1);
      expect(client.calls.map(({ response: { events } }) => events)).toEqual([
        ["head :status: 200", "end"],
        ["abort connection INTERNAL_ERROR"],
        ["abort connection INTERNAL_ERROR"],
      ]);
      await client.settle();
      expect(client.events.at(-1)).toBe("closed: GOAWAY COMPRESSION_ERROR, and nothing after it");
    },
  );

  scripted("in order, and then silence: calls may take their time", (run) => {
    const client = three(run);
    client.receive(f.goaway(5, ErrorCode.NO_ERROR));
    client.seconds(15);
    expect(client.calls.flatMap(({ response: { events } }) => events)).toEqual([]);
  });

  scripted("the owner may destroy or drain the connection when it hears of it", async (run) => {
    const rigs: ClientRig[] = [];
    for (const act of ["destroy", "drain"] as const) {
      const client = three(run, (event) => {
        if (event === "goaway") rigs.at(-1)?.connection[act]();
      });
      rigs.push(client);
      client.receive(f.goaway(3, ErrorCode.NO_ERROR), f.headers(1, response, { end: true }));
      await client.settle();
      expect(client.call(2)).toEqual(["abort connection NO_ERROR (unprocessed)"]);
      expect(client.call(0)).toEqual(
        act === "drain" ? ["head :status: 200", "end"] : ["abort connection INTERNAL_ERROR"],
      );
    }
  });

  scripted("aborted calls that are tried again at once get no stream here", (run) => {
    const capacities: number[] = [];
    const client = three(run);
    for (const { response: recorder } of client.calls) {
      const abort = recorder.abort.bind(recorder);
      recorder.abort = (reason) => {
        abort(reason);
        capacities.push(client.connection.capacity);
      };
    }
    client.receive(f.goaway(0, ErrorCode.NO_ERROR));
    expect(capacities).toEqual([0, 0, 0]);
    expect(client.events).toEqual(["ready", "goaway NO_ERROR"]);
    expect(client.sent()).toEqual(["GOAWAY 0 NO_ERROR"]);
  });

  scripted("drain: no new streams, open ones finish, then goodbye", (run) => {
    const client = three(run);
    client.turn(() => client.connection.drain());
    expect(client.connection.capacity).toBe(0);
    client.receive(f.headers(1, response, { end: true }), f.reset(3, 8));
    expect(client.sent()).toEqual([]);
    client.receive(f.headers(5, response, { end: true }));
    expect(client.sent()).toEqual(["GOAWAY 0 NO_ERROR"]);
    expect(client.stream.endedByOwner).toBe(true);
  });

  scripted("the server's FIN without GOAWAY is a loss, with a reason", async (run) => {
    const client = three(run);
    client.stream.deliverEnd();
    await client.settle();
    expect(client.call(0)).toEqual(["abort connection INTERNAL_ERROR"]);
    expect(client.events).toEqual(["ready", "closed: the peer closed the connection"]);
  });
});

describe("errors of ours", () => {
  scripted("a receiver that throws ends its connection with INTERNAL_ERROR, and the others hear of it", (run) => {
    let broken = 0;
    const server = serverRig(run, {
      onRequest: (_stream, _one, recorder) => {
        if (broken++ > 0) return recorder;
        return {
          head: () => {},
          data: () => {
            throw new Error("a mistake");
          },
          end: () => {},
          abort: () => {
            throw new Error("another mistake");
          },
        };
      },
    });
    server.receive(f.headers(1, request), f.headers(3, request), f.data(1, "x"), f.data(3, "y"));
    expect(server.sent()).toEqual(["GOAWAY 3 INTERNAL_ERROR: internal error"]);
    expect(server.call(1)).toEqual([requestText, "abort connection INTERNAL_ERROR"]);
    expect(server.internalErrors).toHaveLength(2);
    expect(server.internalErrors.join()).toContain("a mistake");
    server.internalErrors = [];
  });
});
