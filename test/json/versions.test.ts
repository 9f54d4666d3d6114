import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import type { Files } from "../../src/json/schema.ts";
import { framed, messagesOf, openJson, readAll, unary } from "./support/ask-json.ts";
import { filesOf } from "./support/protos.ts";
import { addressOf, SETS, startShop } from "./support/shop.ts";

/**
 * A rolling update: pods of two versions in one backend. In v2 the numbers of `name` and `price` have changed places, and so
 * have those of the receipt's fields: whoever uses the other version's schema gets it wrong, and often without an error.
 */

const ADD = "/shop.v1.Cart/Add";

describe("two versions side by side", () => {
  test("each call is translated by the schema of the very pod that was picked", async () => {
    const { world, pods } = await startShop({ versions: ["v1", "v2", "v1", "v2"] });
    for (let i = 0; i < 16; i++) {
      const { status, json } = await unary(world, ADD, { name: `tea ${i}`, price: `${i}` });
      expect(status).toBe(200);
      const item = (json as { item: Record<string, unknown> }).item;
      expect(item.name).toBe(`tea ${i}`);
    }
    expect(pods.map(({ got }) => got.length)).toEqual([4, 4, 4, 4]);
    for (const { got } of pods) for (const item of got) expect((item as { name: string }).name).toMatch(/^tea \d+$/);
    expect(pods.map(({ asked }) => asked)).toEqual(pods.map(() => ["shop.v1.Cart"]));
  });

  test("what only one version has is known at its pods, and an error that names it at the others", async () => {
    const { world } = await startShop({ versions: ["v1", "v2"] });
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push((await unary(world, ADD, { name: "tea", fresh: true })).json);
    const taken = { item: { name: "tea", fresh: true }, version: "v2" };
    const message = 'request message of shop.v1.Cart/Add: field "fresh" is unknown';
    expect(answers.filter((answer) => JSON.stringify(answer) === JSON.stringify(taken))).toHaveLength(2);
    expect(answers).toContainEqual({ code: "invalid_argument", message });
  });

  test("streams: each is translated by its pod's version to its end", async () => {
    const { world, pods } = await startShop({ versions: ["v1", "v2"] });
    const client = await world.client();
    pods.forEach((pod, i) => {
      pod.onMessage = (call, item) => void call.answer({ item, version: `v${i + 1}` });
      pod.onEnd = (call) => call.ok();
    });
    const calls = [0, 1, 2, 3].map(() => openJson(client, "/shop.v1.Cart/Trade"));
    for (const name of ["tea", "cup"]) {
      for (const call of calls) call.send(framed({ name, price: "12" }));
      await world.settle();
    }
    for (const call of calls) call.finish();
    await world.settle();
    const seen = calls.map(({ body }) => messagesOf(body) as { version: string; item: object }[]);
    for (const messages of seen) {
      const [{ version }] = messages;
      expect(messages).toEqual(["tea", "cup"].map((name) => ({ item: { name, price: "12" }, version })));
    }
    expect(seen.map(([{ version }]) => version).sort()).toEqual(["v1", "v1", "v2", "v2"]);
  });

  test("a retry at a pod of the other version is translated again, from the JSON", async () => {
    const { world, pods } = await startShop({ versions: ["v1", "v2"] });
    const client = await world.client();
    // Whoever is first does not process the call.
    let refused = -1;
    pods.forEach(({ pod }, i) => {
      const { onHead } = pod;
      pod.onHead = (party) => {
        const reflection = party.fields.some((text) => text.startsWith("/grpc.reflection"));
        if (reflection || refused >= 0) onHead(party);
        else {
          refused = i;
          party.reset(ErrorCode.REFUSED_STREAM);
        }
      };
    });
    const call = openJson(client, ADD)
      .send(framed({ name: "tea", price: "12" }))
      .finish();
    await world.settle();
    expect(call.status.code).toBe(0);
    const taker = pods[1 - refused];
    expect(taker.got).toEqual([{ name: "tea", price: "12" }]);
    expect(messagesOf(call.body)).toEqual([{ item: { name: "tea", price: "12" }, version: ["v2", "v1"][refused] }]);
    expect(pods[refused].got).toEqual([]);
    expect(world.backend.retries).toBe(1);
  });

  test("a pod that is replaced while a prepared call waits for a stream: the call is prepared again", async () => {
    const { world, pods } = await startShop({ limits: { maxConcurrentStreams: 1 } });
    const [pod] = pods;
    const client = await world.client();
    expect((await unary(world, ADD, { name: "tea" })).status).toBe(200);
    // Calls take all the room that there is; the next, prepared for v1, waits for another connection.
    const { onEnd } = pod;
    pod.onEnd = () => {};
    const links = world.net.linksTo(addressOf(0));
    for (const _ of links)
      openJson(client, ADD)
        .send(framed({ name: "first" }))
        .finish();
    await world.settle();
    pod.pod.delay = 1_000;
    const waiting = openJson(client, ADD)
      .send(framed({ name: "tea", price: "3" }))
      .finish();
    await world.settle();
    expect(world.outstanding).toBe(links.length + 1);
    expect(pod.got).toHaveLength(links.length + 1);
    // The pod goes, and whoever answers at its address now speaks v2.
    for (const link of links) link.break();
    pod.files = filesOf(SETS.v2);
    pod.onEnd = onEnd;
    await world.settle();
    expect(world.outstanding).toBe(1);
    await world.advance(3_000, 100);
    expect(pod.got.at(-1)).toEqual({ name: "tea", price: "3" });
    expect(messagesOf(waiting.body)).toEqual([{ item: { name: "tea", price: "3" }, version: "v1" }]);
    expect(pod.asked).toEqual(["shop.v1.Cart", "shop.v1.Cart"]);
    expect(world.backend.retries).toBe(1);
  });

  test("pods of one version share a schema, and what goes with it", async () => {
    const { world } = await startShop({ versions: ["v1", "v2", "v1"] });
    for (let i = 0; i < 3; i++) await unary(world, ADD, { name: "tea" });
    const learnt = world.log.events("schema learnt").map(({ fields }) => [fields.endpoint, fields.shared]);
    expect(learnt.sort()).toEqual([
      [addressOf(0), false],
      [addressOf(1), false],
      [addressOf(2), true],
    ]);
  });
});

