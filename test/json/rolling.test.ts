import type { JsonValue } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Party } from "../gateway/support/party.ts";
import { framed, messagesOf, openJson } from "./support/ask-json.ts";
import { filesOf } from "./support/protos.ts";
import { addressOf, SETS, startShop } from "./support/shop.ts";

/**
 * Rolling updates, to and fro, while calls go on. In v2 the numbers of fields have changed places: whoever translates by the
 * schema of another process than the one that answers gets it wrong, and often without an error.
 */

const POD_COUNT = 3;
const pod = fc.nat({ max: POD_COUNT - 1 });

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("call" as const), gift: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("open" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("send" as const), which: fc.nat(), gift: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("close" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), pod }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("restart" as const), pod }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.nat({ max: 3_000 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("settle" as const) }) },
);

interface Sent {
  readonly call: Party;
  readonly items: JsonValue[];
}

test("rolling updates: no message is ever read by the schema of another version", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 100 }), async (steps) => {
      const { world, pods } = await startShop({ versions: ["v1", "v2", "v1"] });
      const client = await world.client();
      for (const each of pods) {
        each.onMessage = (call, item) =>
          void (call.party.fields.some((text) => text.endsWith("Trade")) && call.answer({ item }));
        each.onEnd = (call) => {
          if (!call.party.fields.some((text) => text.endsWith("Trade"))) call.answer({ item: call.messages[0] });
          call.ok();
        };
      }
      const versions: ("v1" | "v2")[] = ["v1", "v2", "v1"];
      const calls: Sent[] = [];
      const streams: Sent[] = [];
      let count = 0;
      const item = (gift: boolean): JsonValue => {
        const price = `${++count}`;
        const held = { "@type": "type.googleapis.com/shop.v1.Gift", wrapping: "red" };
        return gift ? { name: `tea ${price}`, price, gift: held } : { name: `tea ${price}`, price };
      };
      const open = (path: string): Sent => {
        const made: Sent = { call: openJson(client, path), items: [] };
        calls.push(made);
        return made;
      };
      const send = ({ call, items }: Sent, what: JsonValue) => {
        items.push(what);
        call.send(framed(what));
      };
      const turn = (index: number) => {
        versions[index] = versions[index] === "v1" ? "v2" : "v1";
        pods[index].files = filesOf(SETS[versions[index]]);
      };
      for (const each of steps) {
        switch (each.kind) {
          case "call": {
            const made = open("/shop.v1.Cart/Add");
            send(made, item(each.gift));
            made.call.finish();
            break;
          }
          case "open":
            streams.push(open("/shop.v1.Cart/Trade"));
            break;
          case "send": {
            const stream = streams[each.which % streams.length];
            if (stream !== undefined && !stream.call.over) send(stream, item(each.gift));
            break;
          }
          case "close": {
            const [stream] = streams.splice(each.which % Math.max(1, streams.length), 1);
            if (stream !== undefined && !stream.call.over) stream.call.finish();
            break;
          }
          case "crash":
            for (const link of world.net.linksTo(addressOf(each.pod))) link.break();
            turn(each.pod);
            break;
          case "restart":
            // The old process finishes its streams, the new one listens already.
            await world.settle();
            pods[each.pod].pod.goaway(0x7fffffff);
            turn(each.pod);
            await world.settle();
            break;
          case "time":
            await world.advance(each.ms, 100);
            break;
          case "settle":
            await world.settle();
        }
      }
      for (const { call } of streams) if (!call.over) call.finish();
      await world.advance(30_000, 500);
      for (const { call, items } of calls) {
        expect(call.over).toBe(true);
        const got = messagesOf(call.body).map((message) => (message as { item: JsonValue }).item);
        expect(got).toEqual(items.slice(0, got.length));
        const { code, message } = call.status;
        if (code === 0) expect(got.length).toBe(items.length);
        // A stream on a process that is about to go cannot learn of more types.
        else if (code === 3) expect(message).toMatch(/Any holds a shop\.v1\.Gift, which is in no known schema$/);
        else expect(code).toBe(14);
      }
      // A pod that cannot read a message throws, and its connection ends.
      expect(JSON.stringify(world.log.lines)).not.toContain("INTERNAL_ERROR");
      for (const { got } of pods) {
        for (const message of got) {
          const { name, price } = message as { name: string; price: string };
          expect(name).toBe(`tea ${price}`);
        }
      }
    }),
    { numRuns: 40 },
  );
}, 60_000);
