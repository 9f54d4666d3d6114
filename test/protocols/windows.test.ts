import { describe, expect, test } from "vitest";
import { message, okHead, okTrailers } from "../gateway/support/fields.ts";
import { startTriple } from "../gateway/support/world.ts";

/** A stream's window on either side of the gateway, and what a flush and a frame may add. */
const UNDER_WAY = 2 * 262_144 + 65_536;
const TOTAL = 8 * 1_048_576;
const PIECE = 65_536;

const types = ["application/grpc-web+proto", "application/grpc-web-text+proto", "application/connect+proto"] as const;
type Type = (typeof types)[number];

const isText = (type: Type): boolean => type.includes("text");
/** Text is a third longer than what it stands for. */
const plain = (type: Type, bytes: number): number => (isText(type) ? (bytes / 4) * 3 : bytes);
const head = (type: Type): string[] =>
  [":method", "POST", ":scheme", "http", ":path", "/test.Echo/Chat", ":authority", "a"].concat(["content-type", type]);

describe.each(types)("windows across a translation, %s", (type) => {
  test("a reader that stops after megabytes: no more is under way to it than at the beginning", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.open(head(type));
    call.keep = false;
    call.pause();
    call.finish();
    await world.settle();
    pod.last.sendHead(okHead);
    for (let sent = 0; sent < TOTAL; sent += PIECE) pod.last.send(message(PIECE - 5));
    await world.settle();
    let read = 0;
    for (; plain(type, read) < TOTAL / 2; read += PIECE) {
      call.read(PIECE);
      await world.settle();
    }
    expect(pod.last.left - plain(type, read)).toBeLessThan(UNDER_WAY);
    expect(pod.last.left).toBeGreaterThan(plain(type, read));
    call.resume();
    pod.last.finish(okTrailers);
    await world.settle();
    expect([call.ended, pod.last.left]).toEqual([true, TOTAL]);
  });

  test("a pod that stops after megabytes of a request: the client is held back as at the beginning", async () => {
    const { world, pod, client } = await startTriple();
    pod.onHead = (call) => {
      call.keep = false;
      call.pause();
    };
    const call = client.open(head(type));
    const piece = message(PIECE - 5);
    const sent = isText(type) ? Buffer.from(Buffer.from(piece).toString("base64")) : piece;
    for (let bytes = 0; bytes < TOTAL; bytes += PIECE) call.send(sent);
    call.finish();
    await world.settle();
    let read = 0;
    for (; read < TOTAL / 2; read += PIECE) {
      pod.last.read(PIECE);
      await world.settle();
    }
    expect(plain(type, call.left) - read).toBeLessThan(UNDER_WAY);
    pod.last.resume();
    await world.settle();
    expect([pod.last.ended, pod.last.size]).toEqual([true, TOTAL]);
    pod.last.sendHead(okHead).finish(okTrailers);
    await world.settle();
    expect(call.ended).toBe(true);
  });
});
