import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { envelope } from "../../src/protocols/envelope.ts";
import { openJson, unary } from "./support/ask-json.ts";
import { startShop } from "./support/shop.ts";

/** What a few kilobytes of gzip would make of the gateway's memory and time. */
const bomb = gzipSync(`{"name":"tea","paidWith":[${"{},".repeat(1_000_000)}{}]}`);
const problem = "it has more than 104857 objects";

test("JSON: a message of very many objects, in little gzip: resource_exhausted, and nothing of it is made or sent", async () => {
  expect(bomb.length).toBeLessThan(20_000);
  const { world, pods } = await startShop();
  const { status, json } = await unary(world, "/shop.v1.Cart/Add", new Uint8Array(bomb), {
    "content-encoding": "gzip",
  });
  expect(status).toBe(429);
  expect(json).toEqual({ code: "resource_exhausted", message: `request message of shop.v1.Cart/Add: ${problem}` });
  const client = await world.client();
  const call = openJson(client, "/shop.v1.Cart/Trade", ["grpc-encoding", "gzip"])
    .send(envelope(0, new TextEncoder().encode(`{"name":"a"}`)))
    .send(envelope(1, new Uint8Array(bomb)));
  await world.settle();
  expect(call.status).toEqual({ code: 8, message: `request message of shop.v1.Cart/Trade: ${problem}` });
  expect(pods[0].got).toEqual([{ name: "a" }]);
  expect(world.outstanding).toBe(0);
  // Clients' messages are no fault of the pod's.
  expect(world.backend.calls[8]).toBe(2);
});
