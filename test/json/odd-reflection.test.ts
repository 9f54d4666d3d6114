import { gzipSync } from "node:zlib";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { decodeReply } from "../../src/json/reflection-codec.ts";
import { envelope } from "../../src/protocols/envelope.ts";
import type { TestClient } from "../gateway/support/client.ts";
import { okHead, okTrailers, requestFields } from "../gateway/support/fields.ts";
import type { Party } from "../gateway/support/party.ts";
import { framed, openJson, readAll, unary } from "./support/ask-json.ts";
import { filesOf } from "./support/protos.ts";
import type { SchemaPod } from "./support/schema-pod.ts";
import { addressOf, SETS, startShop } from "./support/shop.ts";

const ADD = "/shop.v1.Cart/Add";

const isReflection = ({ fields }: Party) => fields.some((text) => text.startsWith("/grpc.reflection"));

/** Lets `change` see each question to a pod's reflection before it is answered. @returns the questions' streams */
function onReflection({ pod }: SchemaPod, change: (party: Party, index: number) => "answer" | "mine"): Party[] {
  const seen: Party[] = [];
  const { onHead } = pod;
  pod.onHead = (party) => {
    if (isReflection(party)) {
      seen.push(party);
      if (change(party, seen.length - 1) === "mine") return;
    }
    onHead(party);
  };
  return seen;
}

/** As tonic does: where others answer that they do not have something, the call ends. What was asked after it is not answered. */
function asTonic(party: Party): "answer" {
  const { send } = party;
  let ended = false;
  party.send = (bytes) => {
    if (ended) return party;
    if (!("code" in decodeReply(bytes.subarray(5)))) return send.call(party, bytes);
    ended = true;
    return party.finish(["grpc-status", "5", "grpc-message", "symbol 'x' not found"]);
  };
  return "answer";
}

/** ErrorResponse { error_code = 13 } */
const internal = Uint8Array.of(0x3a, 2, 0x08, 13);

/** A FileDescriptorResponse with a file whose import comes never. */
function lonely(): Uint8Array {
  const file = filesOf(SETS.v1).get("shop/v1/cart.proto") as Uint8Array;
  const proto = fromBinary(FileDescriptorProtoSchema, file);
  proto.dependency = [];
  const bytes = toBinary(FileDescriptorProtoSchema, proto);
  const answer = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(bytes).finish();
  return new BinaryWriter().tag(4, WireType.LengthDelimited).bytes(answer).finish();
}

