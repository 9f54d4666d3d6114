import fc from "fast-check";
import { expect, test } from "vitest";
import { MessageReader } from "../../src/json/message-reader.ts";
import { envelope } from "../../src/protocols/envelope.ts";
import { concat } from "../support/memory-stream.ts";

function readAll(reader: MessageReader): { readonly compressed: boolean; readonly bytes: number[] }[] {
  const read = [];
  for (let next = reader.next(); next !== null; next = reader.next()) {
    if ("error" in next) throw new Error(JSON.stringify(next.error));
    read.push({ compressed: next.compressed, bytes: [...next.bytes] });
  }
  reader.settle();
  return read;
}

test("messages: the same wherever the body is cut", () => {
  const message = fc.record({ compressed: fc.boolean(), bytes: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(message), fc.array(fc.nat(20)), (messages, cuts) => {
      const body = concat(messages.map(({ compressed, bytes }) => envelope(compressed ? 1 : 0, bytes)));
      const reader = new MessageReader(40);
      const read = [];
      let at = 0;
      for (const cut of [...cuts, body.length]) {
        const end = Math.min(body.length, at + cut);
        // In a chunk with other bytes around it, which is written over afterwards: nothing of it may be kept.
        const chunk = new Uint8Array(end - at + 6).fill(255);
        chunk.set(body.subarray(at, end), 3);
        reader.add(chunk, 3, 3 + end - at);
        read.push(...readAll(reader));
        chunk.fill(255);
        at = end;
      }
      expect(read).toEqual(messages.map(({ compressed, bytes }) => ({ compressed, bytes: [...bytes] })));
      expect(reader.finish()).toBe(null);
    }),
  );
});

test("messages: one that is larger than allowed is refused by its prefix, before it has come", () => {
  const reader = new MessageReader(4);
  reader.add(new Uint8Array([0, 0, 0, 0, 5]), 0, 5);
  expect(reader.next()).toEqual({ error: { kind: "length", length: 5 } });
});

test("messages: reserved flags are refused", () => {
  const reader = new MessageReader(4);
  reader.add(new Uint8Array([2, 0, 0, 0, 0]), 0, 5);
  expect(reader.next()).toEqual({ error: { kind: "flags", flags: 2 } });
});

test.each([1, 4, 5, 7])("messages: a body that ends after %i bytes of 8 is cut off", (length) => {
  const reader = new MessageReader(4);
  reader.add(envelope(0, new Uint8Array(3)), 0, length);
  expect(reader.next()).toBe(null);
  reader.settle();
  expect(reader.finish()).toEqual({ kind: "truncated", missing: length < 5 ? 5 - length : 8 - length });
});

test("messages: what is held is counted, is no more than the message needs, and is let go of", () => {
  const body = envelope(0, new Uint8Array(1_000));
  const reader = new MessageReader(1_000);
  const held: number[] = [];
  for (let at = 0; at < body.length; at += 100) {
    reader.add(body, at, Math.min(body.length, at + 100));
    readAll(reader);
    held.push(reader.held);
  }
  expect(held).toEqual([100, 200, 400, 400, 800, 800, 800, 800, 1_005, 1_005, 0]);
  reader.add(body, 0, 100);
  readAll(reader);
  reader.drop();
  expect([reader.held, reader.next(), reader.finish()]).toEqual([0, null, null]);
});

test("messages: many that wait to be read are not copied with every chunk", () => {
  const reader = new MessageReader(1_000);
  const message = envelope(0, new Uint8Array(10));
  const held = new Set<number>();
  for (let i = 0; i < 100; i++) {
    reader.add(message, 0, message.length);
    held.add(reader.held);
  }
  expect(held.size).toBeLessThan(10);
  expect(readAll(reader)).toHaveLength(100);
});
