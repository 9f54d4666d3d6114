import { describe, expect, it } from "vitest";
import { createTestMachine } from "../support/harness.ts";
import { integer, seededRandom } from "../support/random.ts";
import { bytesOf, connect, PREFACE, TRANSPORTS } from "./connections.ts";

describe.each(TRANSPORTS)("byte stream over %s", (transport) => {
  it("carries bytes in both directions, in order", async () => {
    const { client, clientHandler, server, serverHandler } = await connect(createTestMachine(), transport);
    client.write(bytesOf("one,"));
    client.writeAll([bytesOf("two,"), bytesOf("three,"), bytesOf("four")]);
    server.writeAll([bytesOf("back")]);
    await serverHandler.until(() => serverHandler.text() === `${PREFACE}one,two,three,four`);
    await clientHandler.until(() => clientHandler.text() === "back");
    client.destroy();
    server.destroy();
  });

  it("reports back-pressure while the reader is paused, and drained afterwards; no byte is lost", async () => {
    const random = seededRandom();
    const sent: number[] = [];
    const { client, server, serverHandler, clientHandler } = await connect(createTestMachine(), transport);
    server.pause();
    // Loopback buffers hold some megabytes at most, so the mark is passed sooner or later.
    let more = true;
    for (let i = 0; more; i++) {
      expect(i, "writes without back-pressure").toBeLessThan(10_000);
      const chunk = new Uint8Array(integer(random, 1, 100_000)).fill(i);
      sent.push(chunk.length);
      more = client.write(chunk);
    }
    expect(client.queued()).toBeGreaterThan(0);
    expect(clientHandler.events).not.toContain("drained");
    server.resume();
    await clientHandler.untilEvent("drained");
    expect(client.queued()).toBe(0);
    const total = sent.reduce((sum, n) => sum + n, PREFACE.length);
    await serverHandler.until(() => serverHandler.bytes().length >= total);
    const received = serverHandler.bytes();
    let at = PREFACE.length;
    sent.forEach((length, i) => {
      const chunk = received.subarray(at, at + length);
      expect(chunk.every((byte) => byte === i % 256)).toBe(true);
      at += length;
    });
    expect(received.length).toBe(total);
    client.destroy();
  });

  it("does not look again at a buffer that it has counted off from queued", async () => {
    const { client, server, serverHandler, clientHandler } = await connect(createTestMachine(), transport);
    const buffer = new Uint8Array(20_000);
    let writes = 0;
    server.pause();
    // Until the kernel takes no more: from then on the buffer is not ours.
    for (let more = true; more && writes < 2000; writes++) {
      buffer.fill(1 + (writes % 200));
      more = client.write(buffer);
      if (client.queued() !== 0) {
        writes++;
        break;
      }
      buffer.fill(0);
    }
    server.resume();
    const total = PREFACE.length + writes * buffer.length;
    await serverHandler.until(() => serverHandler.bytes().length >= total);
    const received = serverHandler.bytes().subarray(PREFACE.length);
    for (let i = 0; i < writes; i++) {
      const piece = received.subarray(i * buffer.length, (i + 1) * buffer.length);
      expect(piece.every((byte) => byte === 1 + (i % 200))).toBe(true);
    }
    expect(clientHandler.events).toEqual(["opened"]);
    client.destroy();
  });

  it("has two directions that end independently; over TLS the accepted side ends with its client", async () => {
    const { client, clientHandler, server, serverHandler } = await connect(createTestMachine(), transport);
    // The dialled side reads on after its own end in both; what the other had written before comes whole.
    server.write(bytesOf("before your end"));
    client.end();
    await serverHandler.untilEvent("ended");
    await clientHandler.until(() => clientHandler.text() === "before your end");
    if (transport !== "tls") {
      expect(serverHandler.events).not.toContain("closed");
      server.write(bytesOf(", and after"));
      await clientHandler.until(() => clientHandler.text() === "before your end, and after");
      server.end();
    }
    await Promise.all([clientHandler.untilEvent("closed"), serverHandler.untilEvent("closed")]);
    expect(clientHandler.events.filter((event) => event !== "received")).toEqual(["opened", "ended", "closed"]);
    expect(serverHandler.events).toEqual(["received", "ended", "closed"]);
    expect(clientHandler.reason).toBeNull();
    expect(serverHandler.reason).toBeNull();
  });

  it("sends what is queued before it ends", async () => {
    const { client, server, serverHandler } = await connect(createTestMachine(), transport);
    const length = 3_000_000;
    client.write(new Uint8Array(length));
    client.end();
    await serverHandler.untilEvent("ended");
    expect(serverHandler.bytes().length).toBe(PREFACE.length + length);
    server.destroy();
  });

  it("is silent after destroy but for one orderly closed", async () => {
    const { client, clientHandler, server } = await connect(createTestMachine(), transport);
    server.write(bytesOf("never read"));
    client.destroy();
    client.destroy();
    client.end();
    client.write(bytesOf("into the void"));
    client.writeAll([bytesOf("into"), bytesOf("the void")]);
    await clientHandler.untilEvent("closed");
    expect(clientHandler.events).toEqual(["opened", "closed"]);
    expect(clientHandler.reason).toBeNull();
    server.destroy();
  });

  it.each(["received", "drained", "ended", "closed"] as const)("may be destroyed inside %s", async (event) => {
    const last = "!".charCodeAt(0);
    const { client, clientHandler, server, serverHandler } = await connect(
      createTestMachine(),
      transport,
      () => ({}),
      (stream) => ({
        received: (bytes) => event === "received" && bytes.at(-1) === last && stream().destroy(),
        drained: () => event === "drained" && stream().destroy(),
        ended: () => event === "ended" && stream().destroy(),
        closed: () => event === "closed" && stream().destroy(),
      }),
    );
    if (event === "drained") while (server.write(new Uint8Array(1_000_000)));
    else if (event === "closed") server.destroy();
    else client.writeAll([bytesOf("more"), bytesOf("!")]);
    if (event === "ended") client.end();
    await serverHandler.untilEvent("closed");
    await clientHandler.untilEvent(event === "closed" ? "ended" : "opened");
    const after = serverHandler.events.slice(serverHandler.events.lastIndexOf(event) + 1);
    expect(after).toEqual(event === "closed" ? [] : ["closed"]);
    client.destroy();
  });

  it("names the other end", async () => {
    const { client, server, listening } = await connect(createTestMachine(), transport);
    expect(client.peer).toBe(`127.0.0.1:${listening.port}`);
    expect(server.peer).toMatch(/^127\.0\.0\.1:\d+$/);
    client.destroy();
  });
});
