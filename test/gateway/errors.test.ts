import { describe, expect, test } from "vitest";
import { ErrorCode, errorCodeName } from "../../src/http2/error-code.ts";
import { Status } from "../../src/protocols/status.ts";
import { message, okHead, okTrailers } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { endsStream } from "./support/wire.ts";
import { POD, startTriple } from "./support/world.ts";

/** protocols.md, Errors; codes that it leaves out are `unknown` (gRPC PROTOCOL-HTTP2, Errors). REFUSED_STREAM is retried: see retry.test.ts. */
const codes: readonly (readonly [code: number, status: number])[] = [
  [ErrorCode.NO_ERROR, Status.INTERNAL],
  [ErrorCode.PROTOCOL_ERROR, Status.INTERNAL],
  [ErrorCode.INTERNAL_ERROR, Status.INTERNAL],
  [ErrorCode.FLOW_CONTROL_ERROR, Status.INTERNAL],
  [ErrorCode.SETTINGS_TIMEOUT, Status.INTERNAL],
  [ErrorCode.STREAM_CLOSED, Status.UNKNOWN],
  [ErrorCode.FRAME_SIZE_ERROR, Status.INTERNAL],
  [ErrorCode.CANCEL, Status.CANCELLED],
  [ErrorCode.COMPRESSION_ERROR, Status.INTERNAL],
  [ErrorCode.CONNECT_ERROR, Status.INTERNAL],
  [ErrorCode.ENHANCE_YOUR_CALM, Status.RESOURCE_EXHAUSTED],
  [ErrorCode.INADEQUATE_SECURITY, Status.PERMISSION_DENIED],
  [ErrorCode.HTTP_1_1_REQUIRED, Status.UNKNOWN],
];

describe("the pod's reset", () => {
  for (const [code, status] of codes) {
    test(`${errorCodeName(code)} before the head: trailers-only with code ${status} that says where`, async () => {
      const { world, pod, client } = await startTriple();
      const call = client.unary(message(1));
      await world.settle();
      pod.last.reset(code);
      await world.settle();
      expect(call.status.code).toBe(status);
      expect(call.status.message).toBe(
        `upstream head, backend echo, endpoint ${POD}: stream reset with ${errorCodeName(code)}`,
      );
      expect(client.link.fromServer.headers(call.stream.id).map(endsStream)).toEqual([true]);
      expect(call.fields.slice(0, 4)).toEqual(okHead);
      expect(world.backend.calls[status]).toBe(1);
      expect(world.backend.retries).toBe(0);
    });
  }

  for (const [code, status] of [...codes, [ErrorCode.REFUSED_STREAM, Status.UNAVAILABLE] as const]) {
    test(`${errorCodeName(code)} after the head: the client hears the same reset, counted as ${status}`, async () => {
      const { world, pod, client } = await startTriple();
      pod.onHead = (call) => call.sendHead(okHead).send(message(2));
      const call = client.open().send(message(1));
      await world.settle();
      pod.last.reset(code);
      await world.settle();
      expect(call.body).toEqual(message(2));
      expect(call.aborted).toMatchObject({ by: "reset", code });
      expect(client.link.fromServer.resets(call.stream.id)).toEqual([code]);
      expect(world.backend.calls[status]).toBe(1);
      expect(world.outstanding).toBe(0);
    });
  }

  test("unknown code: is internal", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.unary();
    await world.settle();
    pod.last.reset(0xabcdef);
    await world.settle();
    expect(call.status.code).toBe(Status.INTERNAL);
  });
});

