import { gzipSync } from "node:zlib";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { envelope } from "../../src/protocols/envelope.ts";
import { okHead } from "../gateway/support/fields.ts";
import { framed, messagesOf, openJson, readAll, unary } from "./support/ask-json.ts";
import { SETS, startShop } from "./support/shop.ts";

const ADD = "/shop.v1.Cart/Add";
const item = { name: "tea", price: "9007199254740993", paidWith: { currency: "EUR", units: "-3" }, picture: "+/8=" };

/** Every way in which a client may put messages into a body, and what comes back. */
const streams = [
  { protocol: "Connect stream", type: "application/connect+json" },
  { protocol: "gRPC-Web", type: "application/grpc-web+json" },
] as const;

function post(path: string, type: string, body: Uint8Array): Request {
  return new Request(`http://echo.test${path}`, {
    method: "POST",
    headers: { "content-type": type },
    body: body as BodyInit,
  });
}

async function readBytes(world: Awaited<ReturnType<typeof startShop>>["world"], request: Request) {
  const answered = world.fetch(request);
  await world.settle();
  const response = await answered;
  const read = response.arrayBuffer();
  await world.settle();
  return { response, body: new Uint8Array(await read) };
}

/** The envelopes of a body: flags and text. */
function envelopesOf(body: Uint8Array): { readonly flags: number; readonly text: string }[] {
  const found = [];
  for (let at = 0; at < body.length; ) {
    const length = new DataView(body.buffer, body.byteOffset + at).getUint32(1);
    found.push({ flags: body[at], text: new TextDecoder().decode(body.subarray(at + 5, at + 5 + length)) });
    at += 5 + length;
  }
  return found;
}

describe("JSON in every protocol", () => {
  test("Connect unary", async () => {
    const { world, pods } = await startShop();
    const { status, headers, json } = await unary(world, ADD, item, { "x-shelf": "7" });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/json");
    expect(json).toEqual({ version: "v1", item });
    expect(pods[0].got).toEqual([item]);
    const { fields } = pods[0].calls[0].party;
    const value = (name: string) => fields[fields.indexOf(name) + 1];
    expect(value("content-type")).toBe("application/grpc+proto");
    expect(value("grpc-accept-encoding")).toBe("identity");
    expect(value("x-shelf")).toBe("7");
    expect(fields).not.toContain("content-length");
  });

  test("Connect GET", async () => {
    const { world } = await startShop();
    const query = `connect=v1&encoding=json&message=${encodeURIComponent(JSON.stringify(item))}`;
    const { json } = await readAll(world, new Request(`http://echo.test/shop.v1.Cart/Price?${query}`));
    expect(json).toEqual({ version: "v1", item });
  });

  test.each(streams)("$protocol", async ({ type }) => {
    const { world, pods } = await startShop();
    pods[0].onEnd = (call) => call.answer({ version: "a" }).answer({ version: "b", item }).ok();
    const { response, body } = await readBytes(world, post("/shop.v1.Cart/Watch", type, framed(item)));
    expect(response.headers.get("content-type")).toBe(type);
    const [first, second, last] = envelopesOf(body);
    expect(JSON.parse(first.text)).toEqual({ version: "a" });
    expect(JSON.parse(second.text)).toEqual({ version: "b", item });
    expect(last.flags).toBe(type.includes("connect") ? 0x02 : 0x80);
    expect(pods[0].got).toEqual([item]);
  });

  test("gRPC-Web in text", async () => {
    const { world, pods } = await startShop();
    pods[0].onEnd = (call) => call.answer({ version: "a" }).answer({ item }).ok();
    const text = new TextEncoder().encode(Buffer.from(framed(item)).toString("base64"));
    const type = "application/grpc-web-text+json";
    const { response, body } = await readBytes(world, post("/shop.v1.Cart/Watch", type, text));
    expect(response.headers.get("content-type")).toBe(type);
    // Each message may be padded by itself.
    const quanta = new TextDecoder().decode(body).match(/.{4}/gs) ?? [];
    const binary = Buffer.concat(quanta.map((quantum) => Buffer.from(quantum, "base64")));
    const [first, second, last] = envelopesOf(binary);
    expect([JSON.parse(first.text), JSON.parse(second.text)]).toEqual([{ version: "a" }, { item }]);
    expect(last.text).toContain("grpc-status: 0");
    expect(pods[0].got).toEqual([item]);
  });

  test("native gRPC, both directions at once: each message is there when it has been sent", async () => {
    const { world, pods } = await startShop();
    pods[0].onMessage = (call, message) => void call.answer({ item: message });
    pods[0].onEnd = (call) => call.ok();
    const client = await world.client();
    const call = openJson(client, "/shop.v1.Cart/Trade");
    for (let i = 1; i <= 3; i++) {
      const bytes = framed({ name: `${i}` });
      // Cut in two, inside the message.
      call.send(bytes.subarray(0, 7));
      await world.settle();
      expect(pods[0].got).toHaveLength(i - 1);
      call.send(bytes.subarray(7));
      await world.settle();
      expect(messagesOf(call.body).at(-1)).toEqual({ item: { name: `${i}` } });
    }
    call.finish();
    await world.settle();
    expect(call.status.code).toBe(0);
    expect(call.fields).toContain("application/grpc+json");
  });

  test("several messages in one chunk, and an empty one", async () => {
    const { world, pods } = await startShop();
    pods[0].onEnd = (call) => call.answer({}).ok();
    const client = await world.client();
    const call = openJson(client, "/shop.v1.Cart/Fill");
    call.send(Uint8Array.of(...framed({ name: "a" }), ...framed({}), ...framed({ name: "b" }))).finish();
    await world.settle();
    expect(pods[0].got).toEqual([{ name: "a" }, {}, { name: "b" }]);
    expect(messagesOf(call.body)).toEqual([{}]);
  });
});

