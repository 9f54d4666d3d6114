import { describe, expect, test } from "vitest";
import { A, answered, B, C, createWorld, refused, unary } from "./world.ts";

const html = (status: number) => new Response("<h1>sorry</h1>", { status, headers: { "content-type": "text/html" } });

describe("chain: failover", () => {
  test("a connection that was refused: the next ingress gets the same request, and the first is asked last for a while", async () => {
    const { asked, made, call, clock } = await createWorld();
    const first = call(unary());
    await made(1);
    asked[0].fail(refused());
    await made(2);
    asked[1].answer(answered());
    expect(await (await first).text()).toBe("ok");
    expect(asked.map(({ url }) => url)).toEqual([`${A}/p.S/M`, `${B}/p.S/M`]);
    expect(asked[1].body).toEqual(new Uint8Array([1, 2, 3]));

    const second = call(unary());
    await made(3);
    asked[2].answer(answered());
    await (await second).text();
    expect(asked[2].url).toBe(`${B}/p.S/M`);

    clock.advance(5_000);
    const third = call(unary());
    await made(4);
    asked[3].answer(answered());
    await (await third).text();
    expect(asked[3].url).toBe(`${A}/p.S/M`);
  });

  test.each([503, 521, 522, 523, 530])("a load balancer's %d: the next ingress", async (status) => {
    const { asked, made, call } = await createWorld();
    const response = call(unary());
    await made(1);
    asked[0].answer(html(status));
    await made(2);
    asked[1].answer(answered());
    expect((await response).status).toBe(200);
  });

  test.each([502, 504])("a load balancer's %d may have reached a pod: only safe methods go on", async (status) => {
    const { asked, made, call } = await createWorld({ safe: ["p.S/Safe"] });
    const unsafe = call(unary());
    await made(1);
    asked[0].answer(html(status));
    expect(await (await unsafe).json()).toMatchObject({
      code: "unavailable",
      message: `upstream chain, ${A}: HTTP status ${status}`,
    });
    const safe = call(unary({}, "/p.S/Safe"));
    await made(2);
    asked[1].answer(html(status));
    await made(3);
    asked[2].answer(answered());
    expect((await safe).status).toBe(200);
  });

  test("a connection that was lost: only safe methods go on", async () => {
    const { asked, made, call } = await createWorld({ safe: ["p.S/*"] });
    const unsafe = call(unary({}, "/p.T/M"));
    await made(1);
    asked[0].fail(new TypeError("Network connection lost."));
    expect((await unsafe).status).toBe(503);
    const safe = call(unary());
    await made(2);
    asked[1].fail(new TypeError("Network connection lost."));
    await made(3);
    asked[2].answer(answered());
    expect((await safe).status).toBe(200);
  });

  test("a Connect error is an answer, whatever its status", async () => {
    const { asked, made, call } = await createWorld();
    const response = call(unary());
    await made(1);
    asked[0].answer(Response.json({ code: "unavailable", message: "no" }, { status: 503 }));
    expect((await response).status).toBe(503);
    expect(asked).toHaveLength(1);
  });

  test("a stream whose beginning is kept goes to the next ingress whole; a longer one does not", async () => {
    const { asked, made, call } = await createWorld({ retryBuffer: 4 });
    const send = (chunks: readonly number[][]): Request => {
      const left = [...chunks];
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          const chunk = left.shift();
          if (chunk === undefined) controller.close();
          else controller.enqueue(new Uint8Array(chunk));
        },
      });
      const init = { body, duplex: "half", headers: { "content-type": "application/connect+proto" } } as RequestInit;
      return unary(init);
    };
    const read = async (body: unknown, chunks: number): Promise<number[][]> => {
      const reader = (body as ReadableStream<Uint8Array>).getReader();
      const seen: number[][] = [];
      for (let i = 0; i < chunks; i++) seen.push([...((await reader.read()).value ?? [])]);
      return seen;
    };
    const short = call(send([[1], [2], [3]]));
    await made(1);
    expect(await read(asked[0].body, 2)).toEqual([[1], [2]]);
    asked[0].fail(refused());
    await made(2);
    expect(await read(asked[1].body, 4)).toEqual([[1], [2], [3], []]);
    asked[1].answer(answered("", { "content-type": "application/connect+proto" }));
    expect((await short).status).toBe(200);

    const long = call(
      send([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    await made(3);
    expect(await read(asked[2].body, 2)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    asked[2].fail(refused());
    expect((await long).headers.get("content-type")).toBe("application/connect+proto");
    expect(asked).toHaveLength(3);
  });

  test("the least busy ingress is asked: a stream counts until it has ended", async () => {
    const { asked, made, call } = await createWorld({ ingresses: [A, B, C] });
    const open = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array(1)) });
    const type = { "content-type": "application/connect+proto" };
    const first = call(unary({ headers: type }));
    await made(1);
    asked[0].answer(new Response(open, { headers: type }));
    const held = await first;
    const second = call(unary());
    await made(2);
    asked[1].answer(answered());
    await (await second).text();
    expect(asked[1].url).toBe(`${B}/p.S/M`);
    await held.body?.cancel();
    expect(asked[0].signal.aborted).toBe(true);
    const third = call(unary());
    await made(3);
    expect(asked[2].url).toBe(`${A}/p.S/M`);
    asked[2].answer(answered());
    await (await third).text();
  });
});