describe("reflection: pods with manners of their own", () => {
  test("v1alpha alone, two services asked for at once: both are answered", async () => {
    const { world, pods } = await startShop({ pod: { reflection: "v1alpha" }, backend: { json: "transcode" } });
    const client = await world.client();
    const calls = [ADD, "/shop.v1.Nope/Count"].map((path) => openJson(client, path).send(framed({})).finish());
    await world.settle();
    expect(calls[0].status.code).toBe(0);
    expect(calls[1].status.message).toContain("does not have shop.v1.Nope/Count");
    expect(pods[0].asked.sort()).toEqual(["shop.v1.Cart", "shop.v1.Nope"]);
  });

  test("NOT_FOUND as the end of the call, as tonic has it: the symbol is unknown, and others are asked for as ever", async () => {
    const { world, pods } = await startShop({ backend: { json: "transcode" } });
    onReflection(pods[0], asTonic);
    for (let i = 0; i < 2; i++) {
      expect((await unary(world, "/shop.v1.Nope/Add", {})).json).toEqual({
        code: "unimplemented",
        message:
          "JSON of shop.v1.Nope/Add cannot be translated: endpoint 10.0.0.1:9000: the pod's server reflection does not have shop.v1.Nope/Add",
      });
    }
    expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    expect(pods[0].asked).toEqual(["shop.v1.Nope", "shop.v1.Cart"]);
  });

  test("NOT_FOUND for a file that is imported, as the end of the call: the others are asked for in another", async () => {
    const cart = fromBinary(FileDescriptorProtoSchema, filesOf(SETS.v1).get("shop/v1/cart.proto") as Uint8Array);
    cart.dependency.unshift("gogoproto/gogo.proto");
    const { world, pods } = await startShop({ pod: { alone: true } });
    const imports = new Map([["shop/v1/cart.proto", toBinary(FileDescriptorProtoSchema, cart)]]);
    pods[0].files = new Map([...filesOf(SETS.v1), ...imports]);
    const streams = onReflection(pods[0], asTonic);
    expect((await unary(world, ADD, { name: "tea", paidWith: { units: 3 } })).status).toBe(200);
    expect(streams).toHaveLength(2);
    expect(pods[0].asked.slice(-2)).toEqual(["google/protobuf/any.proto", "shop/v1/money.proto"]);
  });

  test.each([
    ["gzip", 200],
    ["deflate", 501],
  ])("one that compresses its answers without being asked: %s", async (coding, status) => {
    const { world, pods } = await startShop();
    onReflection(pods[0], (party) => {
      const { send, sendHead } = party;
      party.sendHead = (fields) => sendHead.call(party, [...fields, "grpc-encoding", coding]);
      party.send = (bytes) => send.call(party, envelope(1, new Uint8Array(gzipSync(bytes.subarray(5)))));
      return "answer";
    });
    expect((await unary(world, ADD, { name: "tea" })).status).toBe(status);
  });

  test("one that ends the call after the first answer, OK: reflection has failed, and is asked again 10 s later", async () => {
    const { world, pods } = await startShop({ pod: { alone: true } });
    onReflection(pods[0], (party, index) => {
      const { send } = party;
      if (index === 0) party.send = (bytes) => send.call(party, bytes).finish(okTrailers);
      return "answer";
    });
    expect((await unary(world, ADD, {})).status).toBe(501);
    await world.advance(10_001);
    expect((await unary(world, ADD, {})).status).toBe(200);
  });

  test.each([
    ["an error of its own", (): Uint8Array => internal],
    ["what is no answer", (): Uint8Array => Uint8Array.of(0x22, 0xff)],
    ["files that do not fit together", lonely],
  ] as const)("one that has %s for one service: the others are learnt meanwhile", async (_, answer) => {
    const { world, pods } = await startShop({ backend: { json: "transcode" } });
    onReflection(pods[0], (party, index) => {
      if (index > 0) return "answer";
      party.sendHead(okHead).send(envelope(0, answer()));
      return "mine";
    });
    const broken = async (): Promise<unknown> => (await unary(world, "/shop.v1.Broken/Add", {})).json;
    expect(await broken()).toMatchObject({ message: expect.stringContaining("server reflection failed: ") });
    expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    expect(pods[0].asked).toEqual(["shop.v1.Cart"]);
    // Not asked again before its time, either.
    expect(await broken()).toMatchObject({ message: expect.stringContaining("server reflection failed: ") });
    await world.advance(10_001);
    expect(await broken()).toMatchObject({ message: expect.stringContaining("does not have shop.v1.Broken/Add") });
    expect(pods[0].asked).toEqual(["shop.v1.Cart", "shop.v1.Broken"]);
  });

  test("a service that is known stays so while the pod does not answer what else it is asked", async () => {
    const { world, pods } = await startShop({ backend: { json: "transcode" } });
    const streams = onReflection(pods[0], (_, index) => (index === 0 ? "mine" : "answer"));
    const client = await world.client();
    const waits = openJson(client, "/shop.v1.Nope/Count").send(framed({})).finish();
    await world.settle();
    await world.advance(5_001);
    expect(waits.status.message).toContain("no answer within 5000 ms");
    expect((await unary(world, ADD, {})).status).toBe(501);
    await world.advance(10_001);
    expect((await unary(world, ADD, {})).status).toBe(200);
    expect(streams).toHaveLength(2);
  });

  test("one that does not end its call after we have: it is reset, and holds nothing up", async () => {
    const { world, pods } = await startShop();
    const [pod] = pods;
    const seen = onReflection(pod, (party) => {
      party.finish = () => party;
      return "answer";
    });
    expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    expect(seen.map(({ aborted }) => aborted)).toEqual([null]);
    // What it still says is not read.
    seen[0].send(envelope(0, new Uint8Array(100)));
    await world.advance(5_001);
    expect(seen.map(({ aborted }) => aborted === null)).toEqual([false]);
    expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    expect(pod.asked).toEqual(["shop.v1.Cart"]);
  });

  test("one that is lost while a GET asks it: another pod is asked", async () => {
    const { world, pods } = await startShop({ versions: ["v1", "v1"] });
    const asked: number[] = [];
    pods.forEach((pod, index) => {
      onReflection(pod, () => (asked.push(index) === 1 ? "mine" : "answer"));
    });
    const url = "http://echo.test/shop.v1.Cart/Price?connect=v1&encoding=json&message=%7B%7D";
    const answer = readAll(world, new Request(url));
    await world.settle();
    const [first] = asked;
    world.net.linksTo(addressOf(first))[0].break();
    await world.settle();
    expect((await answer).json).toEqual({ version: "v1", item: {} });
    expect(asked).toEqual([first, 1 - first]);
  });
});

describe("reflection: what a client writes", () => {
  test("a type's name that is none, or very long, is not asked for, and errors stay short", async () => {
    const { world, pods } = await startShop();
    const long = "n".repeat(1 << 20);
    const items = [
      { gift: { "@type": `x/${long}` } },
      { gift: { "@type": "x/shop.v1.Gift and more" } },
      { [long]: 1 },
      { price: long },
    ];
    for (const item of items) {
      const { status, text } = await unary(world, ADD, item);
      expect(status).toBe(400);
      expect(text.length).toBeLessThan(700);
    }
    expect(pods[0].asked).toEqual(["shop.v1.Cart"]);
  });
});