describe("JSON: errors, in the words of the protocol", () => {
  const unknown = 'request message of shop.v1.Cart/Add: field "prce" is unknown';

  test("an unknown field, Connect unary: the pod sees a cancelled call and is not blamed", async () => {
    const { world, pods } = await startShop();
    const { status, json } = await unary(world, ADD, { prce: 1 });
    expect(status).toBe(400);
    expect(json).toEqual({ code: "invalid_argument", message: unknown });
    expect(pods[0].got).toEqual([]);
    expect(pods[0].calls.map(({ party }) => party.aborted !== null)).toEqual([true]);
    expect(world.backend.calls[3]).toBe(1);
  });

  test.each(streams)("an unknown field, $protocol", async ({ type }) => {
    const { world } = await startShop();
    const { response, body } = await readBytes(world, post(ADD, type, framed({ prce: 1 })));
    const text = new TextDecoder().decode(body);
    if (type.includes("connect")) {
      expect(JSON.parse(envelopesOf(body)[0].text)).toEqual({ error: { code: "invalid_argument", message: unknown } });
    } else {
      expect(response.headers.get("grpc-status") ?? text).toMatch(/3/);
      expect(decodeURIComponent(response.headers.get("grpc-message") ?? text)).toContain(unknown);
    }
  });

  test("an unknown field, native gRPC, in the middle of a stream: what came before has been delivered", async () => {
    const { world, pods } = await startShop();
    pods[0].onMessage = (call, message) => void call.answer({ item: message });
    const client = await world.client();
    const call = openJson(client, "/shop.v1.Cart/Trade").send(framed({ name: "a" }));
    await world.settle();
    call.send(framed({ prce: 1 }));
    await world.settle();
    expect(messagesOf(call.body)).toEqual([{ item: { name: "a" } }]);
    expect(call.status).toEqual({ code: 3, message: unknown.replace("Add", "Trade") });
    expect(world.outstanding).toBe(0);
  });

  test("jsonIgnoreUnknownFields: they are dropped", async () => {
    const { world } = await startShop({ backend: { jsonIgnoreUnknownFields: true } });
    expect((await unary(world, ADD, { prce: 1, name: "tea" })).json).toEqual({ version: "v1", item: { name: "tea" } });
  });

  test("an answer that is not what the schema says: internal, naming side, method and pod", async () => {
    const { world, pods } = await startShop();
    pods[0].onEnd = ({ party }) =>
      party
        .sendHead(okHead)
        .send(envelope(0, Uint8Array.of(0x0a, 0xff)))
        .finish(["grpc-status", "0"]);
    const { status, json } = await unary(world, ADD, {});
    expect(status).toBe(500);
    expect(json).toMatchObject({ code: "internal" });
    expect((json as { message: string }).message).toMatch(
      /^response message of shop\.v1\.Cart\/Add, endpoint 10\.0\.0\.1:9000: /,
    );
  });

  test("an answer that is cut off in a message", async () => {
    const { world, pods } = await startShop();
    pods[0].onEnd = ({ party }) =>
      party
        .sendHead(okHead)
        .send(Uint8Array.of(0, 0, 0, 0, 9, 1))
        .finish(["grpc-status", "0"]);
    expect((await unary(world, ADD, {})).json).toMatchObject({ code: "internal" });
    pods[0].onEnd = ({ party }) =>
      party
        .sendHead(okHead)
        .send(Uint8Array.of(0, 0, 0, 0, 9, 1))
        .finish(["grpc-status", "10", "grpc-message", "too busy"]);
    expect((await unary(world, ADD, {})).json).toEqual({ code: "aborted", message: "too busy" });
  });

  test("the pod's own errors pass, with details; debug shows what the schema knows", async () => {
    const { world, pods } = await startShop();
    // google.rpc.Status { details { type_url "x/shop.v1.Money", value { currency: "EUR" } } }
    const any = [
      0x0a,
      15,
      ...new TextEncoder().encode("x/shop.v1.Money"),
      0x12,
      5,
      0x0a,
      3,
      ...new TextEncoder().encode("EUR"),
    ];
    const details = btoa(String.fromCharCode(0x08, 9, 0x1a, any.length, ...any));
    pods[0].onEnd = ({ party }) =>
      party
        .sendHead([...okHead, "grpc-status", "9", "grpc-message", "no", "grpc-status-details-bin", details])
        .finish();
    const { json } = await unary(world, ADD, {});
    expect(json).toEqual({
      code: "failed_precondition",
      message: "no",
      details: [{ type: "shop.v1.Money", value: "CgNFVVI", debug: { currency: "EUR" } }],
    });
    const { body } = await readBytes(world, post("/shop.v1.Cart/Watch", "application/connect+json", framed({})));
    expect(JSON.parse(envelopesOf(body)[0].text)).toEqual({ error: json });
  });

  test("a pod that does not speak gRPC is quoted as ever", async () => {
    const { world, pods } = await startShop();
    await unary(world, ADD, {});
    pods[0].onEnd = ({ party }) =>
      party.sendHead([":status", "404", "content-type", "text/html"]).send(new Uint8Array(9)).finish();
    expect((await unary(world, ADD, {})).json).toEqual({ code: "unimplemented", message: "the pod answered HTTP 404" });
  });
});

