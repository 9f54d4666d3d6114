import { afterEach, describe, expect, test, vi } from "vitest";
import { ConnectUnaryRequest, ConnectUnaryResponse } from "../../src/protocols/connect-unary.ts";
import { EnvelopeGuard } from "../../src/protocols/envelope.ts";
import { GrpcWebRequest, GrpcWebResponse } from "../../src/protocols/grpc-web.ts";
import { message, requestFields } from "./support/fields.ts";
import { answerOk } from "./support/pod.ts";
import { startTriple } from "./support/world.ts";

/** Every method by which a stage takes part in a call. */
function spies() {
  return [EnvelopeGuard, GrpcWebRequest, GrpcWebResponse, ConnectUnaryRequest, ConnectUnaryResponse].flatMap((stage) =>
    Object.entries(Object.getOwnPropertyDescriptors(stage.prototype))
      .filter(([name, { value }]) => name !== "constructor" && typeof value === "function")
      .map(([name]) => vi.spyOn(stage.prototype as unknown as Record<string, () => void>, name)),
  );
}

afterEach(() => vi.restoreAllMocks());

describe("splice", () => {
  test("gRPC to gRPC: no protocol stage and no envelope guard is entered", async () => {
    const watched = spies();
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call, message(10));
    const call = client.unary(message(5));
    await world.settle();
    expect(call.status.code).toBe(0);
    expect(watched.reduce((sum, spy) => sum + spy.mock.calls.length, 0)).toBe(0);
  });

  test("gRPC-Web through the same spies: it is entered, so the test above can fail", async () => {
    const watched = spies();
    const { world, pod, client } = await startTriple();
    pod.onCall = (call) => answerOk(call, message(10));
    const fields = requestFields().map((text) => (text === "application/grpc" ? "application/grpc-web+proto" : text));
    client.unary(message(5), fields);
    await world.settle();
    expect(watched.reduce((sum, spy) => sum + spy.mock.calls.length, 0)).toBeGreaterThan(0);
  });
});
