import { describe, expect, test } from "vitest";
import { envelope } from "../../src/protocols/envelope.ts";
import { okHead, requestFields } from "../gateway/support/fields.ts";
import { framed, messagesOf, openJson, readAll, unary } from "./support/ask-json.ts";
import { filesOf } from "./support/protos.ts";
import { addressOf, SETS, startShop } from "./support/shop.ts";

const ADD = "/shop.v1.Cart/Add";

describe("server reflection: when it is asked", () => {
  test("once per service and pod, by the first call that needs it", async () => {
    const { world, pods } = await startShop({ versions: ["v1", "v1"] });
    expect(pods.flatMap(({ asked }) => asked)).toEqual([]);
    for (let i = 0; i < 6; i++) expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    expect(pods.map(({ asked }) => asked)).toEqual([["shop.v1.Cart"], ["shop.v1.Cart"]]);
    expect(pods.map(({ got }) => got.length)).toEqual([3, 3]);
  });

  test("calls that come at the same time share one question", async () => {
    const { world, pods } = await startShop();
    const client = await world.client();
    const calls = [1, 2, 3].map(() =>
      openJson(client, ADD)
        .send(framed({ name: "tea" }))
        .finish(),
    );
    await world.settle();
    expect(calls.map(({ status }) => status.code)).toEqual([0, 0, 0]);
    expect(pods[0].asked).toEqual(["shop.v1.Cart"]);
  });

  test("not by calls in protobuf", async () => {
    const { world, pods } = await startShop();
    const client = await world.client();
    client.unary(new Uint8Array(5));
    await world.settle();
    expect(pods[0].asked).toEqual([]);
  });

  test("other calls do not wait for it: those in protobuf, and those of services that are known", async () => {
    const { world, pods } = await startShop();
    await unary(world, ADD, {});
    const { onHead } = pods[0].pod;
    pods[0].pod.onHead = (party) => {
      // From now on it does not answer.
      if (!party.fields.some((text) => text.startsWith("/grpc.reflection"))) onHead(party);
    };
    const client = await world.client();
    const waits = openJson(client, "/shop.v1.Stock/Count").send(framed({})).finish();
    await world.settle();
    expect(waits.over).toBe(false);
    const binary = client
      .open(requestFields([], ADD))
      .send(envelope(0, new Uint8Array(0)))
      .finish();
    const known = openJson(client, ADD).send(framed({})).finish();
    await world.settle();
    expect([binary.status.code, known.status.code, waits.over]).toEqual([0, 0, false]);
    await world.advance(5_100);
    expect(waits.over).toBe(true);
  });

  test("a pod that joins is asked by the first call that is sent to it, and no other again", async () => {
    const { world, pods } = await startShop({ versions: ["v1", "v2"] });
    const [, second] = pods;
    world.net.hosts.delete(addressOf(1));
    for (const link of world.net.linksTo(addressOf(1))) link.break();
    for (let i = 0; i < 3; i++) expect((await unary(world, ADD, {})).status).toBe(200);
    expect(pods.map(({ asked }) => asked)).toEqual([["shop.v1.Cart"], []]);
    world.net.hosts.set(addressOf(1), second.pod);
    await world.advance(120_000, 1_000);
    for (let i = 0; i < 4; i++) expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    expect(pods.map(({ asked }) => asked)).toEqual([["shop.v1.Cart"], ["shop.v1.Cart"]]);
    expect(second.got).toEqual([{ name: "tea" }, { name: "tea" }]);
  });

  test("again when a method is unknown, and no sooner than 10 s later", async () => {
    const { world, pods } = await startShop({ backend: { json: "transcode" } });
    const refund = () => unary(world, "/shop.v1.Cart/Refund", { name: "tea" });
    expect((await refund()).json).toMatchObject({ code: "unimplemented" });
    expect((await refund()).status).toBe(501);
    expect(pods[0].asked).toEqual(["shop.v1.Cart"]);
    // The pod learns of a method without being replaced: a proxy, or a server that loads its services.
    pods[0].files = filesOf(SETS.v2);
    await world.advance(9_000);
    expect((await refund()).status).toBe(501);
    await world.advance(1_001);
    expect((await refund()).status).toBe(200);
    expect(pods[0].asked).toEqual(["shop.v1.Cart", "shop.v1.Cart"]);
  });

  test("a service that the pod does not have is asked for no sooner again, either", async () => {
    const { world, pods } = await startShop({ backend: { json: "transcode" } });
    for (let i = 0; i < 3; i++) expect((await unary(world, "/shop.v1.Nope/Add", {})).status).toBe(501);
    expect(pods[0].asked).toEqual(["shop.v1.Nope"]);
  });

  test("again when the pod at an address may be another one", async () => {
    const { world, pods } = await startShop();
    expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    const [link] = world.net.linksTo(addressOf(0));
    pods[0].files = filesOf(SETS.v2);
    link.break();
    await world.advance(5_000, 100);
    const { json } = await unary(world, ADD, { name: "tea", price: "a lot" });
    expect(json).toEqual({ item: { name: "tea", price: "a lot" }, version: "v1" });
    expect(pods[0].asked).toEqual(["shop.v1.Cart", "shop.v1.Cart"]);
  });
});