describe("chain: hedging", () => {
  const get = new Request("https://edge.example/p.S/M?connect=v1&encoding=proto&message=AA&base64=1");

  test("a GET without an answer: one more ingress is asked, the first answer counts, the other call is cancelled", async () => {
    const { asked, made, call, clock } = await createWorld({ hedgeAfter: 50 });
    const response = call(get);
    await made(1);
    clock.advance(49);
    expect(asked).toHaveLength(1);
    clock.advance(1);
    expect(asked).toHaveLength(2);
    expect(asked[1].url).toContain(B);
    asked[1].answer(answered("from b"));
    expect(await (await response).text()).toBe("from b");
    expect(asked[0].signal.aborted).toBe(true);
    expect(asked[1].signal.aborted).toBe(false);
  });

  test("an early answer: nobody else is asked", async () => {
    const { asked, made, call, clock } = await createWorld({ hedgeAfter: 50 });
    const response = call(get);
    await made(1);
    asked[0].answer(answered());
    await (await response).text();
    clock.advance(1_000);
    expect(asked).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test("unary methods: those that are said to be safe, and no others", async () => {
    const { asked, made, call, clock } = await createWorld({ hedgeAfter: 50, safe: ["p.S/Safe"] });
    const unsafe = call(unary());
    await made(1);
    clock.advance(1_000);
    expect(asked).toHaveLength(1);
    asked[0].answer(answered());
    await (await unsafe).text();
    const safe = call(unary({}, "/p.S/Safe"));
    await made(2);
    clock.advance(50);
    expect(asked).toHaveLength(3);
    expect(asked[2].body).toEqual(new Uint8Array([1, 2, 3]));
    asked[1].answer(answered());
    await (await safe).text();
    expect(asked[2].signal.aborted).toBe(true);
  });

  test("both fail: the client is told of the last", async () => {
    const { asked, made, call, clock } = await createWorld({ hedgeAfter: 50 });
    const response = call(get);
    await made(1);
    clock.advance(50);
    asked[1].fail(refused());
    asked[0].fail(refused());
    expect(await (await response).json()).toMatchObject({ message: `upstream chain, ${A}: connect ECONNREFUSED` });
  });
});

describe("chain: deadlines and cancels", () => {
  test("the deadline goes on, cut by the time that was spent", async () => {
    const { asked, made, call, clock } = await createWorld();
    const response = call(unary({ headers: { "connect-timeout-ms": "1000" } }));
    await made(1);
    expect(asked[0].headers.get("connect-timeout-ms")).toBe("1000");
    clock.advance(300);
    asked[0].fail(refused());
    await made(2);
    expect(asked[1].headers.get("connect-timeout-ms")).toBe("700");
    asked[1].answer(answered());
    await (await response).text();
    expect(clock.pending).toBe(0);
  });

  test.each([
    ["application/proto", "connect-timeout-ms", "1000"],
    ["application/grpc-web+proto", "grpc-timeout", "1S"],
    ["application/connect+proto", "connect-timeout-ms", "1000"],
  ])("%s: a deadline that passes is told in the client's protocol", async (type, name, timeout) => {
    const { asked, made, call, clock } = await createWorld();
    const response = call(unary({ headers: { "content-type": type, [name]: timeout } }));
    await made(1);
    clock.advance(1_000);
    expect(asked[0].signal.aborted).toBe(true);
    const { status, headers, body } = await response;
    const text = await new Response(body).text();
    expect(`${status} ${[...headers].join(" ")} ${text}`).toMatch(
      /504.*deadline_exceeded|200.*(grpc-status.{1,2}4|deadline_exceeded)/s,
    );
    expect(clock.pending).toBe(0);
  });

  test("maxTimeout: is given to calls without a deadline", async () => {
    const { asked, made, call } = await createWorld({ maxTimeout: 2_000 });
    const response = call(unary({ headers: { "content-type": "application/grpc-web+proto" } }));
    await made(1);
    expect(asked[0].headers.get("grpc-timeout")).toBe("2000m");
    asked[0].answer(answered("", { "content-type": "application/grpc-web+proto" }));
    await (await response).text();
  });

  test("a client that goes away before the answer: the ingress's call is cancelled, and nobody else is asked", async () => {
    const { asked, made, call, clock } = await createWorld();
    const gone = new AbortController();
    const response = call(unary({ signal: gone.signal, headers: { "connect-timeout-ms": "1000" } }));
    await made(1);
    gone.abort();
    expect((await response).status).toBe(499);
    expect(asked[0].signal.aborted).toBe(true);
    expect(asked).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test("a slow reader: the ingress is not read ahead of it", async () => {
    const { asked, made, call } = await createWorld();
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulled++;
          controller.enqueue(new Uint8Array(1_000));
        },
      },
      { highWaterMark: 0 },
    );
    const type = { "content-type": "application/connect+proto" };
    const response = call(unary({ headers: type }));
    await made(1);
    asked[0].answer(new Response(endless, { headers: type }));
    const reader = (await response).body!.getReader();
    expect(pulled).toBe(0);
    await reader.read();
    await reader.read();
    expect(pulled).toBeLessThanOrEqual(3);
    await reader.cancel();
  });
});

describe("chain: heads", () => {
  test("what belongs to one connection stays there, and no compression is asked for that fetch would undo", async () => {
    const { asked, made, call } = await createWorld();
    const response = call(
      unary({
        headers: {
          ...{ "accept-encoding": "gzip", te: "trailers", connection: "close, x-hop", "x-hop": "1" },
          ...{ "x-tenant": "a", authorization: "b" },
        },
      }),
    );
    await made(1);
    const { headers } = asked[0];
    expect(Object.fromEntries(headers)).toEqual({
      "accept-encoding": "identity",
      "content-type": "application/proto",
      "x-tenant": "a",
      authorization: "b",
    });
    asked[0].answer(
      answered("ok", { "content-encoding": "gzip", "content-length": "22", "x-a": "1", "trailer-x-b": "2" }),
    );
    expect(Object.fromEntries((await response).headers)).toEqual({
      "content-type": "application/proto",
      "x-a": "1",
      "trailer-x-b": "2",
    });
  });

  test("path prefix and query: both stay", async () => {
    const { asked, made, call } = await createWorld({ ingresses: [`${A}/rpc/`] });
    void call(new Request("https://edge.example/p.S/M?connect=v1&encoding=json&message=%7B%7D"));
    await made(1);
    expect(asked[0].url).toBe(`${A}/rpc/p.S/M?connect=v1&encoding=json&message=%7B%7D`);
    asked[0].answer(answered());
  });

  test("what is no call is refused here, with the gateway's words", async () => {
    const { asked, call } = await createWorld();
    expect((await call(new Request("https://edge.example/"))).status).toBe(404);
    expect((await call(unary({ headers: { "content-type": "text/plain" } }))).status).toBe(415);
    expect(await (await call(unary({ headers: { "connect-timeout-ms": "soon" } }))).json()).toMatchObject({
      code: "invalid_argument",
    });
    expect(asked).toHaveLength(0);
  });

  test("CORS: preflights are answered here, and every answer carries it, errors too", async () => {
    const { asked, made, call } = await createWorld({ cors: { allowOrigins: ["https://page.example"] } });
    const origin = "https://page.example";
    const preflight = new Request("https://edge.example/p.S/M", {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    });
    const allowed = await call(preflight);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
    const response = call(unary({ headers: { origin } }));
    await made(1);
    asked[0].answer(answered("ok", { "x-a": "1" }));
    expect((await response).headers.get("access-control-expose-headers")).toContain("x-a");
    const failed = call(unary({ headers: { origin } }));
    await made(2);
    asked[1].answer(html(504));
    expect((await failed).headers.get("access-control-allow-origin")).toBe(origin);
  });

  test("CORS left to the ingress: its answer to a preflight is passed on", async () => {
    const { asked, made, call } = await createWorld();
    const preflight = new Request("https://edge.example/p.S/M", {
      method: "OPTIONS",
      headers: { origin: "https://page.example", "access-control-request-method": "POST" },
    });
    const response = call(preflight);
    await made(1);
    asked[0].answer(new Response(null, { status: 204, headers: { "access-control-allow-origin": "*" } }));
    expect((await response).headers.get("access-control-allow-origin")).toBe("*");
  });
});

describe("chain: configuration", () => {
  test.each([
    [{ ingresses: [] }, /chain\.ingresses: is empty/],
    [{ ingresses: ["rpc.example.com"] }, /chain\.ingresses\[0\]: "rpc\.example\.com" is not a URL/],
    [{ ingresses: ["ftp://a.example"] }, /chain\.ingresses\[0\]: "ftp:\/\/a\.example" is not http or https/],
    [{ ingresses: ["https://me:secret@a.example"] }, /chain\.ingresses\[0\]: has a user or a password/],
    [{ safe: ["/p.S/M"] }, /chain\.safe\[0\]: "\/p\.S\/M" is not `package\.Service\/Method`/],
    [{ cors: { allowOrigins: ["https://a.example/"] } }, /chain\.cors\.allowOrigins\[0\]: .* is not scheme and host/],
    [{ cors: { allowOrigins: ["https://a.example:443"] } }, /the port that browsers leave out/],
    [{ cors: { allowOrigins: ["*"], allowCredentials: true } }, /\* does not go with allowCredentials/],
    [
      { cors: { allowOrigins: ["*"], allowHeaders: ["x y"] } },
      /chain\.cors\.allowHeaders\[0\]: "x y" is not a header name/,
    ],
    [{ cors: { allowOrigins: ["*"], maxAge: -1 } }, /chain\.cors\.maxAge: -1 is not a number from 0/],
    [{ hedgeAfter: -1 }, /chain\.hedgeAfter: -1 is not a number from 0 up/],
  ])("%j is refused", async (options, message) => {
    await expect(createWorld(options)).rejects.toThrow(message);
  });
});
