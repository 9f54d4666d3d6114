import { describe, expect, test } from "vitest";
import { ReplayableBody } from "../../../src/fetch/chain/replayable-body.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** The streams' own microtasks run: whoever reads has asked. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A client's body that the test sends piece by piece. */
function upload() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
  });
  return {
    body,
    send: (text: string) => controller?.enqueue(bytes(text)),
    end: () => controller?.close(),
  };
}

function reader(opened: ReturnType<ReplayableBody["open"]>) {
  if (!(opened instanceof ReadableStream)) throw new Error("it is here whole");
  const inner = opened.getReader();
  return async () => {
    const { done, value } = await inner.read();
    return done ? null : new TextDecoder().decode(value);
  };
}

describe("replayable body", () => {
  test("what an attempt had asked for when it failed goes to the next one", async () => {
    const { body, send, end } = upload();
    const replayable = new ReplayableBody({ body, bodyUsed: false }, 100);
    // The platform asks for the body while it connects, and is refused before any has come.
    const lost = reader(replayable.open())();
    await turn();
    const next = reader(replayable.open());
    const first = next();
    send("one");
    expect(await first).toBe("one");
    send("two");
    end();
    expect(await next()).toBe("two");
    expect(await next()).toBe(null);
    expect(await lost).toBe(null);
  });

  test("the same when it comes before the next attempt asks", async () => {
    const { body, send, end } = upload();
    const replayable = new ReplayableBody({ body, bodyUsed: false }, 100);
    send("one");
    const failed = reader(replayable.open());
    expect(await failed()).toBe("one");
    const lost = failed();
    await turn();
    const next = reader(replayable.open());
    send("two");
    await lost;
    send("three");
    end();
    expect([await next(), await next(), await next(), await next()]).toEqual(["one", "two", "three", null]);
  });

  test("a piece that exceeds the limit still reaches the attempt that is made, and then nothing can be repeated", async () => {
    const { body, send, end } = upload();
    const replayable = new ReplayableBody({ body, bodyUsed: false }, 4);
    const lost = reader(replayable.open())();
    await turn();
    const next = reader(replayable.open());
    send("larger");
    expect(await next()).toBe("larger");
    expect(replayable.repeatable).toBe(false);
    send("rest");
    end();
    expect([await next(), await next()]).toEqual(["rest", null]);
    await lost;
  });

  test("a body that has come whole is bytes, as often as wanted", async () => {
    const { body, send, end } = upload();
    const replayable = new ReplayableBody({ body, bodyUsed: false }, 100);
    send("a");
    send("b");
    end();
    await replayable.buffer();
    for (let i = 0; i < 2; i++) expect(replayable.open()).toEqual(bytes("ab"));
  });
});