/** A version in which `Price` has side effects. */
function withSideEffects(files: Files): Files {
  const made = [...files].map(([name, bytes]): [string, Uint8Array] => {
    const file = fromBinary(FileDescriptorProtoSchema, bytes);
    for (const { method } of file.service) {
      for (const { options } of method) {
        if (options !== undefined) options.idempotencyLevel = MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
      }
    }
    return [name, toBinary(FileDescriptorProtoSchema, file)];
  });
  return new Map(made);
}

describe("GET while two versions stand side by side", () => {
  const encodings = ["json", "proto"] as const;
  const get = (encoding: string) =>
    new Request(
      `http://echo.test/shop.v1.Cart/Price?connect=v1&encoding=${encoding}&message=${encoding === "json" ? "%7B%7D" : ""}`,
    );
  /** v2's `Price` has side effects. */
  const start = async () => {
    const made = await startShop({ versions: ["v1", "v2"] });
    made.pods[1].files = withSideEffects(filesOf(SETS.v2));
    return made;
  };

  test.each(encodings)("%s: both versions say that there are no side effects: it goes to both", async (encoding) => {
    const { world, pods } = await startShop({ versions: ["v1", "v2"] });
    for (let i = 0; i < 4; i++) expect((await readAll(world, get(encoding))).status).toBe(200);
    expect(pods.map(({ calls }) => calls.length)).toEqual([2, 2]);
    expect(pods.map(({ asked }) => asked)).toEqual([["shop.v1.Cart"], ["shop.v1.Cart"]]);
  });

  test.each(encodings)("%s: one known version has side effects: 405, whichever pod is the next", async (encoding) => {
    const { world, pods } = await start();
    for (let i = 0; i < 2; i++) expect((await unary(world, ADD, {})).status).toBe(200);
    for (let i = 0; i < 4; i++) {
      const { status, headers } = await readAll(world, get(encoding));
      expect([status, headers.get("allow")]).toEqual([405, "POST"]);
    }
    expect(pods.map(({ calls }) => calls.length)).toEqual([1, 1]);
  });

  test.each(encodings)(
    "%s: a version that is not known yet never gets a GET that it does not allow",
    async (encoding) => {
      const { world, pods } = await start();
      const statuses = new Set<number>();
      for (let i = 0; i < 6; i++) statuses.add((await readAll(world, get(encoding))).status);
      expect(pods[1].calls).toEqual([]);
      // 501 where it was learnt by the pick of that very pod, and then it is known.
      expect([...statuses].at(-1)).toBe(405);
      expect(statuses.has(500)).toBe(false);
      expect(pods.map(({ asked }) => asked)).toEqual([["shop.v1.Cart"], ["shop.v1.Cart"]]);
    },
  );

  test.each(encodings)("%s: neither does a retry's pod", async (encoding) => {
    const { world, pods } = await start();
    // The first version is known, and its pod refuses the call.
    const { onHead } = pods[0].pod;
    pods[0].pod.onHead = (party) => {
      if (party.fields.some((text) => text.startsWith("/grpc.reflection"))) onHead(party);
      else party.reset(ErrorCode.REFUSED_STREAM);
    };
    const answers = [];
    for (let i = 0; i < 2; i++) answers.push(await readAll(world, get(encoding)));
    expect(pods[1].calls).toEqual([]);
    const [{ status, json }] = answers;
    expect(status).toBe(501);
    expect(json).toEqual({
      code: "unimplemented",
      message: `shop.v1.Cart/Price may not be called by GET at endpoint ${addressOf(1)}: its schema does not say that it has no side effects`,
    });
  });
});
