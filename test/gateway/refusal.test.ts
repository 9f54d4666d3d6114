import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../src/http2/error-code.ts";
import { firstValue, requestFields } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { startTriple } from "./support/world.ts";

function plain(method: string, contentType: string | null): string[] {
  const pseudo = [":method", method, ":scheme", "http", ":path", "/test.Echo/Unary", ":authority", "echo.test"];
  return contentType === null ? pseudo : [...pseudo, "content-type", contentType];
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("refusal", () => {
  test("unknown content-type: 415 with Accept-Post, and a body for people", async () => {
    const { world, pod, client } = await startTriple();
    for (const type of ["text/plain", "application/grpcx", "application/octet-stream; x=application/grpc"]) {
      const call = client.open(plain("POST", type)).finish();
      await world.settle();
      expect(call.fields.slice(0, 2)).toEqual([":status", "415"]);
      expect(firstValue(call.fields, "accept-post")).toContain("application/grpc");
      expect(text(call.body)).toContain(type);
      expect(call.body.length).toBe(Number(firstValue(call.fields, "content-length")));
    }
    expect(pod.calls).toEqual([]);
  });

  test("gRPC in fetch's form, which has no trailers: 426 with the reason, and no pod hears of it", async () => {
    const { world, pod } = await startTriple();
    const asked = world.fetch(
      new Request("http://echo.test/test.Echo/Unary", {
        method: "POST",
        headers: { "content-type": "application/grpc" },
        body: new Uint8Array(5),
      }),
    );
    await world.settle();
    const answer = await asked;
    expect(answer.status).toBe(426);
    const body = answer.text();
    await world.settle();
    expect(await body).toContain("gRPC needs HTTP/2");
    expect(pod.calls).toEqual([]);
  });

  test("gRPC's content-type in any case and with parameters: is a call", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    for (const type of [
      "application/grpc",
      "Application/GRPC",
      "application/grpc+proto",
      "application/grpc;charset=utf-8",
    ]) {
      const call = client.open(plain("POST", type)).finish();
      await world.settle();
      expect(call.status.code, type).toBe(0);
      expect(firstValue(pod.last.fields, "content-type")).toBe(type);
    }
  });

  test("other methods: 405 with Allow; HEAD has no body", async () => {
    const { world, client } = await startTriple();
    for (const method of ["GET", "PUT", "DELETE", "HEAD"]) {
      const call = client.open(plain(method, "application/grpc")).finish();
      await world.settle();
      expect(call.fields.slice(0, 2), method).toEqual([":status", "405"]);
      expect(firstValue(call.fields, "allow")).toContain("POST");
      expect(call.size > 0).toBe(method !== "HEAD");
    }
  });

  test("body: is read to its end first, so that a client that sends before it reads sees the answer", async () => {
    const { world, client } = await startTriple();
    const call = client.open(plain("POST", "text/plain"));
    call.send(new Uint8Array(30_000));
    await world.settle();
    expect(call.over).toBe(false);
    call.finish();
    await world.settle();
    expect(call.fields[1]).toBe("415");
    expect(call.aborted).toBeNull();
  });

  test("body without end: the answer comes after a second, or after 64 KiB, and ends the request", async () => {
    const { world, client } = await startTriple();
    const silent = client.open(plain("POST", "text/plain")).send(new Uint8Array(10));
    await world.settle();
    await world.advance(1_000);
    expect(silent.fields[1]).toBe("415");
    expect(client.link.fromClient.resets(silent.stream.id)).toEqual([ErrorCode.NO_ERROR]);
    const endless = client.open(plain("POST", "text/plain")).send(new Uint8Array(70_000));
    await world.settle();
    expect(endless.fields[1]).toBe("415");
  });

  test("client that leaves before the answer: nothing is left", async () => {
    const { world, client } = await startTriple();
    const call = client.open(plain("POST", "text/plain")).send(new Uint8Array(10));
    await world.settle();
    call.reset(ErrorCode.CANCEL);
    await world.settle();
    await world.advance(2_000);
    expect(call.events).toEqual([]);
  });

  test("header list too large: resource_exhausted that names the limit, and the connection goes on", async () => {
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call);
    const large = client.unary(null, requestFields(["x-large", "v".repeat(65_536)]));
    await world.settle();
    expect(large.status.code).toBe(8);
    expect(large.status.message).toContain("maxHeaderListBytes");
    const many = client.unary(
      null,
      requestFields(Array.from({ length: 260 }, (_, i) => (i % 2 === 0 ? "x-many" : "1"))),
    );
    await world.settle();
    expect(many.status.code).toBe(8);
    expect(many.status.message).toContain("maxHeaderFields");
    const next = client.unary();
    await world.settle();
    expect(next.status.code).toBe(0);
    expect(pod.calls).toHaveLength(1);
  });
});