describe("JSON: compression", () => {
  const zipped = (text: string) => new Uint8Array(gzipSync(text));

  test("gzip: a Connect unary body", async () => {
    const { world, pods } = await startShop();
    const { json } = await unary(world, ADD, zipped(JSON.stringify(item)), { "content-encoding": "gzip" });
    expect(json).toEqual({ version: "v1", item });
    expect(pods[0].calls[0].party.fields).not.toContain("grpc-encoding");
  });

  test("gzip: messages of a stream, and plain ones between them", async () => {
    const { world, pods } = await startShop();
    const client = await world.client();
    const call = openJson(client, "/shop.v1.Cart/Fill", ["grpc-encoding", "gzip"]);
    call
      .send(envelope(1, zipped('{"name":"a"}')))
      .send(framed({ name: "b" }))
      .finish();
    await world.settle();
    expect(pods[0].got).toEqual([{ name: "a" }, { name: "b" }]);
    expect(call.status.code).toBe(0);
  });

  test("another coding: unimplemented, naming gzip, before a message goes to the pod", async () => {
    const { world, pods } = await startShop();
    const { status, json } = await unary(world, ADD, "x", { "content-encoding": "br" });
    expect(status).toBe(501);
    expect(json).toEqual({
      code: "unimplemented",
      message: 'unknown compression "br": JSON that is translated may come in gzip, identity',
    });
    expect(pods[0].calls).toEqual([]);
  });

  test("what is not gzip, and a flag without a coding: invalid_argument", async () => {
    const { world } = await startShop();
    const { json } = await unary(world, ADD, "{}", { "content-encoding": "gzip" });
    expect(json).toEqual({
      code: "invalid_argument",
      message: "request message of shop.v1.Cart/Add: it is not gzip, as its flag says",
    });
    const client = await world.client();
    const call = openJson(client, ADD)
      .send(envelope(1, zipped("{}")))
      .finish();
    await world.settle();
    expect(call.status).toEqual({
      code: 3,
      message: "request message of shop.v1.Cart/Add: it has the compressed flag, but its coding is not named",
    });
  });

  test("a bomb: resource_exhausted, and no more is unpacked than maxMessageBytes", async () => {
    const { world } = await startShop({ backend: { maxMessageBytes: 10_000 } });
    const bomb = zipped(`"${"a".repeat(1 << 22)}"`);
    expect(bomb.length).toBeLessThan(10_000);
    const { status, json } = await unary(world, ADD, bomb, { "content-encoding": "gzip" });
    expect(status).toBe(429);
    expect(json).toEqual({
      code: "resource_exhausted",
      message: "request message of shop.v1.Cart/Add: decompressed, it is larger than the 10000 bytes allowed",
    });
  });
});