describe("server reflection: what pods have", () => {
  test("v1alpha alone: is asked after v1, and remembered", async () => {
    const { world, pods } = await startShop({ pod: { reflection: "v1alpha" } });
    expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    expect(pods[0].asked).toEqual(["shop.v1.Cart"]);
    const paths = pods[0].pod.calls.map(({ fields }) => fields[fields.indexOf(":path") + 1]);
    expect(paths.map((path) => path.split("/")[1])).toEqual([
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "shop.v1.Cart",
      "shop.v1.Cart",
    ]);
  });

  test("files one by one: what is imported is asked for until all is there", async () => {
    const { world, pods } = await startShop({ pod: { alone: true } });
    expect((await unary(world, ADD, { name: "tea", paidWith: { units: 3 } })).status).toBe(200);
    expect(pods[0].asked).toEqual(["shop.v1.Cart", "google/protobuf/any.proto", "shop/v1/money.proto"]);
  });

  test.each([
    ["none", "auto", ["debug", "no server reflection"]],
    ["none", "transcode", ["warn", "no server reflection"]],
    ["forbidden", "auto", ["info", "server reflection failed"]],
    ["forbidden", "transcode", ["warn", "server reflection failed"]],
  ] as const)("%s, %s: what the log says, once per pod", async (reflection, json, said) => {
    const { world } = await startShop({ versions: ["v1", "v1"], pod: { reflection }, backend: { json } });
    for (let i = 0; i < 3; i++) {
      for (let pod = 0; pod < 2; pod++) await unary(world, ADD, { name: "tea" });
      // Those that failed are asked again, and nothing is new.
      await world.advance(10_001);
    }
    const lines = world.log.lines.filter(({ event }) => event.includes("reflection"));
    expect(lines.map(({ level, event }) => [level, event])).toEqual([said, said]);
  });

  test.each(["none", "forbidden"] as const)("%s: auto hands JSON on", async (reflection) => {
    const { world, pods } = await startShop({ pod: { reflection } });
    // This pod refuses it, in its own words.
    expect((await unary(world, ADD, { name: "tea" })).json).toEqual({
      code: "unimplemented",
      message: "no codec for application/grpc+json",
    });
    expect(pods[0].asked).toEqual([]);
  });

  test("none: transcode says so", async () => {
    const { world } = await startShop({ pod: { reflection: "none" }, backend: { json: "transcode" } });
    expect((await unary(world, ADD, { name: "tea" })).json).toEqual({
      code: "unimplemented",
      message:
        "JSON of shop.v1.Cart/Add cannot be translated: endpoint 10.0.0.1:9000: the pod has no server reflection",
    });
  });

  test("one that does not answer: the call waits 5 s, and the next ones do not", async () => {
    const { world, pods } = await startShop({ pod: { reflection: "silent" } });
    const client = await world.client();
    const first = openJson(client, ADD)
      .send(framed({ name: "tea" }))
      .finish();
    await world.settle();
    await world.advance(4_900);
    expect(first.over).toBe(false);
    expect(world.outstanding).toBe(1);
    await world.advance(200);
    expect(first.status).toEqual({ code: 12, message: "no codec for application/grpc+json" });
    const next = openJson(client, ADD)
      .send(framed({ name: "tea" }))
      .finish();
    await world.settle();
    expect(next.over).toBe(true);
    expect(pods[0].pod.calls.filter(({ aborted }) => aborted !== null)).toHaveLength(1);
  });

  test("one that does not answer: the client's deadline and cancel end the call", async () => {
    const { world } = await startShop({ pod: { reflection: "silent" } });
    const client = await world.client();
    const late = openJson(client, ADD, ["grpc-timeout", "100m"]).send(framed({})).finish();
    const left = openJson(client, ADD).send(framed({})).finish();
    await world.settle();
    expect(world.outstanding).toBe(2);
    left.reset(8);
    await world.advance(200);
    expect(late.status.code).toBe(4);
    expect(world.outstanding).toBe(0);
    await world.advance(6_000);
  });

  test("one that is lost meanwhile: the call goes to another pod", async () => {
    const { world, pods } = await startShop({ versions: ["v1", "v1"], pod: { reflection: "silent" } });
    const client = await world.client();
    const call = openJson(client, ADD)
      .send(framed({ name: "tea" }))
      .finish();
    await world.settle();
    const asked = pods.findIndex(({ pod }) => pod.calls.length > 0);
    world.net.linksTo(addressOf(asked))[0].break();
    await world.settle();
    expect(pods[1 - asked].pod.calls).toHaveLength(1);
    call.reset(8);
    await world.advance(6_000);
  });
});