describe("the pod's connection", () => {
  test("lost before the head: unavailable, trailers-only, not retried", async () => {
    const { world, pod, client, upstream } = await startTriple();
    const call = client.unary(message(1));
    await world.settle();
    upstream.break();
    await world.settle();
    expect(call.status).toEqual({
      code: Status.UNAVAILABLE,
      message: `upstream head, backend echo, endpoint ${POD}: connection lost: read ECONNRESET`,
    });
    expect(call.trailers).toBeNull();
    expect(pod.calls).toHaveLength(1);
    expect(world.backend.retries).toBe(0);
  });

  test("lost after the head: unavailable in trailers, behind what had come", async () => {
    const { world, pod, client, upstream } = await startTriple();
    pod.onHead = (call) => call.sendHead(okHead).send(message(2));
    const call = client.unary(message(1));
    await world.settle();
    upstream.break();
    await world.settle();
    expect(call.body).toEqual(message(2));
    expect(call.trailers?.fields.slice(0, 2)).toEqual(["grpc-status", "14"]);
    expect(call.status.message).toBe(`upstream body, backend echo, endpoint ${POD}: connection lost: read ECONNRESET`);
  });

  test("FIN under open calls: unavailable at once", async () => {
    const { world, client, upstream } = await startTriple();
    const call = client.unary(message(1));
    await world.settle();
    upstream.server.end();
    await world.settle();
    expect(call.status.code).toBe(Status.UNAVAILABLE);
    expect(call.status.message).toContain("the peer closed the connection");
  });

  test("GOAWAY for an error: calls that the pod may have processed fail as unavailable", async () => {
    const { world, pod, client, upstream } = await startTriple();
    const call = client.unary(message(1));
    await world.settle();
    pod.goaway(1, ErrorCode.INTERNAL_ERROR);
    await world.settle();
    upstream.break();
    await world.settle();
    expect(call.status.code).toBe(Status.UNAVAILABLE);
    expect(pod.calls).toHaveLength(1);
  });

  test("pod that is no HTTP/2 server: unavailable, and the message says so", async () => {
    const { world, client, upstream } = await startTriple();
    const call = client.unary(message(1));
    await world.settle();
    upstream.server.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await world.settle();
    expect(call.status.code).toBe(Status.UNAVAILABLE);
    expect(call.status.message).toMatch(/FRAME_SIZE_ERROR|PROTOCOL_ERROR/);
  });
});

describe("a pod that breaks the rules on one call", () => {
  test("malformed trailers: internal, the other calls go on", async () => {
    const { world, pod, client } = await startTriple();
    const other = client.open();
    const call = client.open().finish();
    await world.settle();
    pod.calls[1]
      .sendHead(okHead)
      .send(message(1))
      .finish([":status", "200", ...okTrailers]);
    await world.settle();
    expect(call.status.code).toBe(Status.INTERNAL);
    expect(call.status.message).toContain("pseudo-fields in trailers");
    answerOk(pod.calls[0]);
    await world.settle();
    expect(other.status.code).toBe(0);
  });

  test("head without a status: internal, trailers-only", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.unary();
    await world.settle();
    pod.last.sendHead(["x-no", "status"]);
    await world.settle();
    expect(call.status.code).toBe(Status.INTERNAL);
    expect(pod.last.aborted?.code).toBe(ErrorCode.PROTOCOL_ERROR);
  });

  test("head over our limits: resource_exhausted, the other calls go on", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.unary();
    await world.settle();
    pod.last.sendHead([...okHead, "x-large", "v".repeat(70_000)]);
    await world.settle();
    expect(call.status.code).toBe(Status.RESOURCE_EXHAUSTED);
    pod.onCall = (served) => answerOk(served);
    const next = client.unary();
    await world.settle();
    expect(next.status.code).toBe(0);
  });

  test("again and again: is no reason to end the pod's connection, on which other calls are", async () => {
    const { world, pod, client } = await startTriple();
    const other = client.open();
    await world.settle();
    const [open] = pod.calls;
    pod.onCall = (call) => call.sendHead(["x-no", "status"]);
    for (let i = 0; i < 12; i++) {
      for (let k = 0; k < 50; k++) client.unary();
      await world.settle();
    }
    expect(world.backend.calls[Status.INTERNAL]).toBe(600);
    answerOk(open);
    await world.settle();
    expect(other.status.code).toBe(0);
    expect(world.net.linksTo(POD)).toHaveLength(1);
  });

  test("informational heads: are skipped", async () => {
    const { world, pod, client } = await startTriple();
    const call = client.unary();
    await world.settle();
    pod.last.sendHead([":status", "103", "link", "x"]).sendHead([":status", "100"]);
    answerOk(pod.last);
    await world.settle();
    expect(call.events).toEqual(["head", "end"]);
    expect(call.fields).toEqual(okHead);
  });
});
