import { describe, expect, test } from "vitest";
import type { Receiver } from "../../src/http2/receiver.ts";
import type { Downstream } from "../../src/protocols/downstream.ts";
import { enterFetch, requestHead } from "../../src/protocols/fetch.ts";
import { ownHead } from "../../src/protocols/status.ts";
import { FakeClock } from "../support/fake-clock.ts";

const nobody: Receiver = { head() {}, data() {}, end() {}, abort() {} };

/** A request whose body the test writes, and which is answered whole at once. */
async function early(clock: FakeClock) {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (made) => {
      controller = made;
    },
    cancel: () => {
      cancelled = true;
    },
  });
  const init = { method: "POST", body, duplex: "half", headers: { "content-type": "application/connect+proto" } };
  const request = new Request("https://edge.example/p.S/M", init as RequestInit);
  const answer = (to: Downstream): Receiver => {
    to.head(ownHead([":status", "200"]));
    to.data(new Uint8Array([1, 2]), 0, 2);
    to.end(null);
    return nobody;
  };
  const response = await enterFetch(request, answer, "", clock);
  const reader = response.body!.getReader();
  expect((await reader.read()).value).toEqual(new Uint8Array([1, 2]));
  let ended = false;
  const end = reader.read().then(({ done }) => {
    ended = done;
  });
  return { controller, reader, end, ended: () => ended, cancelled: () => cancelled };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("fetch: an answer that ends before its request", () => {
  test("its end waits until the request has ended", async () => {
    const clock = new FakeClock();
    const { controller, end, ended } = await early(clock);
    controller.enqueue(new Uint8Array(10));
    await turns();
    expect(ended()).toBe(false);
    controller.close();
    await end;
    expect(clock.pending).toBe(0);
  });

  test("but for a second at most", async () => {
    const clock = new FakeClock();
    const { end, ended } = await early(clock);
    clock.advance(999);
    await turns();
    expect(ended()).toBe(false);
    clock.advance(1);
    await end;
  });

  test("a request that is far from its end is given up", async () => {
    const clock = new FakeClock();
    const { controller, end, cancelled } = await early(clock);
    controller.enqueue(new Uint8Array(300_000));
    await end;
    expect(cancelled()).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test("a client that leaves ends the wait", async () => {
    const clock = new FakeClock();
    const { reader } = await early(clock);
    await reader.cancel();
    expect(clock.pending).toBe(0);
  });
});

test("fetch: controls in an answer's fields become spaces, for platforms refuse them, or end", async () => {
  const answer = (to: Downstream): Receiver => {
    to.head(ownHead([":status", "200", "x-a", "1\x01\x1f2\x7f3\t4\xe9"]));
    to.end(null);
    return nobody;
  };
  const response = await enterFetch(new Request("https://edge.example/p.S/M"), answer);
  expect(response.headers.get("x-a")).toBe("1  2 3\t4\xe9");
});

test("fetch: a URL's fragment is no part of the path, nor of a message in the query", () => {
  const path = (url: string) => requestHead(new Request(url)).fields[5];
  expect(path("https://edge.example/p.S/M#a")).toBe("/p.S/M");
  expect(path("https://edge.example/p.S/M?message=%23a#b/c?d")).toBe("/p.S/M?message=%23a");
  expect(path("https://edge.example#a")).toBe("/");
});

test("fetch: what the connection field names goes no further", () => {
  const names = (connection: string) => {
    const headers = { connection, "x-hop": "1", "x-end": "2", "content-type": "application/proto" };
    const { fields } = requestHead({
      method: "POST",
      url: "https://edge.example/p.S/M",
      headers: new Headers(headers),
    });
    return fields.filter((name, i) => i % 2 === 0 && name.startsWith("x-"));
  };
  expect(names("keep-alive")).toEqual(["x-end", "x-hop"]);
  expect(names("close, X-Hop")).toEqual(["x-end"]);
  expect(names("@ not a token,, x-hop;")).toEqual(["x-end"]);
});

describe("fetch: requests that do not come as they should", () => {
  /** What is asked of it, in order. */
  function listener() {
    const heard: string[] = [];
    const receiver: Receiver = {
      head: () => heard.push("head"),
      data: () => heard.push("data"),
      end: () => heard.push("end"),
      abort: () => heard.push("abort"),
    };
    return { heard, enter: () => receiver };
  }
  const request = (init: RequestInit) =>
    new Request("https://edge.example/p.S/M", { method: "POST", body: "a", ...init });

  test("its client was gone before: nobody is asked", async () => {
    const { heard, enter } = listener();
    expect((await enterFetch(request({ signal: AbortSignal.abort() }), enter)).status).toBe(499);
    expect(heard).toEqual([]);
  });

  test("its body was read, or is being read, by somebody else: it is not taken for an empty one", async () => {
    const { heard, enter } = listener();
    const read = request({});
    await read.text();
    await expect(enterFetch(read, enter)).rejects.toThrow("the request's body was read before");
    const locked = request({});
    locked.body?.getReader();
    await expect(enterFetch(locked, enter)).rejects.toThrow("the request's body was read before");
    expect(heard).toEqual([]);
  });

  test("its body never ends, and its client goes away: the call hears of it, and nothing is read any more", async () => {
    const { heard, enter } = listener();
    const gone = new AbortController();
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      cancel: () => {
        cancelled = true;
      },
    });
    const response = enterFetch(request({ body, duplex: "half", signal: gone.signal } as RequestInit), enter);
    gone.abort();
    expect((await response).status).toBe(499);
    expect(heard).toEqual(["head", "abort"]);
    await turns();
    expect(cancelled).toBe(true);
  });

  test("its body breaks off: the call hears of it", async () => {
    const { heard, enter } = listener();
    const body = new ReadableStream<Uint8Array>({
      pull: () => {
        throw new TypeError("terminated");
      },
    });
    const response = enterFetch(request({ body, duplex: "half" } as RequestInit), enter);
    expect((await response).status).toBe(499);
    expect(heard).toEqual(["head", "abort"]);
  });
});
