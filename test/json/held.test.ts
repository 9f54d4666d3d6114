import { afterEach, describe, expect, test } from "vitest";
import { envelope } from "../../src/protocols/envelope.ts";
import { HeldMessages } from "../../src/protocols/held-messages.ts";
import { okHead } from "../gateway/support/fields.ts";
import { limits } from "../gateway/support/settings.ts";
import { framed, messagesOf, openJson, unary } from "./support/ask-json.ts";
import { startShop } from "./support/shop.ts";

/** Messages that are translated are held until they are whole, and count among all that the gateway holds so. */

const FILL = "/shop.v1.Cart/Fill";
const WATCH = "/shop.v1.Cart/Watch";
const TOO_MUCH = "the gateway holds too many incomplete messages, and this one has taken the longest";
/** A quarter of it is for messages. */
const settings = { limits: { ...limits, maxBufferedBytes: 400_000 } };

// The gateway does not show them. Every test file is a process of its own.
const all = new Set<HeldMessages>();
const { hold } = HeldMessages.prototype;
HeldMessages.prototype.hold = function (holder, bytes) {
  all.add(this);
  hold.call(this, holder, bytes);
};
const held = () => [...all].reduce((sum, messages) => sum + messages.held, 0);
afterEach(() => {
  const left = held();
  all.clear();
  expect(left).toBe(0);
});

/** A message of 80,000 bytes. */
const large = framed({ name: "n".repeat(80_000 - 16) });
/** So much of it that its buffer has room for all. */
const PART = 70_000;

async function begin(world: Awaited<ReturnType<typeof startShop>>["world"], path = FILL) {
  const call = openJson(await world.client(), path).send(large.subarray(0, PART));
  await world.settle();
  return call;
}

describe("messages held for translation: requests", () => {
  test("too much in all: the message that was begun first gives way with resource_exhausted, the other arrives", async () => {
    const { world, pods } = await startShop({ settings });
    await unary(world, FILL.replace("Fill", "Add"), {});
    pods[0].got.length = 0;
    const first = await begin(world);
    expect(held()).toBeGreaterThanOrEqual(PART);
    const second = await begin(world);
    expect(first.status).toEqual({ code: 8, message: `request message of shop.v1.Cart/Fill: ${TOO_MUCH}` });
    expect(held()).toBeLessThanOrEqual(100_000);
    second.send(large.subarray(PART)).finish();
    await world.settle();
    expect(second.status.code).toBe(0);
    expect(pods[0].got).toHaveLength(1);
    expect(pods[0].calls.filter(({ party }) => party.aborted !== null)).toHaveLength(1);
    expect(world.endpoint.outstanding).toBe(0);
  });

  test("its age is that of the message under way, and not of the stream", async () => {
    const { world } = await startShop({ settings: { limits: { ...limits, maxBufferedBytes: 800_000 } } });
    const first = await begin(world);
    const second = await begin(world);
    // The first stream's message is whole, and its next one is younger than the second stream's.
    first.send(Uint8Array.of(...large.subarray(PART), ...large.subarray(0, PART)));
    await world.settle();
    const third = await begin(world);
    expect([first.over, second.over, third.over]).toEqual([false, true, false]);
    expect(second.status.code).toBe(8);
    for (const call of [first, third]) call.send(large.subarray(PART)).finish();
    await world.settle();
    expect([first.status.code, third.status.code]).toEqual([0, 0]);
  });

  test("a message that waits for a type of an Any is counted", async () => {
    const { world, pods } = await startShop({ settings });
    await unary(world, FILL.replace("Fill", "Add"), {});
    const { onHead } = pods[0].pod;
    pods[0].pod.onHead = (party) => {
      if (!party.fields.some((text) => text.startsWith("/grpc.reflection"))) onHead(party);
    };
    const gift = { "@type": "type.googleapis.com/shop.v1.Gift", wrapping: "w".repeat(50_000) };
    const call = openJson(await world.client(), FILL)
      .send(framed({ gift }))
      .finish();
    await world.settle();
    expect(held()).toBeGreaterThan(50_000);
    // The pod does not answer, and the message is given up with an error that names the type.
    await world.advance(5_100);
    expect(call.status.code).toBe(3);
  });

  test.each([
    ["the client leaves", 8],
    ["the deadline passes", 0],
    ["the pod answers without waiting", 0],
    ["the pod resets the call", 0],
  ] as const)("nothing is held any more when %s", async (how, code) => {
    const { world, pods } = await startShop({ settings });
    // The schema is known then, and the request need not wait for it in the memory of requests that wait.
    await unary(world, FILL.replace("Fill", "Add"), {});
    const client = await world.client();
    const timeout = how === "the deadline passes" ? ["grpc-timeout", "100m"] : [];
    const call = openJson(client, FILL, timeout).send(large.subarray(0, PART));
    await world.settle();
    expect(held()).toBeGreaterThan(0);
    const [, { party, answer }] = pods[0].calls;
    if (how === "the client leaves") call.reset(code);
    else if (how === "the deadline passes") await world.advance(200);
    else if (how === "the pod answers without waiting") answer({}).ok();
    else party.reset(2);
    await world.settle();
    expect(held()).toBe(0);
    if (how === "the pod answers without waiting") call.reset(8);
  });
});

describe("messages held for translation: answers", () => {
  const answer = envelope(0, Uint8Array.of(0x0a, 0xf0, 0xf0, 0x04, ...new Uint8Array(80_000 - 16).fill(110)));

  test("too much in all: resource_exhausted, and the pod is not blamed", async () => {
    const { world, pods } = await startShop({ settings });
    pods[0].onEnd = ({ party }) => party.sendHead(okHead).send(answer.subarray(0, PART));
    const ask = async () => {
      const call = openJson(await world.client(), WATCH)
        .send(framed({}))
        .finish();
      await world.settle();
      return call;
    };
    const first = await ask();
    expect(held()).toBeGreaterThanOrEqual(PART);
    const second = await ask();
    const where = "response message of shop.v1.Cart/Watch, endpoint 10.0.0.1:9000";
    expect(first.status).toEqual({ code: 8, message: `${where}: ${TOO_MUCH}` });
    pods[0].calls[1].party.send(answer.subarray(PART)).finish(["grpc-status", "0"]);
    await world.settle();
    expect(second.status.code).toBe(0);
    expect(messagesOf(second.body)).toEqual([{ version: "n".repeat(80_000 - 16) }]);
  });

  test("nothing is held any more when the client leaves", async () => {
    const { world, pods } = await startShop({ settings });
    pods[0].onEnd = ({ party }) => party.sendHead(okHead).send(answer.subarray(0, PART));
    const call = openJson(await world.client(), WATCH)
      .send(framed({}))
      .finish();
    await world.settle();
    expect(held()).toBeGreaterThanOrEqual(PART);
    call.reset(8);
    await world.settle();
    expect(held()).toBe(0);
  });
});