describe("JSON: sizes and windows", () => {
  test("a message larger than the window passes, up to maxMessageBytes", async () => {
    const { world, pods } = await startShop({ backend: { maxMessageBytes: 4 << 20 } });
    const client = await world.client();
    const name = "n".repeat(3 << 20);
    const call = openJson(client, ADD).send(framed({ name })).finish();
    await world.settle();
    expect(pods[0].got).toEqual([{ name }]);
    expect(messagesOf(call.body)).toEqual([{ version: "v1", item: { name } }]);
  });

  test("one byte more: resource_exhausted at once, by its prefix", async () => {
    const { world } = await startShop({ backend: { maxMessageBytes: 1_000 } });
    const client = await world.client();
    const call = openJson(client, ADD).send(envelope(0, new Uint8Array(1_001)).subarray(0, 10));
    await world.settle();
    expect(call.status).toEqual({ code: 8, message: "request message of 1001 bytes is larger than the 1000 allowed" });
  });

  test("an answer whose JSON is larger than allowed: resource_exhausted, and the pod is not blamed", async () => {
    const { world, pods } = await startShop({ backend: { maxMessageBytes: 1_000 } });
    pods[0].onEnd = (call) => call.answer({ item: { picture: btoa("x".repeat(900)) } }).ok();
    const { status, json } = await unary(world, ADD, {});
    expect(status).toBe(429);
    expect((json as { message: string }).message).toContain("translated, it is larger than the 1000 bytes allowed");
  });

  test("a pod that does not read: the client gets credit for no more than a window and the message under way", async () => {
    const { world, pods } = await startShop();
    const client = await world.client();
    await unary(world, ADD, {});
    const { onHead } = pods[0].pod;
    pods[0].pod.onHead = (party) => {
      onHead(party);
      party.pause();
    };
    const call = openJson(client, "/shop.v1.Cart/Fill");
    const message = framed({ name: "n".repeat(100_000) });
    for (let i = 0; i < 100; i++) call.send(message);
    await world.settle();
    // Both windows are full, and what lies between them is one chunk's messages at most.
    const windows = 2 * world.settings.limits.streamWindow;
    expect(call.left).toBeLessThan(windows + 4 * message.length);
    expect(world.held).toBeLessThan(windows + 4 * message.length);
    const [pod] = pods;
    pod.calls.at(-1)?.party.resume();
    call.finish();
    await world.settle();
    expect(pod.got).toHaveLength(101);
    expect(call.status.code).toBe(0);
  });

  test("a client that does not read: the pod gets no more credit", async () => {
    const { world, pods } = await startShop();
    await unary(world, ADD, {});
    const client = await world.client();
    pods[0].onEnd = (call) => {
      for (let i = 0; i < 200; i++) call.answer({ item: { name: "n".repeat(100_000) } });
      call.ok();
    };
    const call = openJson(client, "/shop.v1.Cart/Watch");
    call.pause();
    call.send(framed({})).finish();
    await world.settle();
    expect(world.held).toBeLessThan(4 * world.settings.limits.streamWindow);
    call.resume();
    await world.settle();
    expect(messagesOf(call.body)).toHaveLength(200);
    expect(call.status.code).toBe(0);
  });
});