describe("server reflection: types that only an Any holds", () => {
  const gift = { "@type": "type.googleapis.com/shop.v1.Gift", wrapping: "blue" };

  test("in a request: are asked for when they are met, and remembered", async () => {
    const { world, pods } = await startShop();
    for (let i = 0; i < 2; i++) {
      const { json } = await unary(world, ADD, { name: "tea", gift });
      expect(json).toEqual({ version: "v1", item: { name: "tea", gift } });
    }
    expect(pods[0].asked).toEqual(["shop.v1.Cart", "shop.v1.Gift"]);
  });

  test("in an answer", async () => {
    const { world, pods } = await startShop();
    pods[0].onEnd = (call) => call.answer({ item: { gift } }).ok();
    expect((await unary(world, ADD, {})).json).toEqual({ item: { gift } });
    expect(pods[0].asked).toEqual(["shop.v1.Cart", "shop.v1.Gift"]);
  });

  test("in a stream: order and end are kept while the pod is asked", async () => {
    const { world, pods } = await startShop();
    const client = await world.client();
    pods[0].onEnd = (call) => {
      for (const item of [{ name: "a" }, { gift }, { name: "b" }]) call.answer({ item });
      call.ok();
    };
    const call = openJson(client, "/shop.v1.Cart/Trade");
    call
      .send(framed({ name: "1" }))
      .send(framed({ gift }))
      .send(framed({ name: "2" }))
      .finish();
    await world.settle();
    expect(pods[0].got).toEqual([{ name: "1" }, { gift }, { name: "2" }]);
    expect(messagesOf(call.body)).toEqual([{ item: { name: "a" } }, { item: { gift } }, { item: { name: "b" } }]);
    expect(call.status.code).toBe(0);
  });

  test("in an error's details: debug is there from the next error on", async () => {
    const { world, pods } = await startShop();
    // google.rpc.Status { details { type_url "x/shop.v1.Gift", value { wrapping: "red" } } }
    const value = Uint8Array.of(0x0a, 3, ...new TextEncoder().encode("red"));
    const any = Uint8Array.of(0x0a, 14, ...new TextEncoder().encode("x/shop.v1.Gift"), 0x12, value.length, ...value);
    const details = btoa(String.fromCharCode(0x08, 9, 0x1a, any.length, ...any));
    const fields = ["grpc-status", "9", "grpc-message", "no", "grpc-status-details-bin", details];
    pods[0].onEnd = ({ party }) => party.sendHead([...okHead, ...fields]).finish();
    const detail = { type: "shop.v1.Gift", value: "CgNyZWQ" };
    const error = { code: "failed_precondition", message: "no" };
    expect((await unary(world, ADD, {})).json).toEqual({ ...error, details: [detail] });
    expect((await unary(world, ADD, {})).json).toEqual({
      ...error,
      details: [{ ...detail, debug: { wrapping: "red" } }],
    });
    expect(pods[0].asked).toEqual(["shop.v1.Cart", "shop.v1.Gift"]);
  });

  test("that the pod does not have either: the error names the type", async () => {
    const { world, pods } = await startShop();
    const unknown = { "@type": "type.googleapis.com/shop.v1.Bribe" };
    for (let i = 0; i < 2; i++) {
      expect((await unary(world, ADD, { gift: unknown })).json).toEqual({
        code: "invalid_argument",
        message:
          "request message of shop.v1.Cart/Add: google.protobuf.Any holds a shop.v1.Bribe, which is in no known schema",
      });
    }
    expect(pods[0].asked).toEqual(["shop.v1.Cart", "shop.v1.Bribe"]);
  });
});

