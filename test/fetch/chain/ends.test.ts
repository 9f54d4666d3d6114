import { describe, expect, test } from "vitest";
import { A, answered, createWorld, refused, unary, type World } from "./world.ts";

/** A body that the test writes. */
function open() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const seen = { cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    start: (made) => {
      controller = made;
    },
    cancel: () => {
      seen.cancelled = true;
    },
  });
  return { body, seen, controller };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

const streamed = (body: ReadableStream<Uint8Array>, init: RequestInit = {}) =>
  unary({ ...init, body, duplex: "half" } as RequestInit);

describe("chain: calls end whatever the client does", () => {
  test("a client that had gone before the call: no ingress is asked", async () => {
    const { asked, call } = await createWorld();
    const response = await call(unary({ signal: AbortSignal.abort() }));
    expect(response.status).toBe(499);
    expect(asked).toHaveLength(0);
  });

  test("a unary request that never ends: its deadline passes all the same", async () => {
    const { call, clock } = await createWorld();
    const { body } = open();
    const response = call(streamed(body, { headers: { "connect-timeout-ms": "1000" } }));
    await turns();
    clock.advance(1_000);
    const text = (await response).json();
    // Its client has a second for the rest.
    await clock.waitForTimers(1);
    clock.advance(1_000);
    expect(await text).toMatchObject({ code: "deadline_exceeded" });
    expect(clock.pending).toBe(0);
  });

  test("a unary request that never ends: its client goes away", async () => {
    const { asked, call } = await createWorld();
    const { body, seen } = open();
    const gone = new AbortController();
    const response = call(streamed(body, { signal: gone.signal }));
    await turns();
    gone.abort();
    expect((await response).status).toBe(499);
    expect(seen.cancelled).toBe(true);
    expect(asked).toHaveLength(0);
  });

  test.each(["its client goes away", "its deadline passes"])(
    "a stream that is not being read: when %s it is not counted any more",
    async (what) => {
      const { asked, made, call, clock } = await createWorld();
      const gone = new AbortController();
      const type = "application/connect+proto";
      const first = call(
        unary({ signal: gone.signal, headers: { "content-type": type, "connect-timeout-ms": "1000" } }),
      );
      await made(1);
      expect(asked[0].url).toContain(A);
      asked[0].answer(new Response(open().body, { headers: { "content-type": type } }));
      const { body } = await first;
      if (what.startsWith("its client")) gone.abort();
      else clock.advance(2_000);
      expect(asked[0].signal.aborted).toBe(true);
      await turns();
      const second = call(unary());
      await made(2);
      expect(asked[1].url).toContain(A);
      asked[1].answer(answered());
      await (await second).text();
      await body?.cancel().catch(() => {});
      expect(clock.pending).toBe(0);
    },
  );

  test("an upload that breaks off is no strike against the ingress, and goes to no other", async () => {
    const { asked, made, call } = await createWorld({ safe: ["*"] });
    const { body, controller } = open();
    const response = call(streamed(body, { headers: { "content-type": "application/connect+proto" } }));
    await made(1);
    const reading = (asked[0].body as ReadableStream<Uint8Array>).getReader();
    controller.enqueue(new Uint8Array(5));
    await reading.read();
    controller.error(new TypeError("terminated"));
    asked[0].fail((await reading.read().catch((error) => error)) as Error);
    expect((await response).status).toBe(499);
    expect(asked).toHaveLength(1);
    const second = call(unary());
    await made(2);
    expect(asked[1].url).toContain(A);
    asked[1].answer(answered());
    await (await second).text();
  });

  test("a body that somebody else has read, or is reading, is refused and not taken for an empty one", async () => {
    const { asked, call } = await createWorld();
    const read = unary();
    await read.text();
    await expect(call(read)).rejects.toThrow("the request's body was read before it came to the gateway");
    const locked = unary();
    locked.body?.getReader();
    await expect(call(locked)).rejects.toThrow("the request's body was read before it came to the gateway");
    expect(asked).toHaveLength(0);
  });

  test("a deadline and a hedge that are longer than timers can be do not pass at once", async () => {
    const { asked, made, call, delays } = await createWorld({ hedgeAfter: 2 ** 40, safe: ["*"] });
    const response = call(unary({ headers: { "connect-timeout-ms": "9999999999" } }));
    await made(1);
    expect(Math.max(0, ...delays())).toBeLessThan(2 ** 31);
    asked[0].answer(answered());
    await (await response).text();
  });
});

