import { describe, expect, it } from "vitest";
import { MemoryStream, memoryPair } from "./memory-stream.ts";
import { integer, seededRandom } from "./random.ts";
import { recordingHandler } from "./recording-handler.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

describe("memory stream", () => {
  it("shows what was written, as it was at the time", () => {
    const stream = new MemoryStream();
    const buffer = bytes(1, 2);
    expect(stream.write(buffer)).toBe(true);
    buffer[0] = 9;
    stream.writeAll([bytes(3), bytes(4)]);
    expect([...stream.take()]).toEqual([1, 2, 3, 4]);
    expect(stream.take()).toHaveLength(0);
    expect(stream.writes).toBe(2);
  });

  it("holds the writer back until the test takes the bytes", () => {
    const handler = recordingHandler();
    const stream = new MemoryStream().attach(handler);
    stream.autoDrain = false;
    stream.highWaterMark = 3;
    expect(stream.write(bytes(1, 2))).toBe(true);
    expect(stream.write(bytes(3))).toBe(false);
    expect(stream.queued()).toBe(3);
    expect(handler.events).toEqual([]);
    expect([...stream.take()]).toEqual([1, 2, 3]);
    expect(handler.events).toEqual(["drained"]);
    expect(stream.queued()).toBe(0);
  });

  it("delivers nothing while it is paused, and everything in order afterwards", async () => {
    const handler = recordingHandler();
    const stream = new MemoryStream().attach(handler);
    stream.pause();
    stream.deliver(bytes(1));
    stream.deliver(bytes(2));
    stream.deliverEnd();
    expect(handler.events).toEqual([]);
    stream.resume();
    await handler.untilEvent("ended");
    expect([...handler.bytes()]).toEqual([1, 2]);
  });

  it("closes in order when both directions have ended", async () => {
    const handler = recordingHandler();
    const stream = new MemoryStream().attach(handler);
    stream.deliverEnd();
    expect(stream.isClosed).toBe(false);
    stream.end();
    await handler.untilEvent("closed");
    expect(handler.events).toEqual(["ended", "closed"]);
    expect(handler.reason).toBeNull();
  });

  it("is silent after destroy but for one closed", async () => {
    const handler = recordingHandler();
    const stream = new MemoryStream().attach(handler);
    stream.destroy();
    stream.deliver(bytes(1));
    stream.deliverEnd();
    expect(handler.events).toEqual([]);
    await handler.untilEvent("closed");
    stream.close(new Error("too late"));
    expect(handler.events).toEqual(["closed"]);
    expect(handler.reason).toBeNull();
  });

  it("refuses writes after end: a test must see them", () => {
    const stream = new MemoryStream();
    stream.end();
    expect(() => stream.write(bytes(1))).toThrow("write after end");
  });
});

describe("memory pair", () => {
  it("carries bytes both ways, cut anywhere", () => {
    const random = seededRandom();
    const { a, b, pump } = memoryPair((waiting) => integer(random, 1, waiting));
    const atA = recordingHandler();
    // Answers while the bytes are being moved.
    const atB = recordingHandler({ received: (chunk) => void b.write(chunk) });
    a.attach(atA);
    b.attach(atB);
    const sent = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);
    a.write(sent);
    pump();
    expect(Buffer.compare(atB.bytes(), sent)).toBe(0);
    expect(Buffer.compare(atA.bytes(), sent)).toBe(0);
  });

  it("leaves the bytes with the writer while the reader pauses", async () => {
    const { a, b, pump } = memoryPair();
    const atA = recordingHandler();
    const atB = recordingHandler();
    a.attach(atA);
    b.attach(atB);
    a.autoDrain = false;
    a.highWaterMark = 2;
    b.pause();
    expect(a.write(bytes(1, 2))).toBe(false);
    a.end();
    pump();
    expect(atB.events).toEqual([]);
    b.resume();
    pump();
    expect(atA.events).toEqual(["drained"]);
    await atB.untilEvent("ended");
    expect(atB.events).toEqual(["received", "ended"]);
  });

  it("tells both when one is destroyed", async () => {
    const { a, b, pump } = memoryPair();
    const atA = recordingHandler();
    const atB = recordingHandler();
    a.attach(atA);
    b.attach(atB);
    a.destroy();
    await atA.untilEvent("closed");
    pump();
    expect(atB.events).toEqual(["closed"]);
  });
});
