import { describe, expect, test } from "vitest";
import type { Receiver } from "../../src/http2/receiver.ts";
import type { Downstream } from "../../src/protocols/downstream.ts";
import { enterFetch } from "../../src/protocols/fetch.ts";
import { ownHead } from "../../src/protocols/status.ts";
import { FakeClock } from "../support/fake-clock.ts";

const nobody: Receiver = { head() {}, data() {}, end() {}, abort() {} };

/** A request whose body the test writes, and which is answered whole at once. */
async function early(clock: FakeClock) {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (made) => {
      controller = made;
    },
    cancel: () => {
      cancelled = true;
    },
  });
  const init = { method: "POST", body, duplex: "half", headers: { "content-type": "application/connect+proto" } };
  const request = new Request("https://edge.example/p.S/M", init as RequestInit);
  const answer = (to: Downstream): Receiver => {
    to.head(ownHead([":status", "200"]));
    to.data(new Uint8Array([1, 2]), 0, 2);
    to.end(null);
    return nobody;
  };
  const response = await enterFetch(request, answer, "", clock);
  const reader = response.body!.getReader();
  expect((await reader.read()).value).toEqual(new Uint8Array([1, 2]));
  let ended = false;
  const end = reader.read().then(({ done }) => {
    ended = done;
  });
  return { controller, reader, end, ended: () => ended, cancelled: () => cancelled };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("fetch: an answer that ends before its request", () => {
  test("its end waits until the request has ended", async () => {
    const clock = new FakeClock();
    const { controller, end, ended } = await early(clock);
    controller.enqueue(new Uint8Array(10));
    await turns();
    expect(ended()).toBe(false);
    controller.close();
    await end;
    expect(clock.pending).toBe(0);
  });

  test("but for a second at most", async () => {
    const clock = new FakeClock();
    const { end, ended } = await early(clock);
    clock.advance(999);
    await turns();
    expect(ended()).toBe(false);
    clock.advance(1);
    await end;
  });

  test("a request that is far from its end is given up", async () => {
    const clock = new FakeClock();
    const { controller, end, cancelled } = await early(clock);
    controller.enqueue(new Uint8Array(300_000));
    await end;
    expect(cancelled()).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test("a client that leaves ends the wait", async () => {
    const clock = new FakeClock();
    const { reader } = await early(clock);
    await reader.cancel();
    expect(clock.pending).toBe(0);
  });
});