describe("GET: idempotency_level = NO_SIDE_EFFECTS", () => {
  const get = (path: string, encoding = "json") =>
    new Request(
      `http://echo.test${path}?connect=v1&encoding=${encoding}&message=${encoding === "json" ? "%7B%7D" : ""}`,
    );

  test("may be called by GET without being listed, in JSON and in protobuf", async () => {
    const { world, pods } = await startShop();
    expect((await readAll(world, get("/shop.v1.Cart/Price"))).status).toBe(200);
    expect((await readAll(world, get("/shop.v1.Cart/Price", "proto"))).status).toBe(200);
    expect(pods[0].asked).toEqual(["shop.v1.Cart"]);
  });

  test("the pod's cache headers pass, and Vary says what an answer depends on", async () => {
    const { world, pods } = await startShop();
    pods[0].onEnd = ({ party }) =>
      party
        .sendHead([...okHead, "cache-control", "max-age=60", "etag", '"v1"', "last-modified", "yesterday"])
        .send(envelope(0, new Uint8Array(0)))
        .finish(["grpc-status", "0"]);
    for (const encoding of ["json", "proto"]) {
      const { status, headers } = await readAll(world, get("/shop.v1.Cart/Price", encoding));
      expect(status).toBe(200);
      const names = ["cache-control", "etag", "last-modified", "vary"];
      expect(names.map((name) => headers.get(name))).toEqual(["max-age=60", '"v1"', "yesterday", "Accept-Encoding"]);
    }
  });

  test("without it: 405, Allow and a message", async () => {
    const { world } = await startShop();
    const refused = await readAll(world, get("/shop.v1.Cart/Add"));
    expect(refused.status).toBe(405);
    expect(refused.headers.get("allow")).toBe("POST");
    expect(refused.text).toContain("shop.v1.Cart/Add may not be called by GET");
  });

  test("a call in JSON that was allowed by GET shows debug, and is translated", async () => {
    const { world, pods } = await startShop();
    const { status, json } = await readAll(world, get("/shop.v1.Cart/Price"));
    expect([status, json]).toEqual([200, { version: "v1", item: {} }]);
    expect(pods[0].calls[0].party.fields).toContain("application/grpc+proto");
  });

  test("the time in which the pod is asked is the call's: its deadline ends the waiting, in the caller's protocol", async () => {
    const { world } = await startShop({ pod: { reflection: "silent" } });
    const client = await world.client();
    const fields = (timeout: string) =>
      [":method", "GET", ":scheme", "http", ":path", "/shop.v1.Cart/Price?encoding=json&message=%7B%7D"].concat(
        [":authority", "echo.test"],
        ["connect-timeout-ms", timeout],
      );
    const late = client.open(fields("100")).finish();
    const left = client.open(fields("100000")).finish();
    const malformed = client.open(fields("soon")).finish();
    await world.settle();
    expect(malformed.fields.slice(0, 2)).toEqual([":status", "400"]);
    expect(late.over).toBe(false);
    left.reset(8);
    await world.advance(110);
    expect(late.fields.slice(0, 2)).toEqual([":status", "504"]);
    expect(new TextDecoder().decode(late.body)).toContain('"code":"deadline_exceeded"');
    await world.advance(6_000);
    expect(late.events.filter((event) => event === "head")).toHaveLength(1);
  });

  test("a pod without reflection says nothing about it: 405", async () => {
    const { world } = await startShop({ pod: { reflection: "none" } });
    expect((await readAll(world, get("/shop.v1.Cart/Price"))).status).toBe(405);
  });

  test("the descriptor set says it, too, whatever becomes of JSON", async () => {
    const files = new Map([["shop.binpb", SETS.v1]]);
    const backend = { json: "passthrough", descriptorSet: "shop.binpb" } as const;
    const { world, pods } = await startShop({ files, backend });
    expect((await readAll(world, get("/shop.v1.Cart/Price", "proto"))).status).toBe(200);
    expect((await readAll(world, get("/shop.v1.Cart/Add", "proto"))).status).toBe(405);
    expect(pods[0].asked).toEqual([]);
  });

  test("listed by the route: no pod is asked", async () => {
    const { world, pods } = await startShop({ route: { connectGet: ["*"] } });
    expect((await readAll(world, get("/shop.v1.Cart/Add", "proto"))).status).toBe(200);
    expect(pods[0].asked).toEqual([]);
  });
});