describe("reflection: very many services at once", () => {
  const call = (client: TestClient, index: number) =>
    openJson(client, `/shop.v${index}.Cart/Add`).send(framed({})).finish();

  test("are asked for ten at a time, and calls that ask for nothing do not wait for a stream", async () => {
    const limits = { maxConcurrentStreams: 100 };
    const { world, pods } = await startShop({ limits, backend: { json: "transcode" } });
    const questions: Party[] = [];
    const seen = onReflection(pods[0], (party) => {
      questions.push(party.sendHead(okHead));
      return "mine";
    });
    const clients = [await world.client(), await world.client(), await world.client(), await world.client()];
    const calls = Array.from({ length: 300 }, (_, index) => call(clients[index % 4], index));
    await world.settle();
    expect(seen).toHaveLength(10);
    const binary = clients[0]
      .open(requestFields([], ADD))
      .send(envelope(0, new Uint8Array(0)))
      .finish();
    await world.settle();
    expect(binary.status.code).toBe(0);
    expect(pods[0].pod.connections).toHaveLength(1);
    while (questions.length > 0) {
      // NOT_FOUND
      for (const party of questions.splice(0))
        party.send(envelope(0, Uint8Array.of(0x3a, 2, 0x08, 5))).finish(okTrailers);
      await world.settle();
    }
    expect(calls.map(({ status }) => status.code)).toEqual(calls.map(() => 12));
    expect(seen).toHaveLength(300);
  });

  test("at a pod that does not answer: those that wait for their turn are not asked for any more", async () => {
    const { world, pods } = await startShop({ backend: { json: "transcode" } });
    const seen = onReflection(pods[0], () => "mine");
    const client = await world.client();
    const calls = Array.from({ length: 50 }, (_, index) => call(client, index));
    await world.settle();
    await world.advance(5_001);
    for (const { status } of calls) expect(status.message).toContain("no answer within 5000 ms");
    expect(seen).toHaveLength(10);
  });
});

describe("reflection: details of errors", () => {
  test("whose type is known, and holds an Any of one that is not: debug is there from the next error on", async () => {
    const { world, pods } = await startShop();
    const sub = (number: number, bytes: Uint8Array) =>
      new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish();
    const any = (type: string, value: Uint8Array) =>
      Uint8Array.of(...sub(1, new TextEncoder().encode(`x/${type}`)), ...sub(2, value));
    const gift = any("shop.v1.Gift", sub(1, new TextEncoder().encode("red")));
    const details = sub(3, any("shop.v1.Item", sub(4, gift)));
    const fields = ["grpc-status", "9", "grpc-status-details-bin", Buffer.from(details).toString("base64")];
    pods[0].onEnd = ({ party }) => party.sendHead([...okHead, ...fields]).finish();
    const debugs = [];
    for (let i = 0; i < 2; i++) {
      const { json } = await unary(world, ADD, {});
      debugs.push((json as { details: { debug?: unknown }[] }).details[0].debug);
    }
    expect(debugs).toEqual([undefined, { gift: { "@type": "x/shop.v1.Gift", wrapping: "red" } }]);
    expect(pods[0].asked).toEqual(["shop.v1.Cart", "shop.v1.Gift"]);
  });
});

describe("reflection: a stream that outlives its pod's address", () => {
  test("is never translated by the schema of the pod that answers there now", async () => {
    const { world, pods } = await startShop();
    const [pod] = pods;
    const client = await world.client();
    const call = openJson(client, "/shop.v1.Cart/Trade").send(framed({ name: "a", price: "3" }));
    await world.settle();
    // The old process finishes its streams; a new one, of another version, listens at the same address.
    pod.pod.goaway(0x7fffffff);
    await world.settle();
    expect(world.net.linksTo(addressOf(0))).toHaveLength(2);
    pod.files = filesOf(SETS.v2);
    // Its schema is known by the time that the old stream wants more.
    const { json } = await unary(world, ADD, { name: "b", fresh: true });
    expect(json).toEqual({ version: "v1", item: { name: "b", fresh: true } });
    const gift = { "@type": "type.googleapis.com/shop.v1.Gift", wrapping: "blue" };
    call
      .send(framed({ name: "b", gift }))
      .send(framed({ name: "c", price: "3" }))
      .finish();
    await world.settle();
    expect(call.status.code).toBe(3);
    expect(call.status.message).toContain("shop.v1.Gift, which is in no known schema");
    expect(pod.got).toEqual([
      { name: "a", price: "3" },
      { name: "b", fresh: true },
    ]);
  });
});