describe("json: what becomes of it", () => {
  test("off: refused in the caller's protocol, naming what is taken; protobuf passes", async () => {
    const { world, pods } = await startShop({ backend: { json: "off" }, route: { connectGet: ["*"] } });
    const message = "backend echo does not take JSON: it takes proto";
    expect(await unary(world, ADD, {})).toMatchObject({ status: 501, json: { code: "unimplemented", message } });
    const get = new Request("http://echo.test/shop.v1.Cart/Price?encoding=json&message=%7B%7D");
    expect((await readAll(world, get)).json).toEqual({ code: "unimplemented", message });
    const { body } = await readBytes(world, post(ADD, "application/connect+json", framed({})));
    expect(JSON.parse(envelopesOf(body)[0].text)).toEqual({ error: { code: "unimplemented", message } });
    const web = await readBytes(world, post(ADD, "application/grpc-web+json", framed({})));
    expect(web.response.headers.get("grpc-status")).toBe("12");
    const client = await world.client();
    const call = openJson(client, ADD).send(framed({})).finish();
    await world.settle();
    expect(call.status).toEqual({ code: 12, message });
    expect(pods[0].pod.calls).toEqual([]);
  });

  test("passthrough: JSON goes to the pod as it is", async () => {
    const { world, pods } = await startShop({ backend: { json: "passthrough" } });
    await unary(world, ADD, {});
    expect(pods[0].pod.last.fields).toContain("application/grpc+json");
    expect(pods[0].asked).toEqual([]);
  });

  test("a descriptor set: no pod is asked", async () => {
    const files = new Map([["shop.binpb", SETS.v1]]);
    const { world, pods } = await startShop({
      files,
      backend: { descriptorSet: "shop.binpb" },
      pod: { reflection: "none" },
    });
    expect((await unary(world, ADD, item)).json).toEqual({ version: "v1", item });
    expect(pods[0].pod.calls).toHaveLength(1);
  });

  test("a descriptor set is the truth: a method that it lacks is asked of no pod", async () => {
    const files = new Map([["shop.binpb", SETS.v1]]);
    const refund = "/shop.v1.Cart/Refund";
    const { world, pods } = await startShop({
      files,
      versions: ["v2"],
      backend: { descriptorSet: "shop.binpb", json: "transcode" },
    });
    expect((await unary(world, refund, {})).json).toEqual({
      code: "unimplemented",
      message: "JSON of shop.v1.Cart/Refund cannot be translated: the descriptor set does not have shop.v1.Cart/Refund",
    });
    const get = new Request(`http://echo.test${refund}?connect=v1&encoding=proto&message=`);
    expect((await readAll(world, get)).status).toBe(405);
    expect([pods[0].asked, pods[0].pod.calls]).toEqual([[], []]);
  });

  test("a descriptor set that lacks the method, auto: JSON goes to the pod as it is, which is asked nothing", async () => {
    const files = new Map([["shop.binpb", SETS.v1]]);
    const { world, pods } = await startShop({ files, versions: ["v2"], backend: { descriptorSet: "shop.binpb" } });
    await unary(world, "/shop.v1.Cart/Refund", {});
    expect(pods[0].pod.last.fields).toContain("application/grpc+json");
    expect(pods[0].asked).toEqual([]);
  });

  test("a descriptor set is the truth: a type of an Any that it lacks is asked of no pod", async () => {
    const set = fromBinary(FileDescriptorSetSchema, SETS.v1);
    set.file = set.file.filter(({ name }) => name !== "shop/v1/gift.proto");
    const files = new Map([["shop.binpb", toBinary(FileDescriptorSetSchema, set)]]);
    const { world, pods } = await startShop({ files, backend: { descriptorSet: "shop.binpb" } });
    expect((await unary(world, ADD, { gift: { "@type": "x/shop.v1.Gift" } })).json).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("google.protobuf.Any holds a shop.v1.Gift, which is in no known schema"),
    });
    expect(pods[0].asked).toEqual([]);
  });

  test("a descriptor set that changes is loaded again; one that cannot be read changes nothing", async () => {
    const files = new Map([["shop.binpb", SETS.v1]]);
    const { world, pods } = await startShop({ files, versions: ["v2"], backend: { descriptorSet: "shop.binpb" } });
    files.set("shop.binpb", new Uint8Array(3));
    await world.advance(5_000);
    const fresh = { name: "tea", fresh: true };
    expect((await unary(world, ADD, fresh)).json).toMatchObject({ code: "invalid_argument" });
    files.set("shop.binpb", SETS.v2);
    await world.advance(5_000);
    expect((await unary(world, ADD, fresh)).json).toEqual({ item: fresh, version: "v2" });
    expect(pods[0].asked).toEqual([]);
    expect(world.log.events("descriptor set not reloaded")).toHaveLength(1);
    expect(world.log.events("descriptor set reloaded")).toHaveLength(1);
  });
});