describe("chain: an answer that ends before its request", () => {
  const streamType = "application/connect+proto";

  /** Reads the answer to its end, and says whether that has come. */
  function reading(response: Response) {
    let ended = false;
    const text = response.text().then((text) => {
      ended = true;
      return text;
    });
    return { text, ended: () => ended };
  }

  const cases = {
    "an ingress's own": async (world: World, response: Promise<Response>) => {
      await world.made(1);
      world.asked[0].answer(answered("no", { "content-type": streamType }));
      return response;
    },
    "no ingress": async (world: World, response: Promise<Response>) => {
      await world.made(1);
      world.asked[0].fail(refused());
      await world.made(2);
      world.asked[1].fail(refused());
      return response;
    },
    "a malformed timeout": (_world: World, response: Promise<Response>) => response,
    "no call": async (world: World, response: Promise<Response>) => {
      await world.clock.waitForTimers(1);
      world.clock.advance(1_000);
      return response;
    },
  };
  const headers: Partial<Record<keyof typeof cases, Record<string, string>>> = {
    "a malformed timeout": { "connect-timeout-ms": "soon" },
    "no call": { "content-type": "text/plain" },
  };

  test.each(Object.keys(cases) as (keyof typeof cases)[])(
    "%s: its end waits for the client, a second at most",
    async (what) => {
      for (const late of [false, true]) {
        const world = await createWorld();
        const { body, controller } = open();
        const request = streamed(body, { headers: { "content-type": streamType, ...headers[what] } });
        const { text, ended } = reading(await cases[what](world, world.call(request)));
        await turns();
        expect(ended()).toBe(false);
        controller.enqueue(new Uint8Array(100_000));
        await turns();
        expect(ended()).toBe(false);
        if (late) world.clock.advance(1_000);
        else controller.close();
        await text;
        expect(world.clock.pending).toBe(0);
      }
    },
  );

  test("a request that is far from its end is given up", async () => {
    const { asked, made, call, clock } = await createWorld();
    const { body, controller, seen } = open();
    const response = call(streamed(body, { headers: { "content-type": streamType } }));
    await made(1);
    asked[0].answer(answered("no", { "content-type": streamType }));
    const { text } = reading(await response);
    controller.enqueue(new Uint8Array(300_000));
    await text;
    expect(seen.cancelled).toBe(true);
    expect(clock.pending).toBe(0);
  });
});

describe("chain: what is no answer of a gateway", () => {
  test.each([301, 302, 307])("a redirect, %d, is not for the client to follow", async (status) => {
    const { asked, made, call } = await createWorld();
    const response = call(unary());
    await made(1);
    asked[0].answer(new Response(null, { status, headers: { location: "https://login.example/" } }));
    const { headers, body } = await response;
    expect(headers.get("location")).toBeNull();
    expect(await new Response(body).json()).toMatchObject({
      message: `upstream chain, ${A}: HTTP status ${status}`,
    });
    expect(asked).toHaveLength(1);
  });

  test("a redirect that fetch hides, status 0: the same, and nothing stays counted", async () => {
    const { asked, made, call } = await createWorld();
    const response = call(unary());
    await made(1);
    asked[0].answer({ status: 0, headers: new Headers(), body: null, type: "opaqueredirect" } as Response);
    expect(await (await response).json()).toMatchObject({ message: `upstream chain, ${A}: a redirect` });
  });

  test("a page with status 200 is no answer; safe methods go on", async () => {
    const { asked, made, call } = await createWorld({ safe: ["p.S/Safe"] });
    const page = () => new Response("<h1>log in</h1>", { headers: { "content-type": "text/html" } });
    const unsafe = call(unary());
    await made(1);
    asked[0].answer(page());
    expect(await (await unsafe).json()).toMatchObject({
      message: `upstream chain, ${A}: HTTP status 200, content-type text/html`,
    });
    const safe = call(unary({}, "/p.S/Safe"));
    await made(2);
    asked[1].answer(page());
    await made(3);
    asked[2].answer(answered());
    expect(await (await safe).text()).toBe("ok");
  });

  test("a load balancer's 503 in JSON is no answer to gRPC-Web: the next ingress", async () => {
    const { asked, made, call } = await createWorld();
    const response = call(unary({ headers: { "content-type": "application/grpc-web+proto" } }));
    await made(1);
    asked[0].answer(Response.json({ message: "no healthy upstream" }, { status: 503 }));
    await made(2);
    asked[1].answer(answered("", { "content-type": "application/grpc-web+proto" }));
    expect((await response).status).toBe(200);
  });

  test("what HTTP refuses is passed on with what the client has to know", async () => {
    const { asked, made, call } = await createWorld();
    const response = call(unary());
    await made(1);
    asked[0].answer(new Response("slow down", { status: 429, headers: { "retry-after": "7" } }));
    const { status, headers } = await response;
    expect([status, headers.get("retry-after")]).toEqual([429, "7"]);
  });
});
