import { describe, expect, test } from "vitest";
import { FrameType } from "../../src/http2/frame.ts";
import { firstValue, message, okHead, requestFields } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { endsStream } from "./support/wire.ts";
import { startTriple } from "./support/world.ts";

describe("splice", () => {
  test("request: names, values, their order, duplicates and -bin values reach the pod as they came", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    const fields = requestFields([
      "x-first",
      "1",
      "trace-bin",
      "AAEC/w",
      "trace-bin",
      "AAEC/w==,BBBB",
      "x-first",
      "2",
      "user-agent",
      "grpc-test/1.0",
      "x-empty",
      "",
      "x-high",
      "caf\u00e9 \u00ff",
    ]);
    const call = client.unary(message(3), fields);
    await world.settle();
    expect(pod.last.fields).toEqual(fields);
    expect(pod.last.body).toEqual(message(3));
    expect(call.status.code).toBe(0);
  });

  test("answer: head and trailers reach the client as the pod sent them, details included", async () => {
    const { world, pod, client } = await startTriple();
    const head = [...okHead, "set-cookie", "a=1", "x-b", "2", "x-a", "1", "x-b", "3", "set-cookie", "b=2"];
    const trailers = [
      "grpc-status",
      "9",
      "grpc-message",
      "%E2%82%AC 100%25 bad%2",
      "x-t",
      "1",
      "grpc-status-details-bin",
      "CAkSA2JhZA",
      "x-t",
      "2",
    ];
    pod.onCall = (call) => call.sendHead(head).send(message(2)).send(message(4)).finish(trailers);
    const call = client.unary(message(1));
    await world.settle();
    expect(call.fields).toEqual(head);
    expect(call.trailers?.fields).toEqual(trailers);
    expect(call.body).toEqual(new Uint8Array([...message(2), ...message(4)]));
    expect(call.events).toEqual(["head", "data", "end"]);
    expect(world.backend.calls[9]).toBe(1);
  });

  test("trailers-only: stays one HEADERS frame with END_STREAM", async () => {
    const { world, pod, client } = await startTriple();
    const fields = [...okHead, "grpc-status", "5", "grpc-message", "no such thing", "x-why", "a", "x-why", "b"];
    pod.onCall = (call) => call.sendHead(fields).finish();
    const call = client.unary(message(1));
    await world.settle();
    expect(call.fields).toEqual(fields);
    expect(call.trailers).toBeNull();
    const id = call.stream.id;
    const frames = client.link.fromServer.frames.filter((frame) => frame.id === id && frame.type <= FrameType.HEADERS);
    expect(frames.map((frame) => [frame.type, endsStream(frame)])).toEqual([[FrameType.HEADERS, true]]);
    expect(world.backend.calls[5]).toBe(1);
  });

  test("head and trailers: stay two HEADERS frames when the pod sends no message between them", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    const call = client.unary(message(1));
    await world.settle();
    const headers = client.link.fromServer.headers(call.stream.id);
    expect(headers.map((frame) => [frame.head?.fields[0], endsStream(frame)])).toEqual([
      [":status", false],
      ["grpc-status", true],
    ]);
  });

  // gRPC PROTOCOL-HTTP2 wants it so, and grpc-go 1.76 never hears of an end that stands on HEADERS.
  test("request without a body: ended by an empty DATA frame, and not by its HEADERS", async () => {
    const { world, pod, client, upstream } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    client.unary(null);
    await world.settle();
    expect(upstream.fromClient.headers().map(endsStream)).toEqual([false]);
    const data = upstream.fromClient.of(FrameType.DATA);
    expect(data.map((frame) => [frame.payload.length, endsStream(frame)])).toEqual([[0, true]]);
  });

  test("te: `trailers` is added at the end when the client left it out, and not twice when it did not", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    const without = requestFields(["x-last", "1"], "/test.Echo/Unary", false);
    client.unary(null, without);
    client.unary(null, without);
    client.unary(null);
    await world.settle();
    expect(pod.calls.map((call) => call.fields)).toEqual([
      [...without, "te", "trailers"],
      [...without, "te", "trailers"],
      requestFields(),
    ]);
  });

  test("never-indexed: what came so goes on so, in both directions", async () => {
    const { world, pod, client, upstream } = await startTriple();
    const answer = [...okHead, "x-secret-answer", "s"];
    pod.onCall = (call) => call.sendHead(answer, [answer.length - 2]).finish(["grpc-status", "0"]);
    const fields = requestFields(["x-plain", "p", "x-secret", "s"], "/test.Echo/Unary", false);
    const at = fields.length - 2;
    // Twice, so that a memo or the dynamic table could show it.
    for (let i = 0; i < 3; i++) {
      client.open(fields, [at]).finish();
      await world.settle();
    }
    for (const frame of upstream.fromClient.headers()) expect(frame.head?.neverIndexed).toEqual([at]);
    const heads = client.link.fromServer.headers().filter((frame) => frame.head?.fields[0] === ":status");
    expect(heads).toHaveLength(3);
    for (const frame of heads) expect(frame.head?.neverIndexed).toEqual([answer.length - 2]);
  });

  test("never-indexed: authorization and cookie go to the pod so, however they came", async () => {
    const { world, pod, client, upstream } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    // grpc clients index authorization: write it so by hand, as an encoder of ours would not.
    const fields = requestFields(["authorization", "Bearer t", "cookie", "a=1", "cookie", "b=2"]);
    for (let i = 0; i < 3; i++) {
      client.unary(null, fields);
      await world.settle();
    }
    for (const { head } of upstream.fromClient.headers()) {
      const names = head?.neverIndexed?.map((at) => head.fields[at]);
      expect(names).toEqual(["authorization", "cookie", "cookie"]);
    }
  });

  test("messages: many of every size, cut anywhere, arrive in order and whole", async () => {
    const { world, pod, client } = await startTriple();
    const sizes = [0, 1, 128, 129, 16_384, 16_385, 100_000, 3];
    const sent = new Uint8Array(sizes.flatMap((size, i) => [...message(size, i + 1)]));
    pod.onHead = (call) => call.sendHead(okHead);
    const call = client.open();
    for (let at = 0; at < sent.length; at += 7_001) call.send(sent.subarray(at, at + 7_001));
    call.finish();
    await world.settle();
    expect(Buffer.compare(pod.last.body, sent)).toBe(0);
    for (let at = 0; at < sent.length; at += 9_999) pod.last.send(sent.subarray(at, at + 9_999));
    pod.last.finish(["grpc-status", "0"]);
    await world.settle();
    expect(Buffer.compare(call.body, sent)).toBe(0);
    expect(call.trailers?.fields).toEqual(["grpc-status", "0"]);
  });

  test("trailers of the client: reach the pod", async () => {
    const { world, pod, client } = await startTriple();
    client.open().send(message(1)).finish(["x-checksum", "42", "x-checksum", "43"]);
    await world.settle();
    expect(pod.last.trailers?.fields).toEqual(["x-checksum", "42", "x-checksum", "43"]);
    answerOk(pod.last);
  });

  test("http status without grpc-status: goes to the client as it is and counts by the table", async () => {
    const { world, pod, client } = await startTriple();
    const codes: readonly (readonly [string, number])[] = [
      ["400", 13],
      ["401", 16],
      ["403", 7],
      ["404", 12],
      ["429", 14],
      ["502", 14],
      ["503", 14],
      ["504", 14],
      ["200", 2],
      ["418", 2],
      ["500", 2],
    ];
    for (const [status, code] of codes) {
      const before = world.backend.calls[code];
      pod.onCall = (call) => call.sendHead([":status", status, "content-type", "text/html"]).send(message(1)).finish();
      const call = client.unary();
      await world.settle();
      expect(firstValue(call.fields, ":status")).toBe(status);
      expect(world.backend.calls[code], status).toBe(before + 1);
    }
  });
});
