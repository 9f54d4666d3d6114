import { expect, test } from "vitest";
import { HeldMessages } from "../../src/protocols/held-messages.ts";
import { trailersOnly } from "../../src/protocols/status.ts";
import { startTriple } from "../gateway/support/world.ts";

// The gateway does not show them. Every test file is a process of its own.
const all = new Set<HeldMessages>();
const { hold } = HeldMessages.prototype;
HeldMessages.prototype.hold = function (holder, bytes) {
  all.add(this);
  hold.call(this, holder, bytes);
};
const held = () => [...all].reduce((sum, messages) => sum + messages.held, 0);

test.each(["HTTP/2", "HTTP/1.1"])(
  "a Connect unary body over %s is not held any more once the call is answered",
  async (version) => {
    const { world, pod } = await startTriple();
    pod.onHead = (call) => {
      pod.onHead = () => {};
      answerLater.push(() => {
        call.sendHead([...trailersOnly(7, "no").fields]);
        call.finish(null);
      });
    };
    const answerLater: (() => void)[] = [];
    const body = new Uint8Array(100_000);
    if (version === "HTTP/2") {
      const client = await world.client();
      const call = client.open(
        [":method", "POST", ":scheme", "http", ":path", "/test.Echo/Unary", ":authority", "a"].concat([
          "content-type",
          "application/proto",
        ]),
      );
      call.send(body);
      await world.settle();
      expect(held()).toBeGreaterThanOrEqual(body.length);
      answerLater[0]();
      await world.settle();
      expect(call.fields.slice(0, 2)).toEqual([":status", "403"]);
      expect(held()).toBe(0);
      return;
    }
    const client = await world.http1();
    client.write(
      "POST /test.Echo/Unary HTTP/1.1\r\nhost: a\r\ncontent-type: application/proto\r\ncontent-length: 200000\r\n\r\n",
    );
    client.write(body);
    await world.settle();
    expect(held()).toBeGreaterThanOrEqual(body.length);
    answerLater[0]();
    await world.settle();
    expect(client.answers()[0].status).toBe(403);
    expect(held()).toBe(0);
  },
);
